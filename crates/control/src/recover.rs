//! Finishes what a server that was killed had begun.

use std::sync::Arc;

use launcher_model::Span;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::route::{Deployment, DeploymentState, EdgeReceipt, Receipt};

use crate::slot::Slot;
use crate::{Inner, Result};

/// Ends deployments that no task of this process is about: one that was not decided is aborted, and
/// one that was is live, because edges are given the route that the store has.
pub(crate) async fn deployments(
    inner: &Arc<Inner>,
    slot: &Slot,
    unfinished: &[Deployment],
) -> Result<()> {
    for deployment in unfinished {
        if slot.active() == Some(deployment.id) {
            continue;
        }
        match deployment.state {
            DeploymentState::Starting | DeploymentState::Preparing => {
                abort(inner, slot, deployment).await?;
            }
            DeploymentState::Committing => complete(inner, slot, deployment).await?,
            // The register of drains waits for these.
            DeploymentState::Draining | DeploymentState::Done | DeploymentState::Aborted => {}
        }
    }
    Ok(())
}

/// Whether no task of this process is about it: since it was read, one may have taken it on.
async fn is_left_over(inner: &Inner, slot: &Slot, deployment: &Deployment) -> Result<bool> {
    if slot.active().is_some() {
        return Ok(false);
    }
    let now = inner.store.deployment(deployment.id).await?;
    Ok(now.is_some_and(|now| now.state == deployment.state))
}

async fn abort(inner: &Inner, slot: &Slot, deployment: &Deployment) -> Result<()> {
    let Some(_turn) = slot.try_turn() else { return Ok(()) };
    if !is_left_over(inner, slot, deployment).await? {
        return Ok(());
    }
    let reason = "the server was restarted before it was decided; nothing was changed";
    let event = NewEvent::new(
        EventKind::DeploymentAborted,
        format!("deployment {}: {reason}", deployment.id),
    )
    .service(&slot.name)
    .deployment(deployment.id);
    inner.store.deployment_aborted(deployment.id, reason, &[event], inner.now()).await?;
    Ok(())
}

async fn complete(inner: &Inner, slot: &Slot, deployment: &Deployment) -> Result<()> {
    let Some(_turn) = slot.try_turn() else { return Ok(()) };
    if !is_left_over(inner, slot, deployment).await? {
        return Ok(());
    }
    let edges = inner.hub.edges().into_iter().map(|edge| EdgeReceipt {
        edge: edge.name,
        prepare_us: 0,
        commit_us: 0,
        checked: 0,
        fenced: None,
    });
    let receipt = Receipt { recovered: true, edges: edges.collect(), ..Receipt::default() };
    let text = format!(
        "deployment {} was decided before the server was restarted, and is live",
        deployment.id
    );
    let event = NewEvent::new(EventKind::DeploymentLive, text)
        .service(&slot.name)
        .deployment(deployment.id);
    inner.store.deployment_live(deployment.id, &receipt, &[event], inner.now()).await?;
    let service = inner.store.service(&slot.name).await?;
    let drain = service.map_or(Span::millis(0), |service| service.spec.traffic.drain);
    inner.drains.resume(deployment.id, &slot.name, &receipt, drain, inner.now());
    Ok(())
}
