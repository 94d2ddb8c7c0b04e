//! Waiting until nothing is under way on a version, or on containers that have left the table.

use std::sync::{Arc, Weak};
use std::time::Duration;

use launcher_model::{ServiceName, VersionNumber};
use tokio::time::{Instant, MissedTickBehavior};

use super::{Shared, State};
use crate::compiled::{Pool, Site, Standing};
use crate::driver::Resting;
use crate::protocol::InFlight;

/// Nobody tells when the last request of a preview has ended, or of a container that has left, which is
/// waited for when these are about to go. It is looked for so often.
const LOOK: Duration = Duration::from_millis(50);

/// So long before the end of a drain what stays long on containers that leave is told to end.
const CLOSES_WITHIN: Duration = Duration::from_secs(5);

/// A container that has left the table. Whatever may still send something there, or has something under
/// way, holds its standing: threads that have not followed yet, requests, and connections that were
/// upgraded.
pub(super) struct Departed {
    service: ServiceName,
    version: VersionNumber,
    container: Arc<str>,
    standing: Weak<Standing>,
}

impl Departed {
    /// The containers that `before` has and `after` has not. One that comes again is another one.
    pub(super) fn between(before: Option<&Site>, after: Option<&Site>) -> Vec<Self> {
        let pools = |site: Option<&Site>| -> Vec<Arc<Pool>> {
            site.map(|site| site.pools.values().cloned().collect()).unwrap_or_default()
        };
        let mut departed = Vec::new();
        let after = pools(after);
        for pool in pools(before) {
            let now = after.iter().find(|now| now.id == pool.id);
            // The same set of endpoints.
            if now.is_some_and(|now| now.stamp == pool.stamp) {
                continue;
            }
            let stays = |one| now.is_some_and(|now| now.endpoints.contains(one));
            departed.extend(pool.endpoints.iter().filter(|one| !stays(one)).map(|one| Self {
                service: pool.service.clone(),
                version: pool.version,
                container: one.container.clone(),
                standing: Arc::downgrade(&one.standing),
            }));
        }
        departed
    }

    fn is_at_rest(&self) -> bool {
        self.standing.strong_count() == 0
    }

    fn is_among(&self, resting: &Resting) -> bool {
        self.service == resting.service
            && self.version == resting.version
            && resting.containers.as_ref().is_some_and(|all| all.contains_key(&*self.container))
    }
}

impl State {
    /// Notes containers that leave the table.
    pub(super) fn depart(&mut self, departed: Vec<Departed>) {
        self.departed.retain(|one| !one.is_at_rest());
        self.departed.extend(departed);
    }
}

impl Shared {
    /// Waits until nothing of this is under way, for at most so long.
    pub(super) async fn at_rest(&self, resting: &Resting, within: Duration) -> bool {
        let began = Instant::now();
        let until = began + within;
        let mut tell_at = resting.containers.as_ref().map(|_| began + self.stays(resting, within));
        // One that leaves the table meanwhile still has what it had under way.
        let pool = self.pool(&resting.service, resting.version);
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let at_rest = match resting.containers {
                Some(_) => self.have_departed(resting).await,
                None => pool.as_ref().is_none_or(|pool| is_idle(pool)),
            };
            if at_rest || Instant::now() >= until {
                return at_rest;
            }
            if tell_at.take_if(|at| *at <= Instant::now()).is_some() {
                self.tell(resting).await;
            }
        }
    }

    /// How long WebSockets and streams of events stay with a container that has left: as long as their
    /// service lets them after a switch, and not to the very end, so that they can be ended well.
    fn stays(&self, resting: &Resting, within: Duration) -> Duration {
        let table = self.engine.table();
        let site = table.service(&resting.service);
        let most = site.and_then(|site| site.traffic.move_within).map(|span| span.duration());
        let last = within.saturating_sub(CLOSES_WITHIN.min(within / 2));
        most.map_or(last, |most| most.min(last))
    }

    async fn tell(&self, resting: &Resting) {
        let containers = {
            let state = self.state.lock().await;
            let leaving = state.departed.iter().filter(|one| one.is_among(resting));
            leaving.map(|one| one.standing.clone()).collect()
        };
        let clients = self.engine.move_from(containers).await;
        let Resting { service, version, .. } = resting;
        tracing::info!(%service, %version, clients, "clients of containers that leave are told to come again");
    }

    fn pool(&self, service: &ServiceName, version: VersionNumber) -> Option<Arc<Pool>> {
        self.engine.table().service(service)?.pools.get(&version).cloned()
    }

    async fn have_departed(&self, resting: &Resting) -> bool {
        let state = self.state.lock().await;
        state.departed.iter().filter(|one| one.is_among(resting)).all(Departed::is_at_rest)
    }
}

fn is_idle(pool: &Pool) -> bool {
    pool.stats.in_flight() == InFlight::default()
}
