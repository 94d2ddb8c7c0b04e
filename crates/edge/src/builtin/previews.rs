//! Environments of branches: who looks at them, and when nobody does any more.

use std::sync::atomic::Ordering;
use std::time::Duration;

use launcher_model::{ServiceName, VersionNumber};
use tokio::time::{Instant, MissedTickBehavior};

use super::{Builtin, Shared};
use crate::engine::Engine;
use crate::protocol::InFlight;

/// Nobody tells when the last request of a preview has ended, which is waited for when its environment is
/// about to go. It is looked for so often.
const LOOK: Duration = Duration::from_millis(50);

impl Shared {
    /// Waits until nothing of a version is under way, for at most so long.
    pub(super) async fn at_rest(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        within: Duration,
    ) -> bool {
        let table = self.engine.table();
        let Some(pool) = table.service(service).and_then(|site| site.pools.get(&version)) else {
            return true;
        };
        let until = Instant::now() + within;
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let at_rest = pool.stats.in_flight() == InFlight::default();
            if at_rest || Instant::now() >= until {
                return at_rest;
            }
        }
    }

    /// Waits until something was looked at, and says what. What has something under way is looked at too.
    pub(super) async fn looked(&self) -> Vec<(ServiceName, Vec<VersionNumber>)> {
        let looks = self.engine.looks();
        loop {
            looks.any().await;
            looks.telling();
            let looked = self.engine.take_looks();
            if !looked.is_empty() {
                return looked;
            }
        }
    }
}

impl Builtin {
    /// Has everything count as looked at.
    pub(crate) fn look_at_all(&self) {
        let engine = &self.0.engine;
        let table = engine.table();
        for site in table.services() {
            let watched = site.branches.iter().flat_map(|branches| branches.watched());
            for pool in watched.filter_map(|version| site.pools.get(&version)) {
                engine.looks().note(&pool.stats.looked);
            }
        }
    }
}

impl Engine {
    fn take_looks(&self) -> Vec<(ServiceName, Vec<VersionNumber>)> {
        let table = self.table();
        let mut looked = Vec::new();
        for site in table.services() {
            let watched = site.branches.iter().flat_map(|branches| branches.watched());
            let pools = watched.filter_map(|version| site.pools.get(&version));
            let used = pools.filter(|pool| {
                let busy = pool.stats.previews() != InFlight::default();
                if busy {
                    self.looks().again();
                }
                pool.stats.looked.swap(false, Ordering::AcqRel) || busy
            });
            let versions: Vec<_> = used.map(|pool| pool.version).collect();
            if !versions.is_empty() {
                looked.push((site.name.clone(), versions));
            }
        }
        looked
    }
}
