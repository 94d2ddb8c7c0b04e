//! The proxy of this process and its predecessors', as one [`Driver`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use launcher_model::{DeploymentId, ServiceName, VersionNumber};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::UnixStream;
use tokio::sync::{Notify, watch};

use super::message::{Left, ToPredecessor};
use super::part::Parts;
use super::predecessor::{FromIt, Predecessor, ToIt};
use crate::builtin::Builtin;
use crate::driver::{Driver, Resting};
use crate::protocol::{
    CertificateFile, DrainOutcome, Flip, HoldOutcome, InFlight, Issued, Readiness,
};
use crate::samples::Second;
use crate::table::{RouteTable, ServiceTable};

/// How long a predecessor may take to follow. One that does not is told no more, which ends its
/// connection: it comes back, and is told all.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(1);

/// This process among its predecessors, which are counted from 1.
const SELF: u64 = 0;

/// What this process serves, and what is left of those before it.
pub(crate) struct Succession {
    builtin: Builtin,
    before: Mutex<Before>,
    /// Told when a predecessor's part in a drain has ended.
    part_ended: Notify,
    /// Told when a predecessor is gone.
    gone: Notify,
}

#[derive(Default)]
struct Before {
    last: u64,
    predecessors: BTreeMap<u64, Predecessor>,
    parts: Parts,
}

impl Succession {
    /// One that begins with this proxy.
    pub(crate) fn new(builtin: Builtin) -> Self {
        let before = Mutex::default();
        Self { builtin, before, part_ended: Notify::new(), gone: Notify::new() }
    }

    /// The proxy of this process.
    pub(crate) fn builtin(&self) -> &Builtin {
        &self.builtin
    }

    fn before(&self) -> MutexGuard<'_, Before> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a predecessor follow, in which this still drains. Returns when it does.
    pub(super) async fn lead(
        self: &Arc<Self>,
        reader: FromIt<ReadHalf<UnixStream>>,
        writer: ToIt<WriteHalf<UnixStream>>,
        draining: &[Left],
    ) {
        let id = {
            let mut before = self.before();
            before.last += 1;
            let id = before.last;
            for left in draining {
                before.parts.expect(id, *left);
            }
            let predecessor = Predecessor::follows(self.clone(), id, reader, writer);
            before.predecessors.insert(id, predecessor);
            id
        };
        let table = self.builtin.table().await;
        self.tell(&[id], &ToPredecessor::Follow { table }).await;
    }

    /// Tells predecessors of a change and waits until it is in force there.
    async fn tell(&self, whom: &[u64], message: &ToPredecessor) -> Vec<(u64, InFlight)> {
        let told: Vec<_> = {
            let before = self.before();
            let known = whom.iter().filter_map(|id| Some((*id, before.predecessors.get(id)?)));
            known.map(|(id, of)| (id, of.tell(message.clone()))).collect()
        };
        let answers = told.into_iter().map(|(id, answer)| async move {
            match tokio::time::timeout(FOLLOWS_WITHIN, answer).await {
                Ok(answer) => Some((id, answer.ok()?)),
                Err(_elapsed) => {
                    tracing::warn!("an edge that was taken over from does not follow");
                    self.before().predecessors.remove(&id);
                    None
                }
            }
        });
        join_all(answers).await.into_iter().flatten().collect()
    }

    async fn tell_all(&self, message: &ToPredecessor) {
        let all = self.predecessors();
        self.tell(&all, message).await;
    }

    fn predecessors(&self) -> Vec<u64> {
        self.before().predecessors.keys().copied().collect()
    }

    /// The outcome of a predecessor's part in a drain.
    pub(super) fn ended(&self, id: u64, deployment: DeploymentId, outcome: DrainOutcome) {
        let mut before = self.before();
        before.parts.ended(id, deployment, outcome);
        if let Some(predecessor) = before.predecessors.get(&id) {
            predecessor.mention(ToPredecessor::Seen { deployment });
        }
        self.part_ended.notify_one();
    }

    /// A predecessor has ended, or its connection has.
    pub(super) fn lost(&self, id: u64) {
        let mut before = self.before();
        before.predecessors.remove(&id);
        before.parts.lost(id);
        self.part_ended.notify_one();
        self.gone.notify_waiters();
    }

    /// Waits until there is no predecessor any more.
    pub(super) async fn is_alone(&self) {
        loop {
            let gone = self.gone.notified();
            if self.before().predecessors.is_empty() {
                return;
            }
            gone.await;
        }
    }

    /// Makes a switch that the owner has made.
    pub(super) async fn switch(&self, deployment: DeploymentId, table: ServiceTable) -> InFlight {
        let all = self.expect(deployment);
        let own = self.builtin.switch(deployment, table.clone()).await;
        add(own, self.switch_before(deployment, table, &all).await)
    }

    /// Every predecessor has a part in a drain that is about to begin, and until it has, this process.
    fn expect(&self, deployment: DeploymentId) -> Vec<u64> {
        let mut before = self.before();
        let all: Vec<u64> = before.predecessors.keys().copied().collect();
        if !all.is_empty() {
            for id in all.iter().chain([&SELF]) {
                before.parts.expect(*id, Left { deployment, in_flight: 0 });
            }
        }
        all
    }

    async fn switch_before(
        &self,
        deployment: DeploymentId,
        service: ServiceTable,
        all: &[u64],
    ) -> InFlight {
        let switched = self.tell(all, &ToPredecessor::Switch { deployment, service }).await;
        let mut before = self.before();
        before.parts.ended(SELF, deployment, DrainOutcome::default());
        self.part_ended.notify_one();
        let found = switched.into_iter().map(|(id, found)| {
            let in_flight = found.requests + found.connections;
            before.parts.found(id, Left { deployment, in_flight });
            found
        });
        found.fold(InFlight::default(), add)
    }

    /// What still drains, with what was in flight.
    pub(super) async fn left(&self) -> Vec<Left> {
        let own = self.builtin.left().await;
        let mut all: BTreeMap<DeploymentId, u64> =
            self.before().parts.all().map(|left| (left.deployment, left.in_flight)).collect();
        for (deployment, in_flight) in own {
            *all.entry(deployment).or_default() += in_flight;
        }
        let all = all.into_iter();
        all.map(|(deployment, in_flight)| Left { deployment, in_flight }).collect()
    }
}

fn add(one: InFlight, other: InFlight) -> InFlight {
    InFlight {
        requests: one.requests + other.requests,
        connections: one.connections + other.connections,
    }
}

/// Changes are made here first: what is refused here is nothing for the predecessors. They are
/// acknowledged when the predecessors have made them too.
impl Driver for Succession {
    fn name(&self) -> &'static str {
        self.builtin.name()
    }

    fn open(&self) {
        self.builtin.open();
    }

    /// A predecessor would not hold what comes on the connections that it still has.
    async fn hold(&self, service: ServiceName, within: Duration) -> Result<(), String> {
        if !self.before().predecessors.is_empty() {
            return Err(
                "another process of this edge still serves the connections that it had when this one took over; try again when it has ended"
                    .to_owned(),
            );
        }
        self.builtin.hold(service, within).await
    }

    async fn rested(&self, service: ServiceName) -> bool {
        self.builtin.rested(service).await
    }

    async fn release(&self, service: ServiceName) -> HoldOutcome {
        self.builtin.release(service).await
    }

    async fn table(&self) -> RouteTable {
        self.builtin.table().await
    }

    async fn welcome(&self, table: RouteTable) -> Vec<(ServiceName, u64)> {
        let revisions = self.builtin.welcome(table.clone()).await;
        self.tell_all(&ToPredecessor::Follow { table }).await;
        revisions
    }

    async fn replace(&self, service: ServiceTable) -> (ServiceName, u64) {
        let revision = self.builtin.replace(service.clone()).await;
        self.tell_all(&ToPredecessor::Replace { service }).await;
        revision
    }

    async fn remove(&self, service: ServiceName) {
        self.builtin.remove(service.clone()).await;
        self.tell_all(&ToPredecessor::Remove { service }).await;
    }

    async fn prepare(
        &self,
        deployment: DeploymentId,
        service: ServiceTable,
        within: Duration,
    ) -> Result<Readiness, String> {
        self.builtin.prepare(deployment, service, within).await
    }

    async fn commit(&self, deployment: DeploymentId) -> Result<Flip, String> {
        let began = Instant::now();
        let all = self.expect(deployment);
        let mut flip = match self.builtin.commit(deployment).await {
            Ok(flip) => flip,
            Err(why) => {
                self.before().parts.forget(deployment);
                return Err(why);
            }
        };
        if !all.is_empty()
            && let Some(service) = self.builtin.committed(deployment).await
        {
            let before = self.switch_before(deployment, service, &all).await;
            flip.in_flight = add(flip.in_flight, before);
            flip.took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        }
        Ok(flip)
    }

    async fn abort(&self, deployment: DeploymentId) {
        self.builtin.abort(deployment).await;
    }

    async fn abandon(&self) {
        self.builtin.abandon().await;
    }

    /// A predecessor takes no connections any more, and what an authority asks comes on new ones.
    fn certificate_files(&self) -> watch::Receiver<Vec<CertificateFile>> {
        self.builtin.certificate_files()
    }

    async fn certify(&self, issued: Vec<Issued>, challenges: BTreeMap<String, String>) {
        self.builtin.certify(issued, challenges).await;
    }

    /// What a predecessor has under way is not known here; it is gone at the end of its own drain.
    async fn at_rest(&self, resting: Resting, within: Duration) -> bool {
        let began = Instant::now();
        let alone = tokio::time::timeout(within, self.is_alone()).await.is_ok();
        let left = within.saturating_sub(began.elapsed());
        self.builtin.at_rest(resting, left).await && alone
    }

    /// As long as there is a predecessor, whatever is asked for there counts as looked at.
    async fn looked(&self) -> Vec<(ServiceName, Vec<VersionNumber>)> {
        if !self.predecessors().is_empty() {
            self.builtin.look_at_all();
        }
        self.builtin.looked().await
    }

    async fn wanted(&self) -> Vec<(ServiceName, VersionNumber)> {
        self.builtin.wanted().await
    }

    async fn draining(&self) -> Vec<DeploymentId> {
        self.left().await.into_iter().map(|left| left.deployment).collect()
    }

    async fn drained(&self) -> Vec<(DeploymentId, DrainOutcome)> {
        let own = self.builtin.drained().await;
        let still_own = self.builtin.draining().await;
        self.before().parts.complete(own, &still_own)
    }

    async fn drain_ended(&self) {
        tokio::select! {
            () = self.builtin.drain_ended() => {}
            () = self.part_ended.notified() => {}
        }
    }

    async fn drain_seen(&self, deployment: DeploymentId) {
        self.before().parts.forget(deployment);
        self.builtin.drain_seen(deployment).await;
    }

    async fn measured(&self) -> Second {
        self.builtin.measured().await
    }

    fn measured_told(&self, at: i64) {
        self.builtin.measured_told(at);
    }
}
