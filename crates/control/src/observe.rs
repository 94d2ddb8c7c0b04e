//! What the control plane knows, for those who ask.

use jiff::Timestamp;
use launcher_model::container::Container;
use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use launcher_model::plan::environment::Checked;
use launcher_model::plan::leaving::served_places;
use launcher_model::route::Route;
use launcher_model::{ServiceName, VersionNumber, Weight};
use launcher_store::vault::PassFor;
use tokio::sync::watch;

use crate::engine::EngineState;
use crate::slot::Slot;
use crate::{Control, Error, Result};

/// An environment with its containers and its share of the traffic.
#[derive(Debug, Clone)]
pub struct EnvironmentView {
    /// What is wanted, and how far it has come.
    pub environment: Environment,
    /// Its containers.
    pub containers: Vec<Checked>,
    /// Its share of the production traffic.
    pub weight: Option<Weight>,
    /// Why it cannot be made whole, while it shall run and was ready.
    pub trouble: Option<String>,
    /// Whether its containers were looked at since the server was started.
    pub looked_at: bool,
}

impl EnvironmentView {
    pub(crate) fn new(environment: Environment, route: &Route, slot: Option<&Slot>) -> Self {
        let observed = slot.and_then(Slot::observed);
        let own = |checked: &&Checked| checked.container.version == environment.version;
        let containers = observed.iter().flat_map(|all| all.iter()).filter(own).cloned().collect();
        let weight = route.weights.get(&environment.version).copied();
        let shall_serve =
            environment.state == EnvironmentState::Ready && environment.wanted == Wanted::Running;
        let trouble =
            slot.filter(|_| shall_serve).and_then(|slot| slot.trouble(environment.version));
        Self { environment, containers, weight, trouble, looked_at: observed.is_some() }
    }

    /// How many of its places have a container that may be sent requests.
    #[must_use]
    pub fn healthy(&self) -> usize {
        served_places(self.environment.replicas, &self.containers)
    }

    /// How many containers of a ready environment are not known to be healthy or not: the server was
    /// started a moment ago, or they were. Those of one that is on its way were never healthy.
    #[must_use]
    pub fn unchecked(&self) -> usize {
        let Environment { state, wanted, replicas, .. } = &self.environment;
        match (state, wanted) {
            (EnvironmentState::Ready, Wanted::Running) if self.looked_at => {
                self.containers.iter().filter(|checked| checked.is_unknown()).count()
            }
            (EnvironmentState::Ready, Wanted::Running) => usize::from(*replicas),
            _ => 0,
        }
    }
}

/// The containers of all services.
#[derive(Debug, Clone)]
pub struct AllObserved {
    /// These.
    pub containers: Vec<Container>,
    /// Each service was looked at since the server was started.
    pub complete: bool,
}

/// The scheduler's engine.
#[derive(Debug, Clone)]
pub struct EngineView {
    /// Its name.
    pub name: &'static str,
    /// Since when and why it does not answer; none while it does.
    pub lost: Option<(Timestamp, String)>,
}

impl Control {
    /// A service's route and its environments, newest first.
    ///
    /// # Errors
    /// When there is no such service.
    pub async fn environments(
        &self,
        service: &ServiceName,
        destroyed: bool,
    ) -> Result<(Route, Vec<EnvironmentView>)> {
        let store = &self.inner.store;
        if store.service(service).await?.is_none() {
            return Err(Error::NoService(service.clone()));
        }
        let route = store.route(service).await?;
        let environments = store.environments(service, destroyed).await?;
        let slot = self.inner.slot(service);
        let views = environments.into_iter();
        let views = views.map(|one| EnvironmentView::new(one, &route, slot.as_deref()));
        Ok((route.clone(), views.collect()))
    }

    /// One environment.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn environment(
        &self,
        service: &ServiceName,
        number: VersionNumber,
    ) -> Result<EnvironmentView> {
        let store = &self.inner.store;
        let environment = store.environment(service, number).await?;
        let environment = environment.ok_or_else(|| Error::NoVersion(service.clone(), number))?;
        let route = store.route(service).await?;
        Ok(EnvironmentView::new(environment, &route, self.inner.slot(service).as_deref()))
    }

    /// What a request carries that tries a version on a production hostname, see
    /// [`Passes`](launcher_edge::table::Passes).
    #[must_use]
    pub fn trial_pass(&self, service: &ServiceName, number: VersionNumber) -> String {
        self.inner.vault.pass(PassFor::Trying, service, number)
    }

    /// A service's containers, as they were last observed.
    #[must_use]
    pub fn observed(&self, service: &ServiceName) -> Vec<Checked> {
        let observed = self.inner.slot(service).and_then(|slot| slot.observed());
        observed.map(|all| all.to_vec()).unwrap_or_default()
    }

    /// Changes each time that a service's containers were looked at; none where the service is gone.
    #[must_use]
    pub fn looks(&self, service: &ServiceName) -> Option<watch::Receiver<u64>> {
        self.inner.slot(service).map(|slot| slot.passes())
    }

    /// The containers of all services, as they were last observed.
    #[must_use]
    pub fn all_observed(&self) -> AllObserved {
        let mut all = AllObserved { containers: Vec::new(), complete: true };
        for slot in self.inner.slots() {
            match slot.observed() {
                Some(observed) => {
                    let containers = observed.iter().map(|checked| checked.container.clone());
                    all.containers.extend(containers);
                }
                None => all.complete = false,
            }
        }
        all
    }

    /// The scheduler's engine.
    #[must_use]
    pub fn engine(&self) -> EngineView {
        let lost = match self.inner.engine_state() {
            EngineState::Lost { since, why } => Some((since, why)),
            EngineState::Up | EngineState::Unknown => None,
        };
        EngineView { name: self.inner.scheduler.capabilities().name, lost }
    }
}
