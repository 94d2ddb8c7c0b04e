//! Environments of branches: what is done beside a service's loop, and what edges are told of them.

mod looks;
mod rest;
mod view;
mod wake;

use std::collections::BTreeMap;
use std::time::Duration;

use launcher_edge::table::{Branches, Rest, RestKind};
use launcher_model::branch::Branch;
use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use launcher_model::{ServiceName, VersionNumber};

use crate::slot::Slot;
use crate::{Inner, Result};

pub(crate) use looks::{Looks, Watching, heard};
pub(crate) use rest::Rests;
pub use view::BranchView;
pub(crate) use wake::wake;

/// No request waits longer for an environment that is being started.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What edges are told of a service's branches. `start_period` says how long a version may take to start.
pub(crate) fn for_edges(
    branches: &[Branch],
    environments: &[Environment],
    start_period: impl Fn(VersionNumber) -> Option<Duration>,
) -> Branches {
    let alias = |branch: &Branch| Some((branch.label.clone(), leads_to(branch, environments)?));
    let resting = environments.iter().filter_map(|environment| {
        let kind = rest(environment)?;
        let within = start_period(environment.version)?.min(LONGEST_WAIT);
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        Some((environment.version, Rest { kind, within_ms }))
    });
    Branches {
        aliases: branches.iter().filter_map(alias).collect(),
        resting: resting.collect::<BTreeMap<_, _>>(),
    }
}

/// Where a branch's name leads: to the newest version that became ready; before the first has, to the
/// newest.
fn leads_to(branch: &Branch, environments: &[Environment]) -> Option<VersionNumber> {
    let own = environments.iter().filter(|one| one.branch.as_deref() == Some(&branch.name));
    branch.current.or_else(|| own.map(|one| one.version).max())
}

/// Why a branch's environment does not serve, if a request may wait for it or is told that it failed.
fn rest(environment: &Environment) -> Option<RestKind> {
    environment.branch.as_ref()?;
    match (environment.state, environment.wanted) {
        (_, Wanted::Gone) => None,
        (EnvironmentState::Failed, _) => Some(RestKind::Failed),
        (_, Wanted::Stopped) => environment.asleep.then_some(RestKind::Asleep),
        (EnvironmentState::Creating | EnvironmentState::Stopped, Wanted::Running) => {
            Some(RestKind::Starting)
        }
        (EnvironmentState::Ready | EnvironmentState::Destroyed, Wanted::Running) => None,
    }
}

impl Inner {
    /// What edges are told of a service's branches, as it is kept now.
    pub(crate) async fn branches_for_edges(
        &self,
        slot: &Slot,
        environments: &[Environment],
    ) -> Result<Branches> {
        let branches = self.store.branches(&slot.name).await?;
        let mut periods = BTreeMap::new();
        for environment in environments.iter().filter(|one| one.branch.is_some()) {
            if let Some(version) = self.version(slot, environment.version).await? {
                periods.insert(version.number, version.spec.health.start_period.duration());
            }
        }
        Ok(for_edges(&branches, environments, |version| periods.get(&version).copied()))
    }

    /// The labels before the service's own in hostnames of production: a branch must not be called so.
    pub(crate) async fn labels_of_hosts(&self, service: &ServiceName) -> Result<Vec<String>> {
        let behind = format!(".{service}.{}", self.hub.preview_domain());
        let services = self.store.services().await?;
        let hosts = services.iter().flat_map(|service| &service.spec.service.hosts);
        Ok(hosts.filter_map(|host| Some(host.strip_suffix(&behind)?.to_owned())).collect())
    }
}
