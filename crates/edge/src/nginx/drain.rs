//! How versions that left production come to rest in workers that take no more connections.
//!
//! nginx does not count what is under way by version. But a request or an upgraded connection holds one
//! connection of a worker to a container, and a worker that is leaving keeps no unused ones. So what is
//! under way on a version is how many connections old workers have to its containers. Previews of that
//! version in old workers are among them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use launcher_model::{DeploymentId, ServiceName, VersionNumber};

use super::process::{Master, Worker, connections};
use super::reload::InForce;
use super::{Service, Shared, State};
use crate::protocol::{DrainOutcome, InFlight};
use crate::table::ServiceTable;

/// How often is looked what old workers still have: quickly at first, for most of it ends soon.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LONGEST_LOOK: Duration = Duration::from_millis(500);

/// How long workers that were told to end at once may take.
const CUT_WITHIN: Duration = Duration::from_secs(5);

/// What a switch left behind.
pub(super) struct Drain {
    pub(super) deployment: Option<DeploymentId>,
    service: ServiceName,
    /// The versions that left.
    versions: Vec<VersionNumber>,
    /// Where their containers are, without the versions that are live again.
    addresses: HashMap<VersionNumber, HashSet<SocketAddr>>,
    /// The workers that may have something of theirs.
    workers: HashSet<Worker>,
    began: Instant,
    /// How long they may take to come to rest.
    within: Duration,
    in_flight: u64,
    /// What was still under way when it was last looked.
    left: u64,
    /// Of what was in flight, what had not ended when its version went live again.
    kept: u64,
    cut: u64,
    failed_before: u64,
    superseded: bool,
}

impl Drain {
    /// Lets go of versions that are live again.
    fn supersede(&mut self, live: &BTreeSet<VersionNumber>) {
        let before = self.addresses.len();
        self.addresses.retain(|version, _| !live.contains(version));
        if self.addresses.len() < before {
            self.superseded = true;
            if self.addresses.is_empty() {
                self.kept = self.left;
            }
        }
    }

    /// What old workers have of it, worker by worker.
    fn under_way(&self) -> std::io::Result<Vec<(Worker, u64)>> {
        let addresses = self.addresses.values().flatten().copied().collect();
        connections(&self.workers, &addresses)
    }

    fn outcome(self, failed: u64) -> DrainOutcome {
        let failed = failed.saturating_sub(self.failed_before);
        DrainOutcome {
            versions: self.versions,
            drained: self.in_flight.saturating_sub(self.kept + self.cut + failed),
            failed,
            cut: self.cut,
            moved: 0,
            superseded: self.superseded,
            took_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Shared {
    /// Notes that nginx serves these services now, and has what left production come to rest. Returns
    /// what was under way on it. A deployment is told how that ends.
    pub(super) async fn is_in_force(
        self: &Arc<Self>,
        services: BTreeMap<ServiceName, Service>,
        how: &InForce,
        deployment: Option<(DeploymentId, &ServiceName)>,
    ) -> InFlight {
        self.ask_for_logins(&services).await;
        let mut state = self.state.lock().await;
        let before = std::mem::replace(&mut state.in_force, services);
        let versions = state.in_force.iter().flat_map(|(name, service)| {
            service.table.pools.keys().map(move |version| (name.clone(), *version))
        });
        self.tally.serves(versions);
        self.waiting.follow(state.in_force.values().map(|service| &service.table));
        let mut under_way = InFlight::default();
        let mut is_told = false;
        for (name, old) in before {
            let new = state.in_force.get(&name).map(|service| service.table.clone());
            let is_live: BTreeSet<_> = new.iter().flat_map(ServiceTable::live).collect();
            let drains = state.drains.values_mut().filter(|drain| drain.service == name);
            drains.for_each(|drain| drain.supersede(&is_live));
            let left: Vec<_> =
                old.table.live().filter(|version| !is_live.contains(version)).collect();
            if left.is_empty() || *how != InForce::Reloaded {
                continue;
            }
            let of = deployment.filter(|(_, switched)| **switched == name).map(|(id, _)| id);
            is_told |= of.is_some();
            let traffic = &new.as_ref().unwrap_or(&old.table).traffic;
            let within = traffic.drain.duration();
            let found = self.begin(&mut state, of, &old.table, new.as_ref(), left, within);
            if of.is_some() {
                under_way.requests += found;
            }
        }
        if let Some((deployment, _)) = deployment.filter(|_| !is_told) {
            // No version left production, so nothing has to come to rest.
            state.outcomes.insert(deployment, DrainOutcome::default());
            self.drain_ended.notify_one();
        }
        under_way
    }

    /// Begins to watch what left. Returns how much there is.
    fn begin(
        self: &Arc<Self>,
        state: &mut State,
        deployment: Option<DeploymentId>,
        old: &ServiceTable,
        new: Option<&ServiceTable>,
        left: Vec<VersionNumber>,
        within: Duration,
    ) -> u64 {
        let master = Master::find(&self.options.pid);
        let workers = master.map(|master| master.workers().leaving).unwrap_or_default();
        let tables = [Some(old), new];
        let addresses = |version: &VersionNumber| -> HashSet<SocketAddr> {
            let pools = tables.iter().flatten().filter_map(|table| table.pools.get(version));
            pools.flat_map(|pool| pool.endpoints.values().copied()).collect()
        };
        self.tally.catch_up();
        let mut drain = Drain {
            deployment,
            service: old.name.clone(),
            addresses: left.iter().map(|version| (*version, addresses(version))).collect(),
            failed_before: self.tally.failed_live(&old.name, &left),
            versions: left,
            workers,
            began: Instant::now(),
            within,
            in_flight: 0,
            left: 0,
            kept: 0,
            cut: 0,
            superseded: false,
        };
        match drain.under_way() {
            Ok(found) => drain.in_flight = found.iter().map(|(_, count)| count).sum(),
            Err(error) => tracing::warn!(
                %error,
                "what is under way in nginx's old workers cannot be seen; the edge must run as root or as their user"
            ),
        }
        let found = drain.in_flight;
        drain.left = found;
        state.last_drain += 1;
        let id = state.last_drain;
        state.drains.insert(id, drain);
        tokio::spawn(self.clone().drain(id));
        found
    }

    /// Waits until nothing of what left is under way, and ends the workers that have some of it when
    /// that takes too long.
    async fn drain(self: Arc<Self>, id: u64) {
        let mut interval = FIRST_LOOK;
        let mut looks_at_rest = 0;
        // A request that an old worker has taken that instant may only now reach its container.
        while looks_at_rest < 2 {
            tokio::time::sleep(interval).await;
            interval = (interval * 3 / 2).min(LONGEST_LOOK);
            let mut state = self.state.lock().await;
            let Some(drain) = state.drains.get_mut(&id) else { return };
            let left = drain.look(&self.options.pid);
            looks_at_rest = if left == 0 { looks_at_rest + 1 } else { 0 };
            if left > 0 && drain.began.elapsed() >= drain.within {
                drain.end_workers();
                break;
            }
            interval = interval.min(drain.within.saturating_sub(drain.began.elapsed()));
            interval = interval.max(FIRST_LOOK);
        }
        self.until_gone(id).await;
        self.tally.catch_up();
        let mut state = self.state.lock().await;
        let Some(drain) = state.drains.remove(&id) else { return };
        if let Some(deployment) = drain.deployment {
            let failed = self.tally.failed_live(&drain.service, &drain.versions);
            state.outcomes.insert(deployment, drain.outcome(failed));
            launcher_fault::point("edge.drained");
            self.drain_ended.notify_one();
        }
    }

    /// Waits until nothing is left of what has been cut.
    async fn until_gone(&self, id: u64) {
        let deadline = Instant::now() + CUT_WITHIN;
        loop {
            let mut state = self.state.lock().await;
            let Some(drain) = state.drains.get_mut(&id) else { return };
            if drain.cut == 0 || drain.look(&self.options.pid) == 0 {
                return;
            }
            if Instant::now() >= deadline {
                tracing::error!("workers of nginx that were told to end are still there");
                return;
            }
            drop(state);
            tokio::time::sleep(FIRST_LOOK).await;
        }
    }
}

impl Drain {
    /// How much is still under way. Where that cannot be seen it is as much as there are old workers.
    fn look(&mut self, pid_file: &std::path::Path) -> u64 {
        let leaving = Master::find(pid_file).map(|master| master.workers().leaving);
        let leaving = leaving.unwrap_or_default();
        self.workers.retain(|worker| leaving.contains(worker));
        self.left = match self.under_way() {
            _ if self.addresses.is_empty() => 0,
            Ok(found) => found.iter().map(|(_, count)| count).sum(),
            Err(_) => self.workers.len() as u64,
        };
        self.left
    }

    /// Ends the workers that still have something.
    fn end_workers(&mut self) {
        let holding = match self.under_way() {
            Ok(holding) => holding,
            Err(_) => self.workers.iter().map(|worker| (*worker, 0)).collect(),
        };
        for (worker, count) in holding {
            match worker.end() {
                Ok(()) => self.cut += count,
                Err(error) => tracing::error!(%error, "a worker of nginx cannot be ended"),
            }
        }
    }
}
