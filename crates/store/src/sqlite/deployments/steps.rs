//! The steps of a deployment, in their order.

use std::collections::BTreeSet;

use jiff::Timestamp;
use launcher_model::event::NewEvent;
use launcher_model::route::{Deployment, DeploymentKind, DeploymentState, Receipt, Route};
use launcher_model::{DeploymentId, VersionNumber};

use super::{blocking, existing, insert, update, with_traffic, wrong_state};
use crate::sqlite::fault::Fault;
use crate::sqlite::row::{corrupt, to_json};
use crate::sqlite::write::Write;
use crate::sqlite::{branches, events, idempotency, routes, services};
use crate::{Error, Made, NewDeployment};

pub(in crate::sqlite) async fn begin(
    write: &mut Write,
    new: NewDeployment,
    new_events: &[NewEvent],
    at: Timestamp,
) -> Result<Deployment, Fault> {
    match new.kind {
        DeploymentKind::Offline => services::must_exist(write, &new.service).await?,
        _ => services::must_stay(write, &new.service).await?,
    }
    let NewDeployment { service, kind, state, from, to, by, automatic, note, key } = new;
    let newest = services::newest_version(write, &service).await?;
    let mut deployment = Deployment {
        id: DeploymentId(0),
        service,
        kind,
        state,
        from,
        to,
        generation: None,
        by,
        automatic,
        newest,
        note,
        created_at: at,
        finished_at: None,
        abort_reason: None,
        receipt: None,
    };
    // The index `deployments_blocking` lets only one of them in.
    deployment.id = match insert(write, &deployment).await? {
        Some(id) => id,
        None => return Err(busy(write, &deployment).await?),
    };
    events::record_for(write, deployment.id, new_events, at).await?;
    idempotency::made(write, key.as_deref(), &Made::Deployment(deployment.id)).await?;
    Ok(deployment)
}

async fn busy(write: &mut Write, refused: &Deployment) -> Result<Fault, Fault> {
    let other = blocking(write, &refused.service).await?;
    Ok(other.map_or_else(|| corrupt("deployment", &"its id is taken"), |id| Error::Busy(id).into()))
}

pub(in crate::sqlite) async fn set_state(
    write: &mut Write,
    id: DeploymentId,
    state: DeploymentState,
) -> Result<(), Fault> {
    let undecided = [DeploymentState::Starting, DeploymentState::Preparing];
    let mut deployment = existing(write, id).await?;
    if !undecided.contains(&deployment.state) || !undecided.contains(&state) {
        return Err(wrong_state(&deployment, state));
    }
    if deployment.state != state {
        deployment.state = state;
        update(write, &deployment).await?;
    }
    Ok(())
}

pub(in crate::sqlite) async fn commit(
    write: &mut Write,
    id: DeploymentId,
    at: Timestamp,
) -> Result<Route, Fault> {
    let mut deployment = existing(write, id).await?;
    let mut route = routes::one(write.connection()?, &deployment.service).await?;
    match deployment.state {
        DeploymentState::Preparing | DeploymentState::Starting => {}
        // Decided before; while it is committing, nobody else can have changed the route.
        DeploymentState::Committing => return Ok(route),
        _ => return Err(wrong_state(&deployment, DeploymentState::Committing)),
    }
    if route.weights != deployment.from {
        return Err(Error::Conflict(format!("the route of {}", deployment.service)).into());
    }
    must_be_ready(write, &deployment).await?;
    route.generation = route.generation.next();
    route.weights.clone_from(&deployment.to);
    routes::store(write, &route).await?;
    deployment.state = DeploymentState::Committing;
    deployment.generation = Some(route.generation);
    update(write, &deployment).await?;
    mark_used(write, &deployment, at).await?;
    let live: BTreeSet<VersionNumber> = with_traffic(&deployment.to).collect();
    branches::leave(write, &deployment.service, &live).await?;
    Ok(route)
}

/// The last guard of the rule that traffic only goes to what is ready: the environment may have been
/// stopped since the deployment began.
async fn must_be_ready(write: &mut Write, deployment: &Deployment) -> Result<(), Fault> {
    let wanted: BTreeSet<VersionNumber> = with_traffic(&deployment.to).collect();
    let sql = "SELECT version FROM environments
        WHERE service = ? AND version IN (SELECT value FROM json_each(?))
            AND state = 'ready' AND wanted = 'running'";
    let ready: Vec<u32> = sqlx::query_scalar(sql)
        .bind(deployment.service.as_str())
        .bind(to_json("version", &wanted)?)
        .fetch_all(write.connection()?)
        .await?;
    let missing = wanted.iter().find(|version| !ready.contains(&version.0));
    missing.map_or(Ok(()), |version| {
        let what = format!("environment {version} of {} is not ready: it", deployment.service);
        Err(Error::Conflict(what).into())
    })
}

async fn mark_used(write: &mut Write, deployment: &Deployment, at: Timestamp) -> Result<(), Fault> {
    let used: BTreeSet<VersionNumber> =
        with_traffic(&deployment.from).chain(with_traffic(&deployment.to)).collect();
    let sql = "UPDATE environments SET last_used = ?
        WHERE service = ? AND version IN (SELECT value FROM json_each(?))";
    sqlx::query(sql)
        .bind(at.as_microsecond())
        .bind(deployment.service.as_str())
        .bind(to_json("version", &used)?)
        .execute(write.connection()?)
        .await?;
    Ok(())
}

pub(in crate::sqlite) async fn live(
    write: &mut Write,
    id: DeploymentId,
    receipt: &Receipt,
    new_events: &[NewEvent],
    at: Timestamp,
) -> Result<Deployment, Fault> {
    let (from, to) = ([DeploymentState::Committing], DeploymentState::Draining);
    step(write, id, &from, to, new_events, at, |deployment| {
        deployment.receipt = Some(receipt.clone());
    })
    .await
}

pub(in crate::sqlite) async fn drained(
    write: &mut Write,
    id: DeploymentId,
    receipt: &Receipt,
    new_events: &[NewEvent],
    at: Timestamp,
) -> Result<Deployment, Fault> {
    let (from, to) = ([DeploymentState::Draining], DeploymentState::Done);
    step(write, id, &from, to, new_events, at, |deployment| {
        deployment.receipt = Some(receipt.clone());
        deployment.finished_at = Some(at);
    })
    .await
}

pub(in crate::sqlite) async fn abort(
    write: &mut Write,
    id: DeploymentId,
    reason: &str,
    new_events: &[NewEvent],
    at: Timestamp,
) -> Result<Deployment, Fault> {
    let from = [DeploymentState::Starting, DeploymentState::Preparing];
    step(write, id, &from, DeploymentState::Aborted, new_events, at, |deployment| {
        deployment.abort_reason = Some(reason.to_owned());
        deployment.finished_at = Some(at);
    })
    .await
}

/// Takes a deployment from one state to the next, with what is told of it; once, however often it is asked for.
async fn step(
    write: &mut Write,
    id: DeploymentId,
    from: &[DeploymentState],
    to: DeploymentState,
    new_events: &[NewEvent],
    at: Timestamp,
    change: impl FnOnce(&mut Deployment),
) -> Result<Deployment, Fault> {
    let mut deployment = existing(write, id).await?;
    if deployment.state == to {
        return Ok(deployment);
    }
    if !from.contains(&deployment.state) {
        return Err(wrong_state(&deployment, to));
    }
    deployment.state = to;
    change(&mut deployment);
    update(write, &deployment).await?;
    events::record_for(write, id, new_events, at).await?;
    Ok(deployment)
}
