//! The edges that are connected, and what is said to them.
//!
//! The hub keeps the table that every edge shall have, hands it whole to each that connects, and carries
//! the two halves of a switch. It decides nothing: [`crate::switch`] does.

mod applied;
mod certify;
mod commit;
mod hear;
mod hold;
mod prepare;
mod remote;
mod rest;
mod session;
mod steps;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launcher_edge::protocol::{
    CertificateFile, DrainOutcome, Flip, HoldOutcome, Readiness, ToEdge,
};
use launcher_edge::table::{Digest, RouteTable, ServiceTable};
use launcher_model::measure::TrafficSample;
use launcher_model::{DeploymentId, EdgeName, ServiceName, VersionNumber};
use tokio::sync::{mpsc, oneshot};

pub use commit::CommittedEdge;
pub use hold::HoldRefused;
pub use prepare::{PrepareRefused, PreparedEdge};
pub use remote::{Door, serve_remote};
pub use session::serve;
pub use steps::EdgeStep;

/// What edges tell without having been asked.
#[derive(Debug)]
pub enum Notice {
    /// An edge connected, and still drains these deployments.
    Connected {
        /// Which.
        edge: EdgeName,
        /// What it has not reported yet.
        draining: Vec<DeploymentId>,
    },
    /// An edge's connection ended.
    Lost {
        /// Which.
        edge: EdgeName,
    },
    /// An edge has nothing in flight any more on what a deployment took out of production.
    Drained {
        /// Which.
        edge: EdgeName,
        /// The deployment.
        deployment: DeploymentId,
        /// What happened to it.
        outcome: DrainOutcome,
    },
    /// Somebody looks at environments of branches.
    Looked {
        /// Whose.
        service: ServiceName,
        /// Their versions.
        versions: Vec<VersionNumber>,
    },
    /// Requests wait for an environment that is asleep.
    Wake {
        /// Whose.
        service: ServiceName,
        /// Its version.
        version: VersionNumber,
    },
}

/// Told what an edge has carried, and in which second since 1970. Called where messages are heard, so it
/// keeps nobody waiting.
pub type OnMeasured = Box<dyn Fn(&EdgeName, i64, Vec<TrafficSample>) + Send + Sync>;

/// A connected edge, as it is listed.
#[derive(Debug, Clone)]
pub struct EdgeView {
    /// Its name.
    pub name: EdgeName,
    /// Its program's version.
    pub version: String,
    /// What carries its traffic.
    pub driver: String,
    /// Where it serves HTTP.
    pub http: Vec<SocketAddr>,
    /// Where it serves HTTPS.
    pub https: Vec<SocketAddr>,
    /// It is on another machine.
    pub remote: bool,
    /// Since when it is connected.
    pub connected_at: Timestamp,
    /// From a question to its answer, the last time; none before the first.
    pub lag: Option<Duration>,
    /// Services whose newest table it has not acknowledged yet.
    pub behind: usize,
    /// What its files of certificates hold.
    pub certificate_files: Vec<CertificateFile>,
}

type Answer<T> = oneshot::Sender<Result<T, String>>;
type Awaited<T> = oneshot::Receiver<Result<T, String>>;

struct Edge {
    session: u64,
    view: EdgeView,
    outbox: mpsc::UnboundedSender<ToEdge>,
    preparing: HashMap<DeploymentId, Answer<Readiness>>,
    committing: HashMap<DeploymentId, (Answer<Flip>, ServiceName, u64)>,
    holding: HashMap<ServiceName, Answer<bool>>,
    releasing: HashMap<ServiceName, Answer<HoldOutcome>>,
    /// What is to come to rest there, by the nonces of the questions.
    ending: HashMap<u64, Answer<bool>>,
    /// The revision of each service that it has acknowledged.
    applied: BTreeMap<ServiceName, u64>,
    /// The last of what it was told of certificates that it has acknowledged.
    certified: u64,
    /// Who waits for it to acknowledge one.
    waiters: Vec<applied::Waiter>,
    /// The question that it has not answered yet, and when it was asked.
    asked: Option<(u64, Instant)>,
}

impl Edge {
    /// A table with the addresses at which this edge reaches the containers.
    fn sees(&self, table: &ServiceTable) -> ServiceTable {
        seen(table, self.view.remote)
    }
}

fn seen(table: &ServiceTable, remote: bool) -> ServiceTable {
    if remote { table.clone().from_afar() } else { table.clone() }
}

#[derive(Default)]
struct State {
    open: bool,
    table: RouteTable,
    /// The digest of each service's table of this revision, as it is seen from here or from afar.
    digests: HashMap<(ServiceName, bool), (u64, Digest)>,
    edges: BTreeMap<EdgeName, Edge>,
    steps: steps::Steps,
    certified: certify::Certified,
    /// The services whose requests the edges hold, and until when at most.
    held: HashMap<ServiceName, Instant>,
    sessions: u64,
}

impl State {
    /// The whole table, but for the services that an edge has as they are.
    fn welcome(&mut self, has: &[(ServiceName, Digest)], remote: bool) -> ToEdge {
        let mut table = RouteTable {
            preview_domain: self.table.preview_domain.clone(),
            installation: self.table.installation.clone(),
            services: BTreeMap::new(),
        };
        let mut unchanged = Vec::new();
        let has: HashMap<_, _> = has.iter().map(|(name, digest)| (name, digest)).collect();
        for (name, service) in &self.table.services {
            let key = (name.clone(), remote);
            let known = self.digests.get(&key).filter(|(of, _)| *of == service.revision);
            let digest = match known {
                Some((_, digest)) => digest.clone(),
                None => seen(service, remote).digest(),
            };
            if has.get(name) == Some(&&digest) {
                unchanged.push((name.clone(), service.revision));
            } else {
                table.services.insert(name.clone(), seen(service, remote));
            }
            self.digests.insert(key, (service.revision, digest));
        }
        ToEdge::Welcome { table, unchanged }
    }
}

/// The connected edges.
pub struct Hub {
    state: Mutex<State>,
    opened: tokio::sync::watch::Sender<bool>,
    connected: tokio::sync::watch::Sender<usize>,
    notices: mpsc::UnboundedSender<Notice>,
    /// Told when an edge has acknowledged what it was told of certificates, or is gone.
    acknowledged: tokio::sync::watch::Sender<()>,
    /// Told when what an edge's files of certificates hold has changed.
    certificate_files: tokio::sync::watch::Sender<()>,
    on_measured: OnceLock<OnMeasured>,
}

impl Hub {
    /// A hub of this installation, without edges; what they tell goes to the receiver.
    #[must_use]
    pub fn new(
        preview_domain: &str,
        installation: &str,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Notice>) {
        let (notices, inbox) = mpsc::unbounded_channel();
        let table = RouteTable {
            preview_domain: preview_domain.to_owned(),
            installation: Some(installation.to_owned()),
            services: BTreeMap::new(),
        };
        let state = Mutex::new(State { table, ..State::default() });
        let (opened, _) = tokio::sync::watch::channel(false);
        let (connected, _) = tokio::sync::watch::channel(0);
        let (acknowledged, _) = tokio::sync::watch::channel(());
        let (certificate_files, _) = tokio::sync::watch::channel(());
        let hub = Self {
            state,
            opened,
            connected,
            notices,
            acknowledged,
            certificate_files,
            on_measured: OnceLock::new(),
        };
        (Arc::new(hub), inbox)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets edges be welcomed. Before that they wait, and serve on with what they have: a table that is
    /// not complete yet would take routes away from them.
    pub fn open(&self) {
        self.state().open = true;
        self.opened.send_replace(true);
    }

    /// Waits until an edge is connected, at most for so long: right after a start edges are on their way.
    pub async fn wait_for_an_edge(&self, within: Duration) {
        let mut connected = self.connected.subscribe();
        let _ = tokio::time::timeout(within, connected.wait_for(|edges| *edges > 0)).await;
    }

    /// What stands behind `<service>.` in a preview's hostname.
    #[must_use]
    pub fn preview_domain(&self) -> String {
        self.state().table.preview_domain.clone()
    }

    /// The connected edges, by name.
    #[must_use]
    pub fn edges(&self) -> Vec<EdgeView> {
        let state = self.state();
        let behind = |edge: &Edge| {
            let newest = state.table.services.iter();
            newest.filter(|(name, table)| edge.applied.get(*name) != Some(&table.revision)).count()
        };
        let edges = state.edges.values();
        edges.map(|edge| EdgeView { behind: behind(edge), ..edge.view.clone() }).collect()
    }

    /// Gives every edge a service's table, outside of a switch.
    pub fn publish(&self, service: &ServiceTable) {
        let mut state = self.state();
        state.table.services.insert(service.name.clone(), service.clone());
        for edge in state.edges.values() {
            // A closed outbox belongs to a session that is just ending.
            let _ = edge.outbox.send(ToEdge::Replace { service: edge.sees(service) });
        }
    }

    /// Takes a service away from every edge.
    pub fn remove(&self, service: &ServiceName) {
        let mut state = self.state();
        state.digests.retain(|(of, _), _| of != service);
        if state.table.services.remove(service).is_some() {
            for edge in state.edges.values() {
                let _ = edge.outbox.send(ToEdge::Remove { service: service.clone() });
            }
        }
    }

    /// Lets an edge forget the outcome of a drain.
    pub fn drain_seen(&self, edge: &EdgeName, deployment: DeploymentId) {
        let mut state = self.state();
        state.steps.forget(deployment);
        if let Some(edge) = state.edges.get(edge) {
            let _ = edge.outbox.send(ToEdge::DrainSeen { deployment });
        }
    }

    fn end_session(&self, edge: &EdgeName, session: u64) {
        let mut state = self.state();
        if state.edges.get(edge).is_some_and(|edge| edge.session == session) {
            state.edges.remove(edge);
            self.connected.send_replace(state.edges.len());
            let _ = self.notices.send(Notice::Lost { edge: edge.clone() });
        }
    }

    fn begin_session(
        &self,
        view: EdgeView,
        draining: Vec<DeploymentId>,
        has: &[(ServiceName, Digest)],
        outbox: mpsc::UnboundedSender<ToEdge>,
    ) -> u64 {
        let mut state = self.state();
        state.sessions += 1;
        let session = state.sessions;
        let edge = view.name.clone();
        let _ = outbox.send(state.welcome(has, view.remote));
        if let Some(certify) = state.certify() {
            let _ = outbox.send(certify);
        }
        for hold in state.holds() {
            let _ = outbox.send(hold);
        }
        let one = Edge {
            session,
            view,
            outbox,
            preparing: HashMap::new(),
            committing: HashMap::new(),
            holding: HashMap::new(),
            releasing: HashMap::new(),
            ending: HashMap::new(),
            applied: BTreeMap::new(),
            certified: 0,
            waiters: Vec::new(),
            asked: None,
        };
        // A session of the same name is one that has not noticed its end yet: dropping it ends it.
        state.edges.insert(edge.clone(), one);
        self.connected.send_replace(state.edges.len());
        let _ = self.notices.send(Notice::Connected { edge, draining });
        session
    }

    /// Asks an edge whether it is still there, unless it has not answered the last question yet.
    fn ask_after(&self, name: &EdgeName, session: u64) {
        let mut state = self.state();
        let edge = state.edges.get_mut(name).filter(|edge| edge.session == session);
        if let Some(edge) = edge.filter(|edge| edge.asked.is_none()) {
            let nonce = rand::random();
            edge.asked = Some((nonce, Instant::now()));
            let _ = edge.outbox.send(ToEdge::Ping { nonce });
        }
    }

    /// Ends the connection of an edge that shall not be one any more.
    pub fn turn_out(&self, edge: &EdgeName) {
        let session = self.state().edges.get(edge).map(|edge| edge.session);
        if let Some(session) = session {
            self.end_session(edge, session);
        }
    }

    /// Has what edges measure told to somebody, once and for all.
    pub fn on_measured(&self, told: OnMeasured) {
        if self.on_measured.set(told).is_err() {
            tracing::error!("what edges measure is told to somebody already");
        }
    }
}

/// What an edge may take longer than it was told before it counts as silent.
const GRACE: Duration = Duration::from_millis(250);

async fn settle<T>(answer: Awaited<T>, within: Duration) -> Result<T, String> {
    match tokio::time::timeout(within, answer).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_closed)) => Err("it lost its connection".to_owned()),
        Err(_elapsed) => Err(format!("it did not answer within {} ms", within.as_millis())),
    }
}
