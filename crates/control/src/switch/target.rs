//! Which versions a switch goes to, and whether it may.

use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use launcher_model::plan::shares;
use launcher_model::route::{Deployment, DeploymentKind, DeploymentState, Route, Weights};
use launcher_model::{ServiceName, VersionNumber, Weight};
use launcher_store::{DeploymentFilter, Page};

use crate::{Error, Inner, Result};

/// Where a switch goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To this version.
    Deploy(VersionNumber),
    /// So much of it to this version. The rest stays with what is live, in proportion.
    Share(VersionNumber, Weight),
    /// To these versions, each with its share.
    Split(Vec<(VersionNumber, Weight)>),
    /// Back to this version.
    RollbackTo(VersionNumber),
    /// Back to the one that had all traffic before: see [`shares::before`].
    RollbackToPrevious,
    /// To none.
    Offline,
}

/// How far back the version before is looked for, in deployments.
const HISTORY: u32 = 100;

/// The shares that a target means, as the route now is.
pub(super) async fn choose(
    inner: &Inner,
    service: &ServiceName,
    target: &Target,
    route: &Route,
) -> Result<(Weights, DeploymentKind)> {
    Ok(match target {
        Target::Deploy(number) => (shares::all_to(*number), DeploymentKind::Deploy),
        Target::Share(number, weight) => {
            let to = shares::with_share(&route.weights, *number, *weight);
            let to = to.map_err(|error| Error::Refused(error.to_string()))?;
            (to, DeploymentKind::Deploy)
        }
        Target::Split(split) => {
            let to = shares::split(split.iter().copied());
            let to = to.map_err(|error| Error::Invalid(error.to_string()))?;
            (to, DeploymentKind::Deploy)
        }
        Target::RollbackTo(number) => (shares::all_to(*number), DeploymentKind::Rollback),
        Target::RollbackToPrevious => {
            let number = previous(inner, service, route).await?;
            (shares::all_to(number), DeploymentKind::Rollback)
        }
        Target::Offline => (Weights::new(), DeploymentKind::Offline),
    })
}

/// The version to go back to when none is named.
async fn previous(inner: &Inner, service: &ServiceName, route: &Route) -> Result<VersionNumber> {
    live_before(inner, service, route).await?.ok_or_else(|| {
        Error::Refused(format!(
            "nothing was live before on {service}; name the version: `launcher rollback {service} VERSION`"
        ))
    })
}

/// The version that had all traffic before what is live now.
pub(crate) async fn live_before(
    inner: &Inner,
    service: &ServiceName,
    route: &Route,
) -> Result<Option<VersionNumber>> {
    let before = shares::before(&history(inner, service).await?, &route.weights);
    let Some(number) = before.filter(|_| route.weights.is_empty()) else { return Ok(before) };
    // Where the service was deleted since, and is back, what was live before went with it.
    let environment = inner.store.environment(service, number).await?;
    let is_there =
        |one: &Environment| one.state != EnvironmentState::Destroyed && one.wanted != Wanted::Gone;
    Ok(environment.filter(is_there).map(|_| number))
}

/// The newest deployment that made these weights.
pub(super) async fn made_live(
    inner: &Inner,
    service: &ServiceName,
    weights: &Weights,
) -> Result<Deployment> {
    let made = history(inner, service).await?.into_iter().find(|deployment| {
        deployment.to == *weights && deployment.state != DeploymentState::Aborted
    });
    made.ok_or_else(|| {
        Error::Refused(if weights.is_empty() {
            format!("nothing of {service} is live, and nothing was: it is offline already")
        } else {
            format!("no deployment of {service} made that live")
        })
    })
}

/// A service's deployments, newest first, as far back as is looked.
pub(crate) async fn history(inner: &Inner, service: &ServiceName) -> Result<Vec<Deployment>> {
    let page = Page { before: None, limit: HISTORY };
    let filter = DeploymentFilter { service: Some(service.clone()), among: None, page };
    Ok(inner.store.deployments(&filter).await?)
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

/// Shares in words: `v2`, `v1 90 %, v2 10 %`, or `nothing`.
pub(super) fn told(weights: &Weights) -> String {
    if let Some(version) = shares::whole(weights) {
        return version.to_string();
    }
    let shares =
        weights.iter().map(|(version, weight)| format!("{version} {} %", weight.percent()));
    shares.collect::<Vec<_>>().join(", ")
}
