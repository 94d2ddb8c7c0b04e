//! Environments of branches: who looks at them, and when nobody does any more.
//!
//! nginx tells of a request when it has ended, in its log. One that takes long, such as a WebSocket, is
//! seen by the connection that a worker has to the container; so is an idle one, for the minute that nginx
//! keeps it.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use launcher_model::{ServiceName, VersionNumber};

use super::process::{Master, Worker, connections};
use super::{Shared, State};
use crate::driver::Resting;

/// How often old workers are looked at.
const LOOK: Duration = Duration::from_millis(50);

impl State {
    fn addresses(&self, service: &ServiceName, version: VersionNumber) -> HashSet<SocketAddr> {
        let pool = self.in_force.get(service).and_then(|of| of.table.pools.get(&version));
        pool.iter().flat_map(|pool| pool.endpoints.values().copied()).collect()
    }
}

impl Shared {
    /// Waits until old workers have nothing to do with a version or these containers of it, for at most so
    /// long.
    pub(super) async fn at_rest(&self, resting: Resting, within: Duration) -> bool {
        let addresses = match resting.containers {
            Some(containers) => containers.into_values().collect(),
            None => self.state.lock().await.addresses(&resting.service, resting.version),
        };
        let until = Instant::now() + within;
        // A request that an old worker has taken that instant may only now reach its container.
        let mut looks_at_rest = 0;
        while looks_at_rest < 2 {
            tokio::time::sleep(LOOK).await;
            let master = Master::find(&self.options.pid);
            let leaving = master.map(|master| master.workers().leaving).unwrap_or_default();
            let at_rest = has_none(&leaving, &addresses);
            looks_at_rest = if at_rest { looks_at_rest + 1 } else { 0 };
            if !at_rest && Instant::now() >= until {
                return false;
            }
        }
        true
    }

    /// Waits until something was looked at, and says what.
    pub(super) async fn looked(&self) -> Vec<(ServiceName, Vec<VersionNumber>)> {
        loop {
            self.looks.any().await;
            self.looks.telling();
            let mut looked: BTreeMap<ServiceName, Vec<VersionNumber>> = BTreeMap::new();
            for (service, version) in self.tally.take_looked() {
                looked.entry(service).or_default().push(version);
            }
            if !looked.is_empty() {
                return looked.into_iter().collect();
            }
        }
    }

    /// Notes which environments of branches were looked at since the last time.
    pub(super) async fn note_looks(&self) {
        let watched: Vec<_> = {
            let state = self.state.lock().await;
            let services = state.in_force.iter();
            let watched = services.flat_map(|(name, of)| {
                of.table.branches.aliases.values().map(move |version| (name.clone(), *version))
            });
            watched
                .map(|(name, version)| (state.addresses(&name, version), name, version))
                .collect()
        };
        if watched.is_empty() {
            return;
        }
        let master = Master::find(&self.options.pid);
        let workers = master.map(|master| master.workers()).unwrap_or_default();
        let workers: HashSet<Worker> = workers.serving.union(&workers.leaving).copied().collect();
        let used = |(addresses, ..): &(HashSet<SocketAddr>, _, _)| !has_none(&workers, addresses);
        let busy = watched.iter().filter(|one| used(one));
        let busy: Vec<_> = busy.map(|(_, name, version)| (name.clone(), *version)).collect();
        let watched = watched.into_iter().map(|(_, name, version)| (name, version));
        if self.tally.note_looked(watched, busy) {
            self.looks.again();
        }
    }
}

/// Whether these workers have no connection there. Where that cannot be seen they may have.
fn has_none(workers: &HashSet<Worker>, addresses: &HashSet<SocketAddr>) -> bool {
    if addresses.is_empty() {
        return true;
    }
    connections(workers, addresses).map_or(workers.is_empty(), |found| found.is_empty())
}
