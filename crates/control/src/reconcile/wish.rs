//! What a service shall be, as the store has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use launcher_model::VersionNumber;
use launcher_model::branch::Branch;
use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use launcher_model::route::{Deployment, Route};
use launcher_model::service::ServiceSpec;
use launcher_model::version::Version;
use launcher_store::Deletion;

use super::Reconciler;
use crate::Result;
use crate::branches::for_edges;

/// What one pass reads from the store.
pub(super) struct Wish {
    pub(super) spec: ServiceSpec,
    pub(super) route: Route,
    pub(super) environments: Vec<Environment>,
    pub(super) versions: BTreeMap<VersionNumber, Arc<Version>>,
    pub(super) unfinished: Vec<Deployment>,
    pub(super) deletion: Option<Deletion>,
    pub(super) branches: Vec<Branch>,
}

impl Reconciler {
    pub(super) async fn read(&self) -> Result<Option<Wish>> {
        let (store, name) = (&self.inner.store, &self.slot.name);
        let Some(service) = store.service(name).await? else { return Ok(None) };
        let route = store.route(name).await?;
        let environments = store.environments(name, false).await?;
        let mut versions = BTreeMap::new();
        for environment in &environments {
            if let Some(version) = self.inner.version(&self.slot, environment.version).await? {
                versions.insert(environment.version, version);
            }
        }
        let unfinished = self.unfinished().await?;
        let branches = store.branches(name).await?;
        let (spec, deletion) = (service.spec, service.deletion);
        Ok(Some(Wish { spec, route, environments, versions, unfinished, deletion, branches }))
    }

    /// The service's deployments that are neither done nor aborted.
    pub(super) async fn unfinished(&self) -> Result<Vec<Deployment>> {
        let all = self.inner.store.unfinished_deployments().await?;
        Ok(all.into_iter().filter(|one| one.service == self.slot.name).collect())
    }
}

impl Wish {
    pub(super) fn contacts(&self) -> BTreeMap<VersionNumber, launcher_model::service::Contact> {
        let versions = self.versions.iter();
        versions.map(|(number, version)| (*number, version.spec.contact())).collect()
    }

    pub(super) fn branches_for_edges(&self) -> launcher_edge::table::Branches {
        for_edges(&self.branches, &self.environments, |number| {
            Some(self.versions.get(&number)?.spec.health.start_period.duration())
        })
    }

    /// It is live, or a branch's hostname leads to it.
    pub(super) fn is_led_to(&self, version: VersionNumber) -> bool {
        self.route.is_live(version)
            || self.branches.iter().any(|branch| branch.current == Some(version))
    }

    /// Its own hostname leads to it.
    pub(super) fn is_ready(&self, version: VersionNumber) -> bool {
        self.environment(version).is_some_and(|environment| {
            environment.state == EnvironmentState::Ready && environment.wanted == Wanted::Running
        })
    }

    pub(super) fn environment(&self, number: VersionNumber) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.version == number)
    }
}
