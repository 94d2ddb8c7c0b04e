//! The driver of an nginx that somebody else runs.
//!
//! It owns one directory of files that nginx's configuration includes: `render` writes them, `trial` asks
//! nginx about them before they are where it reads them, `reload` puts them in force and sees that they
//! are. A switch (`switch`) does so at once; all other changes (`settle`) are gathered for a moment, so that
//! a burst of them costs one reload. What a reload leaves behind in old workers comes to rest in `drain`.
//!
//! A reload closes idle connections of clients, so a change that nginx would not notice causes none.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use launcher_model::{DeploymentId, ServiceName, VersionNumber};
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::driver::switch::Committed;
use crate::driver::{Driver, Resting};
use crate::keep::{Common, Keep};
use crate::looks::Looks;
use crate::protocol::{DrainOutcome, Flip, Readiness};
use crate::samples::{self, Samples, Second};
use crate::stats::VersionCounters;
use crate::table::{RouteTable, ServiceTable};

mod drain;
mod files;
mod logins;
mod options;
mod previews;
mod process;
mod reload;
mod render;
mod scan;
mod settle;
mod status;
mod switch;
mod tally;
mod trial;
mod waiting;
mod watch_files;

#[cfg(feature = "fuzzing")]
pub(crate) use tally::fuzz;

use drain::Drain;
use files::Files;
use logins::Logins;
pub use options::Options;
use reload::Reloader;
use render::{Frame, Rendered, Settings};
use settle::Settled;
use switch::Prepared;
use tally::Tally;
use waiting::WaitingRoom;

/// An nginx beside this process, as a [`Driver`].
pub struct Nginx {
    shared: Arc<Shared>,
    upkeep: AbortHandle,
    receives: AbortHandle,
}

struct Shared {
    options: Options,
    frame: Frame,
    keep: Keep,
    tally: Tally,
    logins: Logins,
    waiting: Arc<WaitingRoom>,
    looks: Looks,
    samples: Samples,
    state: Mutex<State>,
    /// Taken before the state by whoever changes what nginx serves.
    reloader: Mutex<Reloader>,
    /// Stops what is being prepared.
    preparing: std::sync::Mutex<HashMap<DeploymentId, CancellationToken>>,
    /// Something is wanted that is not in force.
    wanted: Notify,
    settled: watch::Sender<Settled>,
    drain_ended: Notify,
    opened: AtomicBool,
}

/// What is wanted, what is in force, and what is under way.
#[derive(Default)]
struct State {
    common: Common,
    /// What nginx shall serve.
    services: BTreeMap<ServiceName, Service>,
    /// What it serves.
    in_force: BTreeMap<ServiceName, Service>,
    /// Counts changes of what is wanted.
    changes: u64,
    prepared: BTreeMap<DeploymentId, Prepared>,
    /// The last switch of each service, for the case that its commit is repeated.
    committed: BTreeMap<ServiceName, Committed>,
    drains: BTreeMap<u64, Drain>,
    last_drain: u64,
    /// Outcomes that the control plane has not stored yet.
    outcomes: BTreeMap<DeploymentId, DrainOutcome>,
}

/// A service, as it was sent and as nginx is told of it.
#[derive(Clone)]
struct Service {
    table: ServiceTable,
    text: String,
}

impl Nginx {
    /// Is to have nginx serve what the data directory keeps, once the driver is [open](Driver::open).
    /// nginx need not run yet.
    ///
    /// # Errors
    /// When a directory is not usable.
    pub fn start(options: Options) -> Result<Self, Error> {
        let options = options.checked()?;
        let (keep, kept) = Keep::open(&options.data_dir)?;
        let include = &options.include;
        let unusable = |cause| Error::Include { path: include.clone(), cause };
        let files = Files::open(include).map_err(unusable)?;
        let watch = watch_files::Watch::on(include).map_err(unusable)?;
        trial::clear(&options.data_dir);
        let frame = Frame {
            http: options.http.clone(),
            internal: options.internal,
            access_log: options.access_log(),
            passed: options.passed(),
            logins: options.logins(),
            waiting: options.waiting(),
        };
        let room = Arc::new(WaitingRoom::default());
        let door = room.open(&options.waiting()).map_err(unusable)?;
        let receives = tokio::spawn(room.clone().receive(door)).abort_handle();
        let shared = Arc::new(Shared {
            tally: Tally::new(options.access_log()),
            logins: Logins::new(&options),
            reloader: Mutex::new(Reloader::new(options.clone(), files)),
            waiting: room,
            looks: Looks::default(),
            samples: Samples::default(),
            options,
            frame,
            keep,
            state: Mutex::default(),
            preparing: std::sync::Mutex::default(),
            wanted: Notify::new(),
            settled: watch::Sender::default(),
            drain_ended: Notify::new(),
            opened: AtomicBool::new(false),
        });
        if let Ok(mut state) = shared.state.try_lock() {
            shared.take_over(&mut state, kept);
            // What is not known to be in force is to be put in force.
            state.changes += 1;
        }
        let upkeep = tokio::spawn(shared.clone().upkeep(watch)).abort_handle();
        Ok(Self { shared, upkeep, receives })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.receives.abort();
        self.upkeep.abort();
    }
}

impl Shared {
    fn render(&self, table: &ServiceTable, preview_domain: &str) -> Result<String, String> {
        let settings = Settings { frame: &self.frame, preview_domain };
        render::service(table, settings).map_err(|unfit| unfit.to_string())
    }

    /// Has nginx ask for the logins of these services, and of no others.
    async fn ask_for_logins(self: &Arc<Self>, services: &BTreeMap<ServiceName, Service>) {
        let texts = services.iter().filter_map(|(name, service)| {
            // What cannot be told to nginx has been refused before.
            let text = render::logins(&service.table).ok().flatten()?;
            Some((name.to_string(), text))
        });
        let (shared, texts) = (self.clone(), texts.collect());
        let held = tokio::task::spawn_blocking(move || shared.logins.hold(&texts));
        if let Err(error) = held.await {
            tracing::error!(%error, "the logins of previews cannot be written");
        }
    }

    fn rendered(&self, services: &BTreeMap<ServiceName, Service>) -> Rendered {
        let texts = services.iter().map(|(name, service)| (name.clone(), service.text.clone()));
        Rendered::new(&self.frame, &texts.collect())
    }

    /// Does work on the disk where it holds up nobody. It is done to its end even when nobody waits.
    async fn on_disk(
        self: &Arc<Self>,
        work: impl FnOnce(&Keep) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let shared = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            work(&shared.keep)?;
            shared.keep.force()
        });
        done.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

impl Nginx {
    /// The addresses at which it is told to serve.
    pub(crate) fn http(&self) -> &[SocketAddr] {
        &self.shared.options.http
    }

    /// What every version that has running containers has carried.
    pub(crate) fn counters(&self) -> Vec<VersionCounters> {
        self.shared.tally.read()
    }

    /// Measures what is carried, for ever.
    pub(crate) async fn measure(&self) {
        samples::keep(&self.shared.samples, &self.shared.tally).await;
    }

    /// Looks after it no more. It serves on: it is not this process's.
    pub(crate) fn leave(&self) {
        self.upkeep.abort();
    }
}

impl Driver for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn open(&self) {
        if !self.shared.opened.swap(true, Relaxed) {
            self.shared.wanted.notify_one();
        }
    }

    async fn table(&self) -> RouteTable {
        let state = self.shared.state.lock().await;
        let services = state.services.iter();
        let services = services.map(|(name, of)| (name.clone(), of.table.clone()));
        state.common.clone().table(services.collect())
    }

    async fn welcome(&self, table: RouteTable) -> Vec<(ServiceName, u64)> {
        let revisions = self.shared.welcome(table).await;
        self.shared.waiting.wakes.hears(true);
        revisions
    }

    async fn replace(&self, service: ServiceTable) -> (ServiceName, u64) {
        self.shared.replace(service).await
    }

    async fn remove(&self, service: ServiceName) {
        self.shared.remove(service).await;
    }

    async fn prepare(
        &self,
        deployment: DeploymentId,
        service: ServiceTable,
        within: Duration,
    ) -> Result<Readiness, String> {
        self.shared.prepare(deployment, service, within).await
    }

    async fn commit(&self, deployment: DeploymentId) -> Result<Flip, String> {
        self.shared.commit(deployment).await
    }

    async fn abort(&self, deployment: DeploymentId) {
        self.shared.abort(deployment).await;
    }

    async fn abandon(&self) {
        self.shared.waiting.wakes.hears(false);
        self.shared.abandon().await;
    }

    async fn at_rest(&self, resting: Resting, within: Duration) -> bool {
        self.shared.at_rest(resting, within).await
    }

    async fn looked(&self) -> Vec<(ServiceName, Vec<VersionNumber>)> {
        self.shared.looked().await
    }

    async fn wanted(&self) -> Vec<(ServiceName, VersionNumber)> {
        self.shared.waiting.wakes.wanted().await;
        self.shared.waiting.wakes.take()
    }

    async fn draining(&self) -> Vec<DeploymentId> {
        let state = self.shared.state.lock().await;
        let running = state.drains.values().filter_map(|drain| drain.deployment);
        running.chain(state.outcomes.keys().copied()).collect()
    }

    async fn drained(&self) -> Vec<(DeploymentId, DrainOutcome)> {
        let state = self.shared.state.lock().await;
        state.outcomes.iter().map(|(id, outcome)| (*id, outcome.clone())).collect()
    }

    async fn drain_ended(&self) {
        self.shared.drain_ended.notified().await;
    }

    async fn drain_seen(&self, deployment: DeploymentId) {
        self.shared.state.lock().await.outcomes.remove(&deployment);
    }

    async fn measured(&self) -> Second {
        self.shared.samples.next().await
    }

    fn measured_told(&self, at: i64) {
        self.shared.samples.told(at);
    }
}
