//! Whether a switch may begin, and writing down that it has.

use std::time::Duration;

use launcher_model::event::{EventKind, NewEvent};
use launcher_model::plan::shares;
use launcher_model::route::{Deployment, DeploymentKind, DeploymentState, Weights};
use launcher_model::{Generation, VersionNumber};
use launcher_store::NewDeployment;

use super::{DeployRequest, freeze, on, target};
use crate::slot::Slot;
use crate::{Error, Inner, Result};

/// What became of asking for a switch.
pub(super) enum Begun {
    LiveAlready(Box<Deployment>),
    New(Box<New>),
}

/// A switch that has begun.
pub(super) struct New {
    pub(super) deployment: Deployment,
    /// The version that it is about.
    pub(super) about: Option<VersionNumber>,
    /// Those whose containers are to be started first.
    pub(super) must_start: Vec<VersionNumber>,
    pub(super) hold: Option<Duration>,
    /// What whoever asked should know.
    pub(super) warnings: Vec<String>,
}

/// Writes the deployment down, if it may be made.
pub(super) async fn begin(inner: &Inner, slot: &Slot, request: &DeployRequest) -> Result<Begun> {
    let _turn = slot.turn().await;
    let route = inner.store.route(&slot.name).await?;
    let (to, kind) = target::choose(inner, &slot.name, &request.target, &route).await?;
    if route.weights == to {
        must_stay_live(inner, slot, &to).await?;
        if to.is_empty() && route.generation == Generation(0) {
            let why =
                format!("nothing was ever live on {}: there is nothing to take offline", slot.name);
            return Err(Error::Refused(why));
        }
        let made = target::made_live(inner, &slot.name, &to).await?;
        return Ok(Begun::LiveAlready(Box::new(made)));
    }
    if request.seen.is_some_and(|seen| seen != route.generation) {
        return Err(Error::Refused(format!(
            "{} was switched meanwhile; nothing was done, look again before you decide",
            slot.name
        )));
    }
    let mut must_start = Vec::new();
    for number in to.keys().copied() {
        let environment = inner.store.environment(&slot.name, number).await?;
        let environment = environment.ok_or_else(|| Error::NoVersion(slot.name.clone(), number))?;
        if target::must_start(&environment)? {
            must_start.push(number);
        }
    }
    // Whatever cannot be deployed at all cannot be insisted upon either.
    let during = freeze::check(inner, request, kind, &to).await?;
    let starts = !must_start.is_empty();
    let state = if starts { DeploymentState::Starting } else { DeploymentState::Preparing };
    let about = shares::gains_most(&route.weights, &to);
    let known = inner.store.service(&slot.name).await?;
    let is_deleted = known.is_some_and(|service| service.deletion.is_some());
    let text = asked(request, kind, &to, &must_start, is_deleted) + &during.told();
    let new = NewDeployment {
        service: slot.name.clone(),
        kind,
        state,
        from: route.weights,
        to,
        by: request.by.clone(),
        automatic: request.automatic,
        note: during.note(request.note.clone()),
        key: request.key.clone(),
    };
    let event = NewEvent::new(EventKind::DeploymentStarted, text).by(&request.by);
    let event = on(event, slot, about);
    let begun = inner.store.begin_deployment(new, &[event], inner.now()).await;
    let deployment = begun.map_err(|error| match error {
        launcher_store::Error::Busy(other) => Error::Busy(other),
        error => error.into(),
    })?;
    slot.set_active(Some(deployment.id));
    let hold = request.hold;
    let warnings = during.warnings;
    Ok(Begun::New(Box::new(New { deployment, about, must_start, hold, warnings })))
}

/// What is asked for, in words.
fn asked(
    request: &DeployRequest,
    kind: DeploymentKind,
    to: &Weights,
    must_start: &[VersionNumber],
    is_deleted: bool,
) -> String {
    let (by, to_told) = (&request.by, target::told(to));
    let what = match kind {
        DeploymentKind::Offline if is_deleted => {
            return format!("{} goes offline, as {by} deletes it", request.service);
        }
        DeploymentKind::Offline => return format!("{by} takes {} offline", request.service),
        DeploymentKind::Rollback => "rolls back to",
        DeploymentKind::Deploy if shares::whole(to).is_some() => "deploys",
        DeploymentKind::Deploy => "shares the traffic out over",
    };
    let first = match must_start {
        [] => String::new(),
        [_] if to.len() == 1 => "; its containers are started first".to_owned(),
        some => {
            let some: Vec<String> = some.iter().map(ToString::to_string).collect();
            format!("; the containers of {} are started first", some.join(", "))
        }
    };
    format!("{by} {what} {to_told}{first}")
}

/// What is live is not for long when a deployment under way goes elsewhere.
async fn must_stay_live(inner: &Inner, slot: &Slot, live: &Weights) -> Result<()> {
    let Some(active) = slot.active() else { return Ok(()) };
    let deployment = inner.store.deployment(active).await?;
    let leaves = deployment.is_some_and(|one| one.state.blocks_others() && one.to != *live);
    if leaves { Err(Error::Busy(active)) } else { Ok(()) }
}
