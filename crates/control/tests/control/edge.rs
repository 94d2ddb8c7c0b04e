//! An edge that carries no traffic: it speaks the protocol, keeps the table, and answers as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use launcher_edge::protocol::{
    DrainOutcome, Flip, FromEdge, HoldOutcome, InFlight, PROTOCOL, Readiness, ToEdge,
};
use launcher_edge::table::{RestKind, RouteTable, ServiceTable};
use launcher_edge::wire;
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
                    converse(stream, &own, &shared, &mut told).await;
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

async fn converse(
    stream: UnixStream,
    name: &EdgeName,
    state: &Mutex<State>,
    told: &mut mpsc::UnboundedReceiver<Say>,
) {
    let (mut reader, mut writer) = wire::split::<_, ToEdge, FromEdge>(stream);
    let hello = FromEdge::Hello {
        protocol: PROTOCOL,
        edge: name.clone(),
        version: "test".to_owned(),
        driver: "pretend".to_owned(),
        http: Vec::new(),
        installation: None,
        draining: lock(state).draining.keys().copied().collect(),
        has: Vec::new(),
    };
    if writer.send(&hello).await.is_err() {
        return;
    }
    let mut held = Vec::new();
    loop {
        let answers = tokio::select! {
            message = reader.next() => match message {
                Ok(Some(message)) => match hear(state, message) {
                    Heard::Answers(answers) => answers,
                    Heard::Held(answer) => {
                        held.push(answer);
                        continue;
                    }
                    Heard::HangUp => return,
                },
                Ok(None) | Err(_) => return,
            },
            Some(said) = told.recv() => match said {
                Say::HangUp => return,
                Say::Release => {
                    let mut answers = Vec::new();
                    for deployment in std::mem::take(&mut held) {
                        answers.extend(commit_or_prepared(state, deployment));
                    }
                    answers
                }
                Say::Tells(message) => vec![message],
                Say::Drained(deployment, outcome) => {
                    lock(state).draining.insert(deployment, Some(outcome.clone()));
                    vec![FromEdge::Drained { deployment, outcome }]
                }
            },
        };
        for answer in answers {
            if writer.send(&answer).await.is_err() {
                return;
            }
        }
    }
}

enum Half {
    Prepare(DeploymentId),
    Commit(DeploymentId),
    Hold(ServiceName),
    Rest(u64),
}

enum Heard {
    Answers(Vec<FromEdge>),
    Held(Half),
    HangUp,
}

fn hear(shared: &Mutex<State>, message: ToEdge) -> Heard {
    let mut state = lock(shared);
    let answers = match message {
        ToEdge::Welcome { table, .. } => {
            state.welcome(table);
            let mut answers = vec![FromEdge::Applied { revisions: state.revisions() }];
            for (deployment, outcome) in &state.draining {
                if let Some(outcome) = outcome.clone() {
                    answers.push(FromEdge::Drained { deployment: *deployment, outcome });
                }
            }
            answers
        }
        ToEdge::Replace { service } => {
            state.replaced += 1;
            match state.replace {
                Reply::Silent => return Heard::Answers(Vec::new()),
                Reply::HangUp => return Heard::HangUp,
                _ => state.take(service),
            }
            vec![FromEdge::Applied { revisions: state.revisions() }]
        }
        ToEdge::Remove { service } => {
            state.remove(&service);
            Vec::new()
        }
        ToEdge::Prepare { deployment, service, .. } => {
            state.asked.push("prepare");
            state.prepared.insert(deployment, service);
            match state.prepare.clone() {
                Reply::Well => vec![prepared(&state, deployment)],
                Reply::Refuse(why) => {
                    state.prepared.remove(&deployment);
                    vec![FromEdge::Prepared { deployment, outcome: Err(why) }]
                }
                Reply::Silent => Vec::new(),
                Reply::HangUp => return Heard::HangUp,
                Reply::Held => return Heard::Held(Half::Prepare(deployment)),
            }
        }
        ToEdge::Hold { service, .. } => {
            state.asked.push("hold");
            match state.hold.clone() {
                Reply::Refuse(why) => vec![FromEdge::Held { service, outcome: Err(why) }],
                Reply::HangUp => return Heard::HangUp,
                other => {
                    state.holds.insert(service.clone());
                    match other {
                        Reply::Held => return Heard::Held(Half::Hold(service)),
                        Reply::Silent => Vec::new(),
                        _ => vec![FromEdge::Held { service, outcome: Ok(true) }],
                    }
                }
            }
        }
        ToEdge::Release { service } => {
            state.asked.push("release");
            let outcome = match state.holds.remove(&service) {
                true => state.waited,
                false => HoldOutcome::default(),
            };
            vec![FromEdge::Released { service, outcome }]
        }
        ToEdge::Commit { deployment } => match state.commit.clone() {
            Reply::Well => commit(&mut state, deployment),
            Reply::Refuse(why) => vec![FromEdge::Committed { deployment, outcome: Err(why) }],
            Reply::Silent => Vec::new(),
            Reply::HangUp => return Heard::HangUp,
            Reply::Held => return Heard::Held(Half::Commit(deployment)),
        },
        ToEdge::Abort { deployment } => {
            state.asked.push("abort");
            state.prepared.remove(&deployment);
            Vec::new()
        }
        ToEdge::DrainSeen { deployment } => {
            state.draining.remove(&deployment);
            Vec::new()
        }
        ToEdge::Rest { nonce, .. } => {
            state.asked.push("rest");
            match state.rest.clone() {
                Reply::Held => return Heard::Held(Half::Rest(nonce)),
                Reply::Silent => Vec::new(),
                _ => vec![FromEdge::Rested { nonce, at_rest: true }],
            }
        }
        ToEdge::Ping { nonce } => vec![FromEdge::Pong { nonce }],
        ToEdge::Joined { .. } => Vec::new(),
        ToEdge::Foreign { .. } => return Heard::HangUp,
        ToEdge::Refused { why } => panic!("refused: {why}"),
    };
    Heard::Answers(answers)
}

fn commit_or_prepared(state: &Mutex<State>, half: Half) -> Vec<FromEdge> {
    let mut state = lock(state);
    match half {
        Half::Prepare(deployment) => vec![prepared(&state, deployment)],
        Half::Commit(deployment) => commit(&mut state, deployment),
        Half::Rest(nonce) => {
            vec![FromEdge::Rested { nonce, at_rest: true }]
        }
        Half::Hold(service) => vec![FromEdge::Held { service, outcome: Ok(false) }],
    }
}

fn prepared(state: &State, deployment: DeploymentId) -> FromEdge {
    let endpoints = state.prepared.get(&deployment).map_or(0, |table| {
        let live = table.weights.keys().filter_map(|version| table.pools.get(version));
        live.map(|pool| pool.endpoints.len()).sum()
    });
    let checked = u32::try_from(endpoints).unwrap();
    FromEdge::Prepared { deployment, outcome: Ok(Readiness { checked, warmed: 0, took_us: 1 }) }
}

fn commit(state: &mut State, deployment: DeploymentId) -> Vec<FromEdge> {
    let Some(table) = state.prepared.remove(&deployment) else {
        let outcome = Err("nothing was prepared".to_owned());
        return vec![FromEdge::Committed { deployment, outcome }];
    };
    let generation = table.generation;
    state.asked.push("commit");
    state.take(table);
    let outcome = Ok(Flip { generation, took_us: 1, in_flight: state.in_flight });
    let mut answers = vec![FromEdge::Committed { deployment, outcome }];
    let drain = state.drain.clone();
    state.draining.insert(deployment, drain.clone());
    if let Some(outcome) = drain {
        answers.push(FromEdge::Drained { deployment, outcome });
    }
    answers
}
