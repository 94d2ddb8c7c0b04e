//! A service in short, as lists of many services and its own page show it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use launcher_model::branch::Branch;
use launcher_model::environment::Environment;
use launcher_model::plan::auto::Plan;
use launcher_model::route::{Deployment, Route};
use launcher_model::service::ServiceSpec;
use launcher_model::version::Version;
use launcher_model::{ServiceName, VersionNumber};
use launcher_store::Service;

use crate::branches::BranchView;
use crate::observe::EnvironmentView;
use crate::{Control, Error, Inner, Result};

/// What is live of a service, what waits beside it, and what was deployed before.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Where its traffic goes.
    pub route: Route,
    /// Its environments, newest first, without those that are destroyed.
    pub environments: Vec<EnvironmentView>,
    /// Its branches, by name.
    pub branches: Vec<BranchView>,
    /// Its newest deployments, newest first, as far back as is looked.
    pub history: Arc<Vec<Deployment>>,
}

/// What the store has of one service.
struct Kept {
    route: Route,
    environments: Vec<Environment>,
    branches: Vec<Branch>,
    history: Arc<Vec<Deployment>>,
}

impl Control {
    /// A service in short.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn overview(&self, service: &Service) -> Result<Overview> {
        let (store, name) = (&self.inner.store, &service.spec.service.name);
        let kept = Kept {
            route: store.route(name).await?,
            environments: store.environments(name, false).await?,
            branches: store.branches(name).await?,
            history: self.inner.histories.one(&**store, name).await?,
        };
        Ok(self.inner.overview(service, kept))
    }

    /// The same of many services, in their order: as many questions to the store as for one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn overviews(&self, services: &[Service]) -> Result<Vec<Overview>> {
        let store = &self.inner.store;
        let (routes, environments, branches, mut histories) = tokio::try_join!(
            async { Ok::<_, Error>(store.routes().await?) },
            async { Ok(store.all_environments().await?) },
            async { Ok(store.all_branches().await?) },
            self.inner.histories.all(&**store),
        )?;
        let mut routes = routes.into_iter().map(|one| (one.service.clone(), one)).collect();
        let mut environments = grouped(environments, |one| one.service.clone());
        let mut branches = grouped(branches, |one| one.service.clone());
        let overviews = services.iter().map(|service| {
            let name = &service.spec.service.name;
            let routes: &mut HashMap<ServiceName, Route> = &mut routes;
            let kept = Kept {
                route: routes.remove(name).unwrap_or_else(|| Route::none(name.clone())),
                environments: environments.remove(name).unwrap_or_default(),
                branches: branches.remove(name).unwrap_or_default(),
                history: histories.remove(name).unwrap_or_default(),
            };
            self.inner.overview(service, kept)
        });
        Ok(overviews.collect())
    }

    /// The version of a service that goes live by itself next, as [`Control::next_auto`] finds it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_auto_of<'a>(
        &self,
        spec: &'a ServiceSpec,
        overview: &Overview,
    ) -> Result<Option<Plan<'a>>> {
        if spec.deploy.auto.is_none() {
            return Ok(None);
        }
        let environments = overview.environments.iter().map(|view| view.environment.clone());
        let environments: Vec<_> = environments.collect();
        self.inner.next_auto(spec, &environments, &overview.route).await
    }

    /// One version. It is read once: it cannot change.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn version(
        &self,
        service: &ServiceName,
        number: VersionNumber,
    ) -> Result<Option<Arc<Version>>> {
        match self.inner.slot(service) {
            Some(slot) => self.inner.version(&slot, number).await,
            None => Ok(self.inner.store.version(service, number).await?.map(Arc::new)),
        }
    }
}

impl Inner {
    fn overview(&self, service: &Service, kept: Kept) -> Overview {
        let Kept { route, environments, branches, history } = kept;
        let name = &service.spec.service.name;
        let slot = self.slot(name);
        let looked = slot.as_deref().filter(|_| !branches.is_empty()).map(|slot| slot.looks.all());
        let looked = looked.unwrap_or_default();
        let settings = &service.spec.branches;
        let branches = branches.into_iter();
        let branches = branches.map(|one| BranchView::new(one, &environments, &looked, settings));
        let branches = branches.collect();
        let environments = environments.into_iter();
        let environments =
            environments.map(|one| EnvironmentView::new(one, &route, slot.as_deref()));
        Overview { environments: environments.collect(), route, branches, history }
    }
}

fn grouped<K: Eq + Hash, T>(all: Vec<T>, key: impl Fn(&T) -> K) -> HashMap<K, Vec<T>> {
    let mut groups: HashMap<K, Vec<T>> = HashMap::new();
    for one in all {
        groups.entry(key(&one)).or_default().push(one);
    }
    groups
}
