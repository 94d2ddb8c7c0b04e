//! What the control plane knows, for those who ask.

use jiff::Timestamp;
use launcher_model::environment::Environment;
use launcher_model::plan::environment::Checked;
use launcher_model::route::Route;
use launcher_model::{ServiceName, VersionNumber, Weight};

use crate::engine::EngineState;
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
}

impl EnvironmentView {
    /// How many containers may be sent requests.
    #[must_use]
    pub fn healthy(&self) -> usize {
        self.containers.iter().filter(|checked| checked.serves()).count()
    }
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
        let observed = self.observed(service);
        let views =
            environments.into_iter().map(|environment| view(environment, &route, &observed));
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
        Ok(view(environment, &route, &self.observed(service)))
    }

    /// A service's containers, as they were last observed.
    #[must_use]
    pub fn observed(&self, service: &ServiceName) -> Vec<Checked> {
        let slot = self.inner.slot(service);
        slot.and_then(|slot| slot.observed()).map(|all| all.to_vec()).unwrap_or_default()
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

fn view(environment: Environment, route: &Route, observed: &[Checked]) -> EnvironmentView {
    let own = observed.iter().filter(|checked| checked.container.version == environment.version);
    let containers = own.cloned().collect();
    let weight = route.weights.get(&environment.version).copied();
    EnvironmentView { environment, containers, weight }
}
