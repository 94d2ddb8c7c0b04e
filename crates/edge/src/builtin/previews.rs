//! Environments of branches: who looks at them, and when nobody does any more.

use std::sync::atomic::Ordering;

use launcher_model::{ServiceName, VersionNumber};

use super::{Builtin, Shared};
use crate::engine::Engine;
use crate::protocol::InFlight;

impl Shared {
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
