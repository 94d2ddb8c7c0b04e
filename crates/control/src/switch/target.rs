//! Which version a switch goes to, and whether it may.

use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use launcher_model::plan::environment::Checked;
use launcher_model::route::{Deployment, DeploymentKind, DeploymentState, Route, Weights};
use launcher_model::{ServiceName, VersionNumber, Weight};
use launcher_store::{DeploymentFilter, Page};

use crate::{Error, Inner, Result};

/// Where a switch goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To this version.
    Deploy(VersionNumber),
    /// Back to this version.
    RollbackTo(VersionNumber),
    /// Back to the one that was live before.
    RollbackToPrevious,
    /// To none.
    Offline,
}

/// How far back the version before is looked for, in deployments.
const HISTORY: u32 = 100;

pub(super) fn all_to(number: Option<VersionNumber>) -> Weights {
    number.map(|number| (number, Weight::ALL)).into_iter().collect()
}

pub(super) async fn choose(
    inner: &Inner,
    service: &ServiceName,
    target: &Target,
    route: &Route,
) -> Result<(Option<VersionNumber>, DeploymentKind)> {
    match target {
        Target::Deploy(number) => Ok((Some(*number), DeploymentKind::Deploy)),
        Target::RollbackTo(number) => Ok((Some(*number), DeploymentKind::Rollback)),
        Target::RollbackToPrevious => {
            Ok((Some(previous(inner, service, route).await?), DeploymentKind::Rollback))
        }
        Target::Offline => Ok((None, DeploymentKind::Offline)),
    }
}

/// The version to go back to when none is named.
async fn previous(inner: &Inner, service: &ServiceName, route: &Route) -> Result<VersionNumber> {
    live_before(inner, service, route).await?.ok_or_else(|| {
        Error::Refused(format!(
            "nothing was live before on {service}; name the version: `launcher rollback {service} VERSION`"
        ))
    })
}

/// The version that was live before what is live now; the heaviest, when there were several.
pub(crate) async fn live_before(
    inner: &Inner,
    service: &ServiceName,
    route: &Route,
) -> Result<Option<VersionNumber>> {
    // A service that was deleted and is back has no part in what was live in its life before.
    if route.weights.is_empty() {
        return Ok(None);
    }
    let made = newest_to(inner, service, &route.weights).await?;
    let heaviest = made.and_then(|made| made.from.into_iter().max_by_key(|(_, weight)| *weight));
    Ok(heaviest.map(|(number, _)| number))
}

/// The newest deployment that made these weights.
pub(super) async fn made_live(
    inner: &Inner,
    service: &ServiceName,
    weights: &Weights,
) -> Result<Deployment> {
    let made = newest_to(inner, service, weights).await?;
    made.ok_or_else(|| Error::Refused(format!("no deployment of {service} made that live")))
}

async fn newest_to(
    inner: &Inner,
    service: &ServiceName,
    weights: &Weights,
) -> Result<Option<Deployment>> {
    let page = Page { before: None, limit: HISTORY };
    let filter = DeploymentFilter { service: Some(service.clone()), page };
    let history = inner.store.deployments(&filter).await?;
    Ok(history.into_iter().find(|deployment| {
        deployment.to == *weights && deployment.state != DeploymentState::Aborted
    }))
}

/// Whether an environment must be started before it can be live.
pub(super) fn must_start(environment: &Environment) -> Result<bool> {
    let number = environment.version;
    let refused = |why: String| Err(Error::Refused(why));
    match (environment.state, environment.wanted) {
        (EnvironmentState::Destroyed, _) | (_, Wanted::Gone) => {
            refused(format!("{number} is destroyed; launch its image again"))
        }
        (EnvironmentState::Ready, Wanted::Running) => Ok(false),
        (EnvironmentState::Stopped, _) | (EnvironmentState::Ready, Wanted::Stopped) => Ok(true),
        (EnvironmentState::Creating, _) => {
            refused(format!("{number} is not ready yet; wait for it, or launch with --wait"))
        }
        (EnvironmentState::Failed, _) => {
            let why = environment.failure.as_ref().map_or("", |failure| failure.reason.as_str());
            refused(format!("{number} has failed and cannot be live: {why}"))
        }
    }
}

pub(super) fn serves(checked: &Checked, number: VersionNumber) -> bool {
    checked.container.version == number && checked.serves()
}
