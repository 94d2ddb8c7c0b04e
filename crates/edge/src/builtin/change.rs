//! What a change of the table means for the threads, and carrying it out.

use std::sync::Arc;
use std::time::Duration;

use launcher_model::{DeploymentId, ServiceName};
use tokio::sync::mpsc;

use super::departed::Departed;
use super::{Service, Shared, State};
use crate::compiled::{Pool, PoolId, Site};
use crate::engine::{Change, Watch};
use crate::protocol::{DrainOutcome, InFlight};
use crate::stats::add;

/// A change of one or more services, put together before it is carried out.
#[derive(Default)]
pub(super) struct Plan {
    touched: Vec<Arc<Pool>>,
    gone: Vec<PoolId>,
    left: Vec<Left>,
    came: Vec<PoolId>,
    departed: Vec<Departed>,
}

/// The pools of one service that leave production.
struct Left {
    pools: Vec<Arc<Pool>>,
    /// How long they may take to come to rest.
    within: Duration,
    /// When the last of their connections that stay long is told to move.
    move_within: Option<Duration>,
}

impl Plan {
    /// Puts a service in the place of what it was.
    pub(super) fn put(&mut self, state: &mut State, service: Service) {
        let name = service.table.name.clone();
        let before = state.services.get(&name).map(|service| service.site.clone());
        self.compare(before.as_deref(), Some(&service.site));
        state.services.insert(name, service);
    }

    /// Takes a service away.
    pub(super) fn remove(&mut self, state: &mut State, name: &ServiceName) {
        let before = state.services.remove(name);
        state.committed.remove(name);
        if let Some(held) = state.holds.remove(name) {
            held.hold.release();
        }
        self.compare(before.as_ref().map(|service| &*service.site), None);
    }

    /// Forgets the pools of a prepared site that did not come into the one that was made of it.
    pub(super) fn leave_behind(&mut self, prepared: &Site, made: &Site) {
        let left = prepared.pools.values().map(|pool| pool.id).filter(|id| !made.has(*id));
        self.gone.extend(left);
    }

    fn compare(&mut self, before: Option<&Site>, after: Option<&Site>) {
        let pools = |site: Option<&Site>| -> Vec<Arc<Pool>> {
            site.map(|site| site.pools.values().cloned().collect()).unwrap_or_default()
        };
        let live = |site: Option<&Site>| -> Vec<Arc<Pool>> {
            site.map(|site| site.live().cloned().collect()).unwrap_or_default()
        };
        let old = pools(before);
        let is_new = |pool: &Arc<Pool>| !old.iter().any(|old| old.stamp == pool.stamp);
        self.touched.extend(pools(after).into_iter().filter(is_new));
        self.departed.extend(Departed::between(before, after));
        let goes = |id: PoolId| !after.is_some_and(|site| site.has(id));
        self.gone.extend(old.iter().map(|pool| pool.id).filter(|id| goes(*id)));
        let (was, is) = (live(before), live(after));
        let id = |pool: &Arc<Pool>| pool.id;
        self.came.extend(is.iter().map(id).filter(|new| !was.iter().any(|old| old.id == *new)));
        let left = was.into_iter().filter(|old| !is.iter().any(|new| new.id == old.id));
        let pools: Vec<_> = left.collect();
        if let Some(site) = after.or(before)
            && !pools.is_empty()
        {
            let within = site.traffic.drain.duration();
            // A service that is no more has nowhere to move to.
            let moves = after.is_some().then_some(site.traffic.move_within).flatten();
            let move_within = moves.map(|span| span.duration());
            self.left.push(Left { pools, within, move_within });
        }
    }
}

impl Shared {
    /// Puts what the state says in force. Returns what is under way on the versions that left, once
    /// every request that goes by the old table is counted. A deployment is told how they come to rest.
    pub(super) async fn carry_out(
        self: &Arc<Self>,
        state: &mut State,
        plan: Plan,
        deployment: Option<DeploymentId>,
    ) -> InFlight {
        for pool in &plan.came {
            state.drains.values_mut().for_each(|drain| drain.supersede(*pool));
        }
        state.depart(plan.departed);
        let mut begun = Vec::new();
        let mut watch = Vec::new();
        for left in plan.left {
            let (rest, resting) = mpsc::channel(1);
            let pools = left.pools.iter();
            watch.extend(pools.map(|pool| Watch {
                pool: pool.clone(),
                rest: rest.clone(),
                move_within: left.move_within,
            }));
            begun.push((state.begin_drain(deployment, left.pools), resting, left.within));
        }
        self.engine.publish(state.table()).await;
        let left = watch.iter().map(|watch| watch.pool.stats.live());
        let in_flight = left.fold(InFlight::default(), add);
        let change = Change { touched: plan.touched, gone: plan.gone, watch, unwatch: plan.came };
        self.engine.tell(&change);
        if begun.is_empty()
            && let Some(deployment) = deployment
        {
            // No version left production, so nothing has to come to rest.
            state.outcomes.insert(deployment, DrainOutcome::default());
            self.drain_ended.notify_one();
        }
        for (drain, resting, within) in begun {
            state.found_in_flight(drain, in_flight);
            tokio::spawn(self.clone().drain(drain, resting, within));
        }
        in_flight
    }
}
