//! An edge that carries no traffic: it speaks the protocol, keeps the table, and answers as it is told.

mod talk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use launcher_edge::protocol::{DrainOutcome, FromEdge, HoldOutcome, InFlight};
use launcher_edge::table::{RestKind, RouteTable, ServiceTable};
use launcher_model::{DeploymentId, EdgeName, ServiceName, VersionNumber};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How an edge answers one half of a switch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// As it should.
    Well,
    /// With these words.
    Refuse(String),
    /// Not at all.
    Silent,
    /// By closing the connection; it comes back.
    HangUp,
    /// As it should, when it is told to.
    Held,
}

/// An edge. It is gone when it is dropped.
pub(crate) struct Edge {
    pub(crate) name: EdgeName,
    state: Arc<Mutex<State>>,
    say: mpsc::UnboundedSender<Say>,
    task: JoinHandle<()>,
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

enum Say {
    HangUp,
    Release,
    Drained(DeploymentId, DrainOutcome),
    Tells(FromEdge),
}

pub(crate) struct State {
    pub(crate) prepare: Reply,
    pub(crate) commit: Reply,
    pub(crate) hold: Reply,
    pub(crate) replace: Reply,
    /// Whether nothing is under way on versions that are to go.
    pub(crate) rest: Reply,
    /// The services whose requests wait.
    pub(crate) holds: BTreeSet<ServiceName>,
    /// What it says of them at the release.
    pub(crate) waited: HoldOutcome,
    /// What it was asked of a switch, in a word each.
    pub(crate) asked: Vec<&'static str>,
    /// Reported at once after each commit; nothing while it is none.
    pub(crate) drain: Option<DrainOutcome>,
    pub(crate) in_flight: InFlight,
    /// What it serves.
    pub(crate) table: RouteTable,
    pub(crate) prepared: BTreeMap<DeploymentId, ServiceTable>,
    /// Drains that have not been seen.
    pub(crate) draining: BTreeMap<DeploymentId, Option<DrainOutcome>>,
    pub(crate) welcomes: usize,
    /// Every change of what it serves that took the last container of a live version away.
    pub(crate) losses: Vec<String>,
    /// Tables that were older than what it had.
    pub(crate) stale: Vec<String>,
    pub(crate) replaced: usize,
    connect: bool,
}

impl State {
    fn take(&mut self, table: ServiceTable) {
        let name = table.name.clone();
        if let Some(before) = self.table.services.get(&name) {
            if before.revision > table.revision {
                self.stale.push(format!("{name}: {} after {}", table.revision, before.revision));
                return;
            }
            // Nothing is live on purpose where the route says so.
            let offline = table.weights.is_empty() && table.generation > before.generation;
            if serves(before) && !serves(&table) && !offline {
                self.losses.push(format!("{name}: {before:?} became {table:?}"));
            }
        }
        self.table.services.insert(name, table);
    }

    fn welcome(&mut self, table: RouteTable) {
        self.welcomes += 1;
        let gone: BTreeSet<_> = self.table.services.keys().cloned().collect();
        for name in gone.iter().filter(|name| !table.services.contains_key(*name)) {
            self.remove(name);
        }
        self.table.preview_domain.clone_from(&table.preview_domain);
        for service in table.services.into_values() {
            self.take(service);
        }
    }

    fn remove(&mut self, name: &ServiceName) {
        if self.table.services.remove(name).is_some_and(|before| serves(&before)) {
            self.losses.push(format!("{name} was removed"));
        }
    }

    fn revisions(&self) -> Vec<(ServiceName, u64)> {
        self.table.services.iter().map(|(name, table)| (name.clone(), table.revision)).collect()
    }
}

/// Whether every live version has a container.
fn serves(table: &ServiceTable) -> bool {
    let live: Vec<_> = table.weights.keys().collect();
    !live.is_empty()
        && live
            .iter()
            .all(|version| table.pools.get(version).is_some_and(|pool| !pool.endpoints.is_empty()))
}

impl Edge {
    /// Begins to connect, and does so again whenever the connection ends.
    pub(crate) fn start(name: &str, socket: PathBuf) -> Self {
        let name = EdgeName::new(name).unwrap();
        let state = Arc::new(Mutex::new(State {
            prepare: Reply::Well,
            commit: Reply::Well,
            hold: Reply::Well,
            replace: Reply::Well,
            rest: Reply::Well,
            holds: BTreeSet::new(),
            waited: HoldOutcome::default(),
            asked: Vec::new(),
            drain: Some(DrainOutcome::default()),
            in_flight: InFlight::default(),
            table: RouteTable::default(),
            prepared: BTreeMap::new(),
            draining: BTreeMap::new(),
            welcomes: 0,
            losses: Vec::new(),
            stale: Vec::new(),
            replaced: 0,
            connect: true,
        }));
        let (say, mut told) = mpsc::unbounded_channel();
        let (own, shared) = (name.clone(), Arc::clone(&state));
        let task = tokio::spawn(async move {
            loop {
                if lock(&shared).connect
                    && let Ok(stream) = UnixStream::connect(&socket).await
                {
                    talk::converse(stream, &own, &shared, &mut told).await;
                    lock(&shared).prepared.clear();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self { name, state, say, task }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Answers prepare so from now on.
    pub(crate) fn on_prepare(&self, reply: Reply) {
        self.state().prepare = reply;
    }

    /// Answers commit so from now on.
    pub(crate) fn on_commit(&self, reply: Reply) {
        self.state().commit = reply;
    }

    /// Answers a hold so from now on.
    pub(crate) fn on_hold(&self, reply: Reply) {
        self.state().hold = reply;
    }

    /// Reports so after each commit; nothing when it is none.
    pub(crate) fn on_drain(&self, outcome: Option<DrainOutcome>) {
        self.state().drain = outcome;
    }

    /// Closes the connection; it comes back.
    pub(crate) fn hang_up(&self) {
        self.say.send(Say::HangUp).unwrap();
    }

    /// Closes the connection, and stays away.
    pub(crate) fn leave(&self) {
        self.state().connect = false;
        self.hang_up();
    }

    pub(crate) fn come_back(&self) {
        self.state().connect = true;
    }

    /// Answers what it held.
    pub(crate) fn release(&self) {
        self.say.send(Say::Release).unwrap();
    }

    /// Tells something of itself.
    pub(crate) fn tell(&self, message: FromEdge) {
        self.say.send(Say::Tells(message)).unwrap();
    }

    /// Where a branch's name leads here.
    pub(crate) fn alias(&self, service: &ServiceName, label: &str) -> Option<VersionNumber> {
        self.table(service)?.branches.aliases.get(label).copied()
    }

    /// Why a version does not serve, as this edge was told.
    pub(crate) fn rest(&self, service: &ServiceName, version: VersionNumber) -> Option<RestKind> {
        Some(self.table(service)?.branches.resting.get(&version)?.kind)
    }

    /// Reports the end of a drain.
    pub(crate) fn drained(&self, deployment: DeploymentId, outcome: DrainOutcome) {
        self.say.send(Say::Drained(deployment, outcome)).unwrap();
    }

    /// No live version has ever lost its last container here, and no table was older than the one before.
    pub(crate) fn is_unharmed(&self) {
        let state = self.state();
        assert!(
            state.losses.is_empty() && state.stale.is_empty(),
            "{:?} {:?}",
            state.losses,
            state.stale
        );
    }

    /// A service as this edge serves it.
    pub(crate) fn table(&self, service: &ServiceName) -> Option<ServiceTable> {
        self.state().table.services.get(service).cloned()
    }

    /// The versions that it sends production traffic to.
    pub(crate) fn live(&self, service: &ServiceName) -> Vec<VersionNumber> {
        self.table(service).map(|table| table.weights.into_keys().collect()).unwrap_or_default()
    }

    /// How many containers it has for a version.
    pub(crate) fn endpoints(&self, service: &ServiceName, version: VersionNumber) -> usize {
        let table = self.table(service);
        table
            .and_then(|table| table.pools.get(&version).map(|pool| pool.endpoints.len()))
            .unwrap_or_default()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}
