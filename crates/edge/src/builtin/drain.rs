//! How versions that left production come to rest.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use launcher_model::{DeploymentId, VersionNumber};
use tokio::sync::mpsc;

use super::{Shared, State};
use crate::compiled::{Pool, PoolId};
use crate::protocol::{DrainOutcome, InFlight};

/// How long what has been cut off may take to be gone.
const CUT_WITHIN: Duration = Duration::from_secs(5);

/// What a switch left behind.
pub(super) struct Drain {
    pub(super) deployment: Option<DeploymentId>,
    versions: Vec<VersionNumber>,
    /// What still is watched.
    pools: Vec<Draining>,
    began: Instant,
    /// Requests and connections under way at the flip.
    pub(super) in_flight: u64,
    /// Of those, the ones that had not ended when their version went live again.
    kept: u64,
    failed: u64,
    cut: u64,
    moved: u64,
    superseded: bool,
}

struct Draining {
    pool: Arc<Pool>,
    failed_before: u64,
    moved_before: u64,
}

impl Draining {
    fn failed(&self) -> u64 {
        self.pool.stats.failed_live().saturating_sub(self.failed_before)
    }

    fn moved(&self) -> u64 {
        self.pool.stats.moved().saturating_sub(self.moved_before)
    }
}

impl Drain {
    /// Lets go of a pool that is about to go live again.
    pub(super) fn supersede(&mut self, pool: PoolId) {
        let Some(at) = self.pools.iter().position(|draining| draining.pool.id == pool) else {
            return;
        };
        let draining = self.pools.swap_remove(at);
        let left = draining.pool.stats.live();
        self.kept += left.requests + left.connections;
        self.failed += draining.failed();
        self.moved += draining.moved();
        self.superseded = true;
    }

    fn outcome(self) -> DrainOutcome {
        let failed = self.failed + self.pools.iter().map(Draining::failed).sum::<u64>();
        let moved = self.moved + self.pools.iter().map(Draining::moved).sum::<u64>();
        DrainOutcome {
            versions: self.versions,
            drained: self.in_flight.saturating_sub(self.kept + self.cut + failed + moved),
            failed,
            cut: self.cut,
            moved,
            superseded: self.superseded,
            took_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl State {
    /// Notes that pools are about to leave production. Returns what the drain is known by.
    pub(super) fn begin_drain(
        &mut self,
        deployment: Option<DeploymentId>,
        pools: Vec<Arc<Pool>>,
    ) -> u64 {
        self.last_drain += 1;
        let versions = pools.iter().map(|pool| pool.version).collect();
        let pools = pools.into_iter().map(|pool| Draining {
            failed_before: pool.stats.failed_live(),
            moved_before: pool.stats.moved(),
            pool,
        });
        let drain = Drain {
            deployment,
            versions,
            pools: pools.collect(),
            began: Instant::now(),
            in_flight: 0,
            kept: 0,
            failed: 0,
            cut: 0,
            moved: 0,
            superseded: false,
        };
        self.drains.insert(self.last_drain, drain);
        self.last_drain
    }

    pub(super) fn found_in_flight(&mut self, drain: u64, found: InFlight) {
        if let Some(drain) = self.drains.get_mut(&drain) {
            drain.in_flight = found.requests + found.connections;
        }
    }
}

impl Shared {
    /// Waits until nothing of what was watched is under way, and cuts it off when that takes too long.
    pub(super) async fn drain(
        self: Arc<Self>,
        id: u64,
        mut resting: mpsc::Receiver<Infallible>,
        within: Duration,
    ) {
        if tokio::time::timeout(within, resting.recv()).await.is_err() {
            self.cut(id).await;
            if tokio::time::timeout(CUT_WITHIN, resting.recv()).await.is_err() {
                tracing::error!("connections that were cut off are still there");
            }
        }
        let mut state = self.state.lock().await;
        let Some(drain) = state.drains.remove(&id) else { return };
        if let Some(deployment) = drain.deployment {
            state.outcomes.insert(deployment, drain.outcome());
            launcher_fault::point("edge.drained");
            self.drain_ended.notify_one();
        }
    }

    /// Cuts off whatever drains.
    pub(super) async fn cut_all(&self) {
        let all: Vec<u64> = self.state.lock().await.drains.keys().copied().collect();
        for id in all {
            self.cut(id).await;
        }
    }

    /// Under the lock, as a pool that goes live again meanwhile must not be cut.
    async fn cut(&self, id: u64) {
        let mut state = self.state.lock().await;
        let Some(drain) = state.drains.get_mut(&id) else { return };
        for draining in &drain.pools {
            drain.cut += self.engine.cut(draining.pool.id).await;
        }
    }
}
