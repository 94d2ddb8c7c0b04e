//! Waits for the edges to report that nothing is in flight any more on the versions that a deployment
//! took out of production, and completes its receipt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use launcher_edge::protocol::DrainOutcome;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::route::{DeploymentState, Receipt};
use launcher_model::{DeploymentId, EdgeName, ServiceName, Span};
use launcher_store::{DeploymentFilter, Page};
use tokio::sync::mpsc;

use crate::hub::Notice;
use crate::{Control, Inner, Result, branches};

/// The deployments that drain.
#[derive(Default)]
pub(crate) struct Drains(Mutex<BTreeMap<DeploymentId, Draining>>);

struct Draining {
    service: ServiceName,
    waiting: BTreeSet<EdgeName>,
    receipt: Receipt,
    /// The deployment is stored as draining: before that it cannot be done.
    live: bool,
    /// When to stop waiting for edges that say nothing.
    until: Timestamp,
    /// How long that was at first.
    patience: SignedDuration,
}

impl Draining {
    fn is_over(&mut self, now: Timestamp) -> bool {
        // Further away than it ever was: the clock was set back.
        if self.until.duration_since(now) > self.patience {
            self.until = now + self.patience;
        }
        // Edges do not report what a server decided that did not live to see their answer.
        let silent = self.receipt.recovered || !self.waiting.is_empty();
        self.live && (!silent || self.until <= now)
    }
}

/// Among so many of the newest deployments of a service the one is found that took a drain over.
const LATER: u32 = 50;

/// What an edge may take beyond the drain deadline to report.
const SILENCE: SignedDuration = SignedDuration::from_secs(30);

impl Drains {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<DeploymentId, Draining>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the reports of the edges that are about to be told to flip. They may come before the
    /// deployment is [`live`](Self::live).
    pub(crate) fn expect(
        &self,
        deployment: DeploymentId,
        service: &ServiceName,
        edges: impl Iterator<Item = EdgeName>,
        drain: Span,
        now: Timestamp,
    ) {
        let patience = SignedDuration::try_from(drain.duration()).unwrap_or(SignedDuration::MAX);
        let patience = patience.saturating_add(SILENCE);
        let drain = Draining {
            service: service.clone(),
            waiting: edges.collect(),
            receipt: Receipt::default(),
            live: false,
            until: now.saturating_add(patience).unwrap_or(Timestamp::MAX),
            patience,
        };
        self.lock().insert(deployment, drain);
    }

    /// The deployment is stored as draining, with this receipt. Fenced edges are not waited for.
    pub(crate) fn live(&self, deployment: DeploymentId, receipt: &Receipt) {
        if let Some(drain) = self.lock().get_mut(&deployment) {
            let reported = std::mem::replace(&mut drain.receipt, receipt.clone());
            add(&mut drain.receipt, &reported);
            drain.live = true;
            for part in receipt.edges.iter().filter(|part| part.fenced.is_some()) {
                drain.waiting.remove(&part.edge);
            }
        }
    }

    /// The deployments that wait for an edge to tell that nothing of them is in flight on it any more.
    fn waiting_for(&self, edge: &EdgeName) -> Vec<(DeploymentId, ServiceName)> {
        let all = self.lock();
        let own = all.iter().filter(|(_, drain)| drain.live && drain.waiting.contains(edge));
        own.map(|(id, drain)| (*id, drain.service.clone())).collect()
    }

    /// Nothing was decided.
    pub(crate) fn forget(&self, deployment: DeploymentId) {
        self.lock().remove(&deployment);
    }

    /// The deployment is stored as draining, by a server that may have been another one.
    pub(crate) fn resume(
        &self,
        deployment: DeploymentId,
        service: &ServiceName,
        receipt: &Receipt,
        drain: Span,
        now: Timestamp,
    ) {
        let edges = receipt.edges.iter().map(|part| part.edge.clone());
        self.expect(deployment, service, edges, drain, now);
        self.live(deployment, receipt);
    }
}

impl Control {
    /// The deployments of which something is still in flight on an edge, and whose they are.
    #[must_use]
    pub fn draining_on(&self, edge: &EdgeName) -> Vec<(DeploymentId, ServiceName)> {
        self.inner.drains.waiting_for(edge)
    }
}

fn add(receipt: &mut Receipt, reported: &Receipt) {
    receipt.drained += reported.drained;
    receipt.failed += reported.failed;
    receipt.cut += reported.cut;
    receipt.moved += reported.moved;
    receipt.superseded |= reported.superseded;
    receipt.drain_ms = receipt.drain_ms.max(reported.drain_ms);
}

/// Takes up what was draining when the server before this one ended.
pub(crate) async fn resume(inner: &Inner) -> Result<()> {
    for deployment in inner.store.unfinished_deployments().await? {
        if deployment.state != DeploymentState::Draining {
            continue;
        }
        let service = inner.store.service(&deployment.service).await?;
        let drain = service.map_or(Span::millis(0), |service| service.spec.traffic.drain);
        let receipt = deployment.receipt.unwrap_or_default();
        inner.drains.resume(deployment.id, &deployment.service, &receipt, drain, inner.now());
    }
    Ok(())
}

/// Hears what edges tell, until the hub is gone.
pub(crate) async fn listen(inner: Arc<Inner>, mut notices: mpsc::UnboundedReceiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        match notice {
            Notice::Connected { edge, draining } => {
                let text = format!("the edge {edge} is connected");
                inner.watching.again(inner.now());
                record(&inner, NewEvent::new(EventKind::EdgeConnected, text)).await;
                forget_unreported(&inner, &edge, &draining).await;
                // What was kept for the edge while it was away need not be kept any longer.
                inner.slots().iter().for_each(|slot| slot.wake());
            }
            Notice::Lost { edge } => {
                inner.watching.again(inner.now());
                let text = format!(
                    "the connection to the edge {edge} ended; it serves on with what it has"
                );
                record(&inner, NewEvent::new(EventKind::EdgeLost, text)).await;
            }
            Notice::Looked { service, versions } => {
                branches::heard(&inner, &service, &versions).await;
            }
            Notice::Wake { service, version } => branches::wake(&inner, service, version),
            Notice::Drained { edge, deployment, outcome } => {
                drained(&inner, &edge, deployment, &outcome).await;
            }
        }
    }
}

async fn record(inner: &Inner, event: NewEvent) {
    if let Err(error) = inner.store.record(&[event], inner.now()).await {
        tracing::error!(%error, "an event of an edge could not be recorded");
    }
}

/// An edge that was restarted has nothing in flight from before, and says so by not naming it.
async fn forget_unreported(inner: &Arc<Inner>, edge: &EdgeName, draining: &[DeploymentId]) {
    let unnamed: Vec<_> = {
        let drains = inner.drains.lock();
        let waiting = drains.iter().filter(|(_, drain)| drain.waiting.contains(edge));
        waiting.map(|(id, _)| *id).filter(|id| !draining.contains(id)).collect()
    };
    for deployment in unnamed {
        settle(inner, deployment, |drain| {
            drain.waiting.remove(edge);
        })
        .await;
    }
}

async fn drained(
    inner: &Arc<Inner>,
    edge: &EdgeName,
    deployment: DeploymentId,
    outcome: &DrainOutcome,
) {
    let known = inner.drains.lock().contains_key(&deployment);
    if !known {
        // It is done already, and may be forgotten there too.
        inner.hub.drain_seen(edge, deployment);
        return;
    }
    settle(inner, deployment, |drain| {
        if !drain.waiting.remove(edge) {
            return;
        }
        let reported = Receipt {
            drained: outcome.drained,
            failed: outcome.failed,
            cut: outcome.cut,
            moved: outcome.moved,
            superseded: outcome.superseded,
            drain_ms: Some(outcome.took_ms),
            ..Receipt::default()
        };
        add(&mut drain.receipt, &reported);
    })
    .await;
}

/// Changes what is known of a drain, and ends it when nobody is waited for.
async fn settle(inner: &Arc<Inner>, deployment: DeploymentId, change: impl FnOnce(&mut Draining)) {
    let finished = {
        let mut drains = inner.drains.lock();
        let Some(drain) = drains.get_mut(&deployment) else { return };
        change(drain);
        drain.is_over(inner.now()).then(|| (drain.service.clone(), drain.receipt.clone()))
    };
    if let Some((service, receipt)) = finished {
        finish(inner, deployment, &service, &receipt).await;
    }
}

/// Stores the final receipt; only then may edges forget their part of it. When it cannot be stored, it
/// is tried again at the next look at everything.
async fn finish(
    inner: &Arc<Inner>,
    deployment: DeploymentId,
    service: &ServiceName,
    receipt: &Receipt,
) {
    let mut receipt = receipt.clone();
    if receipt.superseded {
        receipt.superseded_by = match successor(inner, deployment, service).await {
            Ok(successor) => successor,
            Err(error) => {
                tracing::error!(%error, %deployment, "what took a drain over could not be looked up");
                return;
            }
        };
    }
    let event = NewEvent::new(EventKind::DeploymentDrained, told(deployment, &receipt));
    let event = event.service(service).deployment(deployment);
    match inner.store.deployment_done(deployment, &receipt, &[event], inner.now()).await {
        Ok(_) => {
            inner.drains.lock().remove(&deployment);
            for part in &receipt.edges {
                inner.hub.drain_seen(&part.edge, deployment);
            }
            if let Some(slot) = inner.slot(service) {
                slot.wake();
            }
        }
        Err(error) => {
            tracing::error!(%error, %deployment, "the end of a drain could not be stored");
        }
    }
}

/// The deployment that made a version live again which this one took out of production.
async fn successor(
    inner: &Inner,
    deployment: DeploymentId,
    service: &ServiceName,
) -> Result<Option<DeploymentId>> {
    let page = Page { before: None, limit: LATER };
    let filter = DeploymentFilter { service: Some(service.clone()), among: None, page };
    let newest = inner.store.deployments(&filter).await?;
    let Some(own) = newest.iter().find(|one| one.id == deployment) else { return Ok(None) };
    let left = |version: &_| own.from.contains_key(version) && !own.to.contains_key(version);
    let later = newest.iter().rev().skip_while(|one| one.id <= deployment);
    let mut made = later.filter(|one| one.state != DeploymentState::Aborted);
    Ok(made.find(|one| one.to.keys().any(left)).map(|one| one.id))
}

/// How a drain ended, as an event says it.
fn told(deployment: DeploymentId, receipt: &Receipt) -> String {
    let Receipt { drained, failed, cut, .. } = receipt;
    let moved = match receipt.moved {
        0 => String::new(),
        moved => format!("{moved} moved, "),
    };
    let ended = format!("{drained} ended by themselves, {moved}{failed} failed, {cut} cut");
    match receipt.taken_over_by() {
        None => format!("deployment {deployment} has drained: {ended}"),
        Some(by) => format!(
            "{by} took over what deployment {deployment} drained: until then {ended}; {} went on",
            receipt.went_on()
        ),
    }
}

/// Ends what is over: nobody is waited for any more, or for too long.
pub(crate) async fn end_what_is_over(inner: &Arc<Inner>) {
    let now = inner.now();
    let overdue: Vec<DeploymentId> = {
        let mut drains = inner.drains.lock();
        let over = drains.iter_mut().filter_map(|(id, drain)| drain.is_over(now).then_some(*id));
        over.collect()
    };
    for deployment in overdue {
        settle(inner, deployment, |_| {}).await;
    }
}
