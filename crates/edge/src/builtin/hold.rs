//! Holding a service: its new requests wait, while what is in flight comes to rest.

use std::sync::Arc;
use std::time::Duration;

use launcher_model::ServiceName;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Shared, State};
use crate::compiled::Pool;
use crate::engine::{Change, Watch};
use crate::hold::Hold;
use crate::protocol::{HoldOutcome, InFlight};

/// A service that is held, or was until its deadline passed.
pub(super) struct Held {
    pub(super) hold: Arc<Hold>,
    /// When it lets go by itself.
    deadline: Instant,
    /// Until when what is in flight is waited for.
    rests_until: Instant,
}

impl State {
    /// The services that are held now.
    pub(super) fn held(&self) -> impl Iterator<Item = (&ServiceName, &Arc<Hold>)> {
        let holds = self.holds.iter().map(|(service, held)| (service, &held.hold));
        holds.filter(|(_, hold)| !hold.is_over())
    }

    /// The versions of a service that have production traffic in flight, also those that still drain.
    fn busy(&self, service: &ServiceName) -> Vec<Arc<Pool>> {
        let pools = self.services.get(service).into_iter().flat_map(|of| of.site.pools.values());
        pools.filter(|pool| !is_at_rest(pool)).cloned().collect()
    }
}

fn is_at_rest(pool: &Arc<Pool>) -> bool {
    pool.stats.live() == InFlight::default()
}

impl Shared {
    /// Has every request that begins from now on wait. A hold that is in force is prolonged.
    pub(super) async fn hold(
        self: &Arc<Self>,
        service: ServiceName,
        within: Duration,
    ) -> Result<(), String> {
        let mut state = self.state.lock().await;
        if !state.services.contains_key(&service) {
            return Err(format!("this edge has no service {service} to hold"));
        }
        let began = Instant::now();
        let (deadline, rests_until) = (began + within, began + within / 2);
        let in_force = state.holds.get_mut(&service).filter(|held| !held.hold.is_over());
        if let Some(held) = in_force {
            held.deadline = held.deadline.max(deadline);
            held.rests_until = rests_until;
            return Ok(());
        }
        let hold = Arc::new(Hold::default());
        let held = Held { hold: hold.clone(), deadline, rests_until };
        state.holds.insert(service.clone(), held);
        tokio::spawn(self.clone().lapse(service, hold));
        self.engine.publish(state.table()).await;
        drop(state);
        launcher_fault::point("edge.held");
        Ok(())
    }

    /// Lets go at the deadline, whoever else should have and did not.
    async fn lapse(self: Arc<Self>, service: ServiceName, hold: Arc<Hold>) {
        loop {
            let state = self.state.lock().await;
            let held = state.holds.get(&service).filter(|held| Arc::ptr_eq(&held.hold, &hold));
            let Some(deadline) = held.map(|held| held.deadline) else { return hold.release() };
            if deadline <= Instant::now() {
                tracing::warn!(%service, "nobody released the requests that were held");
                hold.release();
                return self.engine.publish(state.table()).await;
            }
            drop(state);
            tokio::select! {
                () = hold.over() => return,
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    /// Waits until no service is held.
    pub(super) async fn hold_nothing(&self) {
        loop {
            let state = self.state.lock().await;
            let held = state.held().next().map(|(service, hold)| (service.clone(), hold.clone()));
            drop(state);
            let Some((service, hold)) = held else { return };
            tracing::info!(%service, "waiting until its requests are released");
            hold.over().await;
        }
    }

    /// Waits until nothing is in flight, for as long as that is waited for; false when something is.
    pub(super) async fn rested(&self, service: &ServiceName) -> bool {
        let state = self.state.lock().await;
        let Some(held) = state.holds.get(service) else { return false };
        let (hold, until) = (held.hold.clone(), held.rests_until);
        let busy = state.busy(service);
        let (rest, mut resting) = mpsc::channel(1);
        let watch = busy.iter().map(|pool| Watch {
            pool: pool.clone(),
            rest: rest.clone(),
            move_within: None,
        });
        // Under the lock: a pool that is gone must not be watched.
        self.engine.tell(&Change { watch: watch.collect(), ..Change::default() });
        drop((state, rest));
        tokio::select! {
            _ = resting.recv() => {}
            () = hold.over() => {}
            () = tokio::time::sleep_until(until) => {}
        }
        !hold.is_over() && busy.iter().all(is_at_rest)
    }

    /// Has those who wait go where the table says now.
    pub(super) async fn release(&self, service: &ServiceName) -> HoldOutcome {
        let mut state = self.state.lock().await;
        let Some(held) = state.holds.remove(service) else { return HoldOutcome::default() };
        let lapsed = held.hold.is_over();
        if !lapsed {
            self.engine.publish(state.table()).await;
        }
        held.hold.release();
        drop(state);
        launcher_fault::point("edge.released");
        let (requests, longest_us) = held.hold.outcome().await;
        HoldOutcome { requests, longest_us, lapsed }
    }
}
