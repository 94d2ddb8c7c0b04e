//! The switch: production traffic goes to another version, everywhere at once or not at all.
//!
//! *Prepare*: every edge shows that it reaches the target's containers, and changes nothing. *Decide*:
//! the route is written to the store; from here on the switch happens, whoever dies. *Commit*: every
//! edge flips and acknowledges. *Drain*: what was in flight on the versions that left runs out
//! ([`crate::drains`]); only then may anything of them stop.

mod begin;
mod freeze;
mod held;
mod outlook;
mod receipt;
mod start;
mod target;
mod underway;

use std::sync::Arc;
use std::time::{Duration, Instant};

use launcher_edge::table::ServiceTable;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::plan::environment::Checked;
use launcher_model::route::{Deployment, DeploymentState, HoldReceipt, Receipt, Route};
use launcher_model::{DeploymentId, Generation, ServiceName, VersionNumber};

use crate::hub::{CommittedEdge, PrepareRefused, PreparedEdge};
use crate::slot::{Slot, Turn};
use crate::{Control, Error, Inner, Result};
use begin::{Begun, New, begin};
use receipt::{add_absent, fill, micros, millis};

pub use outlook::{FrozenNow, Held, Outlook};
pub use target::Target;
pub(crate) use target::{history, live_before};
pub use underway::Underway;

/// Which switch is asked for.
#[derive(Debug, Clone)]
pub struct DeployRequest {
    /// Whose traffic.
    pub service: ServiceName,
    /// Where to.
    pub target: Target,
    /// Who asks.
    pub by: String,
    /// Why, in their words.
    pub note: Option<String>,
    /// Also during a freeze; needs a note.
    pub force: bool,
    /// Nobody asks: it goes live by itself.
    pub automatic: bool,
    /// How long new requests may be held around the flip, so that what is in flight comes to rest before
    /// it; none are when it is none.
    pub hold: Option<Duration>,
    /// The route's generation that they saw; when it has moved on, nothing is done.
    pub seen: Option<Generation>,
    /// The idempotency key that the call has claimed: what is made is kept with it.
    pub key: Option<String>,
}

impl DeployRequest {
    /// A switch without more.
    #[must_use]
    pub fn new(service: ServiceName, target: Target, by: impl Into<String>) -> Self {
        Self {
            service,
            target,
            by: by.into(),
            note: None,
            force: false,
            automatic: false,
            hold: None,
            seen: None,
            key: None,
        }
    }
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// The deployment.
    pub deployment: Deployment,
    /// What whoever asked should know, a sentence each.
    pub warnings: Vec<String>,
    /// False when the target was live already: then it is the deployment that made it so.
    pub changed: bool,
}

impl Control {
    /// Makes a version live, or several with shares, and returns when every edge has acknowledged. It goes on when the caller
    /// goes away.
    ///
    /// # Errors
    /// When there is no such version, it cannot be live, another deployment is under way, or the switch
    /// was aborted; nothing was changed then.
    pub async fn deploy(&self, request: DeployRequest) -> Result<Deployed> {
        self.begin_deploy(request).await?.ended().await
    }

    /// What became of a deployment that an earlier call began: waits until it is live or aborted.
    ///
    /// # Errors
    /// As [`deploy`](Self::deploy) would have said.
    pub async fn deployed(&self, service: &ServiceName, id: DeploymentId) -> Result<Deployed> {
        let inner = &self.inner;
        let slot = inner.slot(service).ok_or_else(|| Error::NoService(service.clone()))?;
        let mut passes = slot.passes();
        slot.wake();
        loop {
            let deployment = inner.store.deployment(id).await?;
            let deployment = deployment.ok_or_else(|| Error::NoService(service.clone()))?;
            match deployment.state {
                DeploymentState::Aborted => {
                    let reason = deployment.abort_reason.unwrap_or_default();
                    return Err(Error::Aborted { id, reason });
                }
                DeploymentState::Draining | DeploymentState::Done => {
                    return Ok(Deployed { deployment, changed: true, warnings: Vec::new() });
                }
                DeploymentState::Starting
                | DeploymentState::Preparing
                | DeploymentState::Committing => {}
            }
            if passes.changed().await.is_err() {
                return Err(Error::NoService(service.clone()));
            }
        }
    }
}

/// Takes all production traffic away from a service that is being deleted.
pub(crate) async fn take_offline(
    inner: &Arc<Inner>,
    service: &ServiceName,
    by: &str,
) -> Result<()> {
    let request = DeployRequest::new(service.clone(), Target::Offline, by);
    deploy(inner, &request, Instant::now(), |_| {}).await.map(drop)
}

/// Makes a switch; `begun` is told its deployment once that is written down.
pub(crate) async fn deploy(
    inner: &Arc<Inner>,
    request: &DeployRequest,
    called: Instant,
    begun: impl FnOnce(DeploymentId) + Send,
) -> Result<Deployed> {
    let slot =
        inner.slot(&request.service).ok_or_else(|| Error::NoService(request.service.clone()))?;
    request.hold.map_or(Ok(()), crate::hold::check)?;
    let new = match begin(inner, &slot, request).await? {
        Begun::LiveAlready(deployment) => {
            return Ok(Deployed { deployment: *deployment, changed: false, warnings: Vec::new() });
        }
        Begun::New(new) => *new,
    };
    launcher_fault::point("switch.begun");
    let (id, warnings) = (new.deployment.id, new.warnings.clone());
    begun(id);
    let ended = carry_out(inner, &slot, new, called).await;
    if let Err(error) = &ended {
        abort(inner, &slot, id, error).await;
    }
    slot.set_active(None);
    slot.wake();
    match ended {
        Ok(deployment) => Ok(Deployed { deployment, changed: true, warnings }),
        Err(Error::Refused(reason)) => Err(Error::Aborted { id, reason }),
        Err(error) => Err(error),
    }
}

/// Puts an event where it belongs.
fn on(event: NewEvent, slot: &Slot, version: Option<VersionNumber>) -> NewEvent {
    let mut event = event.service(&slot.name);
    event.version = version;
    event
}

async fn carry_out(
    inner: &Arc<Inner>,
    slot: &Arc<Slot>,
    new: New,
    called: Instant,
) -> Result<Deployment> {
    let mut receipt = Receipt::default();
    let mut measured_from = called;
    if !new.must_start.is_empty() {
        start::all(inner, slot, &new.must_start).await?;
        receipt.start_ms = millis(called.elapsed());
        measured_from = Instant::now();
        inner.store.set_deployment_state(new.deployment.id, DeploymentState::Preparing).await?;
        launcher_fault::point("switch.started");
    }
    inner.hub.wait_for_an_edge(inner.config.edge_wait).await;
    let mut turn = slot.turn().await;
    let flipped = flip(inner, slot, &mut turn, &new).await?;
    receipt.switch_us = micros(flipped.at - measured_from);
    receipt.hold = flipped.hold;
    drop(turn);
    launcher_fault::point("switch.committed");
    fill(&mut receipt, &flipped.committed);
    add_absent(inner, &mut receipt).await;
    Ok(store_live(inner, slot, new, receipt).await)
}

/// What the two halves have done.
struct Flipped {
    committed: Vec<CommittedEdge>,
    /// When every edge had acknowledged.
    at: Instant,
    hold: Option<HoldReceipt>,
}

/// Prepare, decide, commit, and hold new requests in between if that is wanted. Nothing else publishes
/// the service's table meanwhile.
async fn flip(inner: &Inner, slot: &Slot, turn: &mut Turn<'_>, new: &New) -> Result<Flipped> {
    let id = new.deployment.id;
    let table = next_table(inner, slot, new).await?;
    launcher_fault::point("switch.before_prepare");
    let prepared = inner.hub.prepare(id, &table, inner.config.prepare_within).await;
    let prepared = match prepared {
        // Where nothing carries traffic, there is none to take away.
        Err(PrepareRefused::NoEdge) if new.deployment.to.is_empty() => Vec::new(),
        prepared => prepared.map_err(|why| Error::aborted(id, &why))?,
    };
    launcher_fault::point("switch.prepared");
    let decide = decide(inner, slot, turn, id, table, prepared);
    let Some(within) = new.hold else { return decide.await };
    let (flipped, hold) = held::around(inner, slot, id, within, decide).await?;
    Ok(Flipped { hold: Some(hold), ..flipped })
}

/// Decide and commit.
async fn decide(
    inner: &Inner,
    slot: &Slot,
    turn: &mut Turn<'_>,
    id: DeploymentId,
    table: ServiceTable,
    prepared: Vec<PreparedEdge>,
) -> Result<Flipped> {
    let edges = prepared.iter().map(|prepared| prepared.edge.clone());
    inner.drains.expect(id, &slot.name, edges, table.traffic.drain, inner.now());
    if let Err(error) = inner.store.commit_route(id, inner.now()).await {
        inner.drains.forget(id);
        inner.hub.abort(id);
        return Err(error.into());
    }
    launcher_fault::point("switch.decided");
    let committed = inner.hub.commit(id, &table, prepared, inner.config.commit_within).await;
    turn.published(table);
    Ok(Flipped { committed, at: Instant::now(), hold: None })
}

/// The service's table as it shall be, if every container of what goes live is healthy now.
async fn next_table(inner: &Inner, slot: &Slot, new: &New) -> Result<ServiceTable> {
    let service = inner.store.service(&slot.name).await?;
    let spec = service.ok_or_else(|| Error::NoService(slot.name.clone()))?.spec;
    let observed = slot.observed().unwrap_or_default();
    let route = inner.store.route(&slot.name).await?;
    // What is live already has traffic: that a container of it is ill is no reason to hold up a switch,
    // which may be the way out of just that.
    for number in new.deployment.to.keys().filter(|number| !route.is_live(**number)) {
        must_serve(inner, slot, *number, &observed).await?;
    }
    let next = Route {
        service: slot.name.clone(),
        generation: route.generation.next(),
        weights: new.deployment.to.clone(),
    };
    let environments = inner.store.environments(&slot.name, false).await?;
    let staying = crate::table::staying(&environments, &next, &observed, &slot.ending());
    let contacts = inner.contacts(slot, &staying, &next).await?;
    let mut access = inner.access(slot, &spec).await?;
    access.branches = inner.branches_for_edges(slot, &environments).await?;
    access.lately = inner.lately_after(&spec, &environments, &route, &next).await?;
    let mut table = crate::table::build(&spec, &next, &staying, &contacts, access, &inner.vault);
    table.revision = inner.next_revision();
    Ok(table)
}

/// Every container of a version is healthy.
async fn must_serve(
    inner: &Inner,
    slot: &Slot,
    number: VersionNumber,
    observed: &[Checked],
) -> Result<()> {
    let environment = inner.store.environment(&slot.name, number).await?;
    let Some(environment) = environment else { return Ok(()) };
    let wanted = usize::from(environment.replicas);
    let serving = crate::table::served_places(&environment, observed);
    if serving >= wanted {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "{serving} of {wanted} containers of {number} are healthy; wait until all are (`launcher status {}`)",
        slot.name
    )))
}

/// Stores that the deployment is live. It is, whatever the store says: when that fails, the loop
/// completes the record later.
async fn store_live(inner: &Arc<Inner>, slot: &Slot, new: New, receipt: Receipt) -> Deployment {
    let New { deployment, about, .. } = new;
    let (id, ms) = (deployment.id, receipt.switch_us as f64 / 1000.0);
    let fenced = receipt.edges.iter().filter(|edge| edge.fenced.is_some());
    let fenced: Vec<_> = fenced.map(|edge| edge.edge.to_string()).collect();
    let but = if fenced.is_empty() {
        String::new()
    } else {
        format!("; not acknowledged by {}", fenced.join(", "))
    };
    let (from, to) = (&deployment.from, &deployment.to);
    let now = match to.len() {
        0 => format!("{} is not live any more", target::told(from)),
        1 => format!("{} is live", target::told(to)),
        _ => format!("{} are live", target::told(to)),
    };
    let event = NewEvent::new(
        EventKind::DeploymentLive,
        format!("{now}, switched in {ms:.1} ms by {}{but}", deployment.by),
    );
    let event = on(event, slot, about).deployment(id).by(&deployment.by);
    match inner.store.deployment_live(id, &receipt, &[event], inner.now()).await {
        Ok(stored) => {
            inner.drains.live(id, &receipt);
            crate::drains::end_what_is_over(inner).await;
            stored
        }
        Err(error) => {
            tracing::error!(deployment = %id, %error, "a deployment is live, but that could not be stored yet");
            Deployment { state: DeploymentState::Draining, receipt: Some(receipt), ..deployment }
        }
    }
}

async fn abort(inner: &Inner, slot: &Slot, id: launcher_model::DeploymentId, error: &Error) {
    let reason = match error {
        Error::Aborted { reason, .. } => reason.clone(),
        error => error.to_string(),
    };
    let event = NewEvent::new(
        EventKind::DeploymentAborted,
        format!("deployment {id} was aborted, nothing was changed: {reason}"),
    );
    let event = event.service(&slot.name).deployment(id);
    if let Err(error) = inner.store.deployment_aborted(id, &reason, &[event], inner.now()).await {
        tracing::error!(deployment = %id, %error, "an aborted deployment could not be stored; it will be");
    }
}
