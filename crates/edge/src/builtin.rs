//! The driver that is built in: switches of the proxy [`engine`](crate::engine).
//!
//! Healthy before the lock, swap under it, drain outside of it. Checking and warming the containers of
//! a switch takes as long as it takes and holds up nobody. Putting a table in force, which is one store
//! and one round through the threads, happens under a lock, one change at a time. What then still is
//! under way on versions that left comes to rest on its own, watched by a task per switch.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use launcher_model::{DeploymentId, ServiceName, VersionNumber};
use tokio::sync::{Mutex, Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::access::Log;
use crate::certificates::Certificates;
use crate::compiled::{Site, Table};
use crate::driver::switch::Committed;
use crate::driver::{Driver, Resting};
use crate::engine::{Engine, Limits, Listening};
use crate::keep::{Common, Keep};
use crate::protocol::{CertificateFile, DrainOutcome, Flip, HoldOutcome, Issued, Readiness};
use crate::samples::{self, Samples, Second};
use crate::stats::VersionCounters;
use crate::table::{RouteTable, ServiceTable};

mod certify;
mod change;
mod departed;
mod directory;
mod drain;
mod follow;
mod hold;
mod measure;
mod prepare;
mod previews;
mod switch;

use departed::Departed;
use drain::Drain;
use hold::Held;
use measure::Readings;
use prepare::Prepared;

/// The proxy that is built in, as a [`Driver`].
#[derive(Clone)]
pub(crate) struct Builtin(Arc<Shared>);

struct Shared {
    engine: Engine,
    certificates: Arc<Certificates>,
    /// The directory, while it is this process's.
    keep: RwLock<Option<Keep>>,
    state: Mutex<State>,
    /// Stops what is being prepared.
    preparing: std::sync::Mutex<HashMap<DeploymentId, CancellationToken>>,
    drain_ended: Notify,
    /// What has been kept is about to be forced to disk.
    force_is_due: AtomicBool,
    readings: Readings,
    samples: Samples,
}

/// What is in force, and what is under way.
#[derive(Default)]
struct State {
    common: Common,
    services: BTreeMap<ServiceName, Service>,
    prepared: BTreeMap<DeploymentId, Prepared>,
    /// The last switch of each service, for the case that its commit is repeated.
    committed: BTreeMap<ServiceName, Committed>,
    drains: BTreeMap<u64, Drain>,
    last_drain: u64,
    /// Containers that have left the table, and with which something may be under way.
    departed: Vec<Departed>,
    /// Outcomes that the control plane has not stored yet.
    outcomes: BTreeMap<DeploymentId, DrainOutcome>,
    /// Services whose new requests wait, or did and nobody has asked yet how that went.
    holds: BTreeMap<ServiceName, Held>,
}

/// A service, as it was sent and as it is served.
struct Service {
    table: ServiceTable,
    site: Arc<Site>,
}

impl State {
    fn table(&self) -> Table {
        let sites = self.services.values().map(|service| &service.site);
        Table::new(&self.common.preview_domain, sites).holding(self.held())
    }

    fn revisions(&self) -> Vec<(ServiceName, u64)> {
        self.services.iter().map(|(name, service)| (name.clone(), service.table.revision)).collect()
    }
}

/// Why a switch cannot be made, to whoever asked for it.
fn not_kept(error: &std::io::Error) -> String {
    format!(
        "this edge cannot keep the route on disk: {error}; see that its data directory can be written and \
         has room"
    )
}

impl Builtin {
    /// Is to serve on these sockets, with so many threads, what the directory `dir` keeps; nothing yet
    /// without one. Those who speak TLS are shown these certificates, and are led to the public port where there is
    /// one; what becomes of requests is told to the log.
    /// Connections wait until the driver is [open](Driver::open).
    ///
    /// # Errors
    /// When the directory is not usable or a thread does not start.
    pub(crate) fn start(
        listening: Vec<Listening>,
        threads: usize,
        limits: &Limits,
        certificates: Arc<Certificates>,
        public_port: Option<u16>,
        log: Option<Log>,
        dir: Option<&Path>,
    ) -> Result<Self, Error> {
        let (keep, kept) = dir.map(Keep::open).transpose()?.unzip();
        let kept = kept.unwrap_or_default();
        let threads = threads.max(1);
        let mut state = State { common: Common::of(&kept), ..State::default() };
        for (name, table) in kept.services {
            let site = Arc::new(Site::compile(&table, &[], threads));
            state.services.insert(name, Service { table, site });
        }
        let shown = certificates.clone();
        let engine =
            Engine::start(listening, threads, limits, shown, public_port, log, state.table())?;
        Ok(Self(Arc::new(Shared {
            engine,
            certificates,
            keep: RwLock::new(keep),
            state: Mutex::new(state),
            preparing: std::sync::Mutex::default(),
            drain_ended: Notify::new(),
            force_is_due: AtomicBool::new(false),
            readings: Readings::default(),
            samples: Samples::default(),
        })))
    }

    /// What listens, and is told when to.
    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The addresses that are served by HTTP, with the ports that were chosen for those given as 0.
    pub(crate) fn http(&self) -> &[SocketAddr] {
        self.0.engine.http()
    }

    /// Those that are served by HTTPS.
    pub(crate) fn https(&self) -> &[SocketAddr] {
        self.0.engine.https()
    }

    /// Measures what is carried, for ever.
    pub(crate) async fn measure(&self) {
        if !self.0.engine.measures() {
            return std::future::pending().await;
        }
        samples::keep(&self.0.samples, self).await;
    }

    /// What every version that has running containers has carried.
    pub(crate) fn counters(&self) -> Vec<VersionCounters> {
        let table = self.0.engine.table();
        let read = table.pools().map(|pool| VersionCounters {
            service: pool.service.clone(),
            version: pool.version,
            counted: pool.stats.read(),
            latency: pool.stats.latency(),
        });
        read.collect()
    }
}

impl Driver for Builtin {
    fn name(&self) -> &'static str {
        "builtin"
    }

    fn open(&self) {
        self.0.engine.open();
    }

    async fn table(&self) -> RouteTable {
        let state = self.0.state.lock().await;
        let services = state.services.iter();
        let services = services.map(|(name, of)| (name.clone(), of.table.clone()));
        state.common.clone().table(services.collect())
    }

    async fn welcome(&self, table: RouteTable) -> Vec<(ServiceName, u64)> {
        let revisions = self.0.welcome(table).await;
        self.0.engine.wakes().hears(true);
        revisions
    }

    async fn replace(&self, service: ServiceTable) -> (ServiceName, u64) {
        self.0.replace(service).await
    }

    async fn remove(&self, service: ServiceName) {
        self.0.remove(service).await;
    }

    async fn prepare(
        &self,
        deployment: DeploymentId,
        service: ServiceTable,
        within: Duration,
    ) -> Result<Readiness, String> {
        self.0.prepare(deployment, service, within).await
    }

    async fn commit(&self, deployment: DeploymentId) -> Result<Flip, String> {
        self.0.commit(deployment).await
    }

    async fn abort(&self, deployment: DeploymentId) {
        self.0.abort(deployment).await;
    }

    async fn abandon(&self) {
        self.0.engine.wakes().hears(false);
        self.0.abandon().await;
    }

    async fn hold(&self, service: ServiceName, within: Duration) -> Result<(), String> {
        self.0.hold(service, within).await
    }

    async fn rested(&self, service: ServiceName) -> bool {
        self.0.rested(&service).await
    }

    async fn release(&self, service: ServiceName) -> HoldOutcome {
        self.0.release(&service).await
    }

    async fn certify(&self, issued: Vec<Issued>, challenges: BTreeMap<String, String>) {
        self.0.certify(issued, challenges).await;
    }

    fn certificate_files(&self) -> watch::Receiver<Vec<CertificateFile>> {
        self.0.certificates.told()
    }

    async fn at_rest(&self, resting: Resting, within: Duration) -> bool {
        self.0.at_rest(&resting, within).await
    }

    async fn looked(&self) -> Vec<(ServiceName, Vec<VersionNumber>)> {
        self.0.looked().await
    }

    async fn wanted(&self) -> Vec<(ServiceName, VersionNumber)> {
        self.0.engine.wakes().wanted().await;
        self.0.engine.wakes().take()
    }

    async fn draining(&self) -> Vec<DeploymentId> {
        let state = self.0.state.lock().await;
        let running = state.drains.values().filter_map(|drain| drain.deployment);
        running.chain(state.outcomes.keys().copied()).collect()
    }

    async fn drained(&self) -> Vec<(DeploymentId, DrainOutcome)> {
        let state = self.0.state.lock().await;
        state.outcomes.iter().map(|(id, outcome)| (*id, outcome.clone())).collect()
    }

    async fn drain_ended(&self) {
        self.0.drain_ended.notified().await;
    }

    async fn drain_seen(&self, deployment: DeploymentId) {
        self.0.state.lock().await.outcomes.remove(&deployment);
    }

    async fn measured(&self) -> Second {
        self.0.samples.next().await
    }

    fn measured_told(&self, at: i64) {
        self.0.samples.told(at);
    }
}
