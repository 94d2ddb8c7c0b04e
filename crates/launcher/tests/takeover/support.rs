//! A hub, containers, and edges as processes.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use launcher_control::hub::{self, CommittedEdge, Hub, Notice, PreparedEdge};
use launcher_edge::protocol::DrainOutcome;
use launcher_edge::table::{Pool, Rules, ServiceTable};
use launcher_model::service::{Health, Traffic};
use launcher_model::{DeploymentId, Generation, ServiceName, Span, VersionNumber, Weight};
use launcher_sample::{Options, Server};
use launcher_testkit::Folder;
use launcher_testkit::load::Plan;
use launcher_testkit::wait::{SOON, until};
use tokio::net::UnixListener;

pub(crate) const HOST: &str = "shop.test";

/// A port that is free at this moment.
pub(crate) fn free() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

/// The control plane's part, and two versions of a service that may be switched between.
pub(crate) struct Lab {
    pub(crate) dir: Folder,
    pub(crate) hub: Arc<Hub>,
    pub(crate) http: SocketAddr,
    containers: BTreeMap<u32, SocketAddr>,
    drained: Arc<Mutex<Vec<(DeploymentId, DrainOutcome)>>>,
    revision: u64,
    generation: u64,
    live: u32,
    drain: Span,
    /// Of the tables that are sent from now on.
    pub(crate) move_within: Option<Span>,
}

impl Lab {
    /// With version 1 live, and no edge yet.
    pub(crate) async fn new() -> Self {
        Self::with_drain(Span::secs(30)).await
    }

    pub(crate) async fn with_drain(drain: Span) -> Self {
        let dir = Folder::named("takeover-");
        let listener = UnixListener::bind(dir.path().join("control.sock")).unwrap();
        let (hub, mut notices) = Hub::new("preview.test", "test");
        tokio::spawn(hub::serve(hub.clone(), listener));
        let drained = Arc::<Mutex<Vec<_>>>::default();
        let (its_hub, its_drained) = (hub.clone(), drained.clone());
        tokio::spawn(async move {
            while let Some(notice) = notices.recv().await {
                if let Notice::Drained { edge, deployment, outcome } = notice {
                    its_drained.lock().unwrap().push((deployment, outcome));
                    its_hub.drain_seen(&edge, deployment);
                }
            }
        });
        let mut containers = BTreeMap::new();
        for version in [1, 2] {
            containers.insert(version, container(version).await);
        }
        let (revision, generation, live) = (1, 1, 1);
        let lab = Self {
            dir,
            hub,
            http: free(),
            containers,
            drained,
            revision,
            generation,
            live,
            drain,
            move_within: None,
        };
        lab.hub.publish(&lab.table());
        lab.hub.open();
        lab
    }

    fn table(&self) -> ServiceTable {
        let pool = |address: &SocketAddr| Pool {
            health: Health { path: Some("/healthz".into()), tcp: false, ..Health::default() },
            endpoints: [("c".to_owned(), *address)].into(),
            ..Pool::default()
        };
        let pools = self.containers.iter();
        ServiceTable {
            name: ServiceName::new("shop").unwrap(),
            hosts: vec![HOST.to_owned()],
            revision: self.revision,
            generation: Generation(self.generation),
            weights: [(VersionNumber(self.live), Weight::ALL)].into(),
            pools: pools.map(|(version, of)| (VersionNumber(*version), pool(of))).collect(),
            traffic: Traffic {
                drain: self.drain,
                move_within: self.move_within,
                ..Traffic::default()
            },
            rules: Rules::default(),
            branches: Default::default(),
        }
    }

    /// The version that is not live.
    pub(crate) fn other(&self) -> u64 {
        u64::from(3 - self.live)
    }

    /// The first half of a switch to the other version.
    pub(crate) async fn prepare(&mut self, id: i64) -> Result<Vec<PreparedEdge>, String> {
        let mut next = self.table();
        next.revision += 1;
        next.generation = next.generation.next();
        next.weights = [(VersionNumber(3 - self.live), Weight::ALL)].into();
        let prepared = self.hub.prepare(DeploymentId(id), &next, Duration::from_secs(10)).await;
        let prepared = prepared.map_err(|why| why.to_string())?;
        self.revision += 1;
        self.generation += 1;
        self.live = 3 - self.live;
        Ok(prepared)
    }

    /// The second half.
    pub(crate) async fn commit(&self, id: i64, prepared: Vec<PreparedEdge>) -> Vec<CommittedEdge> {
        let within = Duration::from_secs(10);
        self.hub.commit(DeploymentId(id), &self.table(), prepared, within).await
    }

    /// A whole switch, which must not be refused by anybody. Returns what is live then.
    pub(crate) async fn switch(&mut self, id: i64) -> u64 {
        self.hub.wait_for_an_edge(SOON).await;
        let prepared = self.prepare(id).await.unwrap();
        self.commit_everywhere(id, prepared).await
    }

    /// The second half, which must not fail anywhere.
    pub(crate) async fn commit_everywhere(&self, id: i64, prepared: Vec<PreparedEdge>) -> u64 {
        for committed in self.commit(id, prepared).await {
            committed.flip.unwrap();
        }
        u64::from(self.live)
    }

    /// Waits for what an edge tells of a drain.
    pub(crate) async fn drained(&self, id: i64) -> DrainOutcome {
        until("the drain", SOON, || async { self.has_drained(id) }).await
    }

    pub(crate) fn has_drained(&self, id: i64) -> Option<DrainOutcome> {
        let drained = self.drained.lock().unwrap();
        drained.iter().find(|(of, _)| of.0 == id).map(|(_, outcome)| outcome.clone())
    }

    /// Starts an edge process.
    pub(crate) fn start_edge(&self) -> Edge {
        self.start_edge_on(&[self.http], &[])
    }

    pub(crate) fn start_edge_on(&self, http: &[SocketAddr], also: &[&str]) -> Edge {
        let mut command = self.command(http);
        command.args(also);
        Edge::spawn(command, self.log())
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.path().join("edge.log")
    }

    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Waits until this process is the one that others would take over from.
    pub(crate) async fn is_led_by(&self, edge: &Edge) {
        let path = self.dir.path().join("edge/takeover.sock");
        until("the takeover", SOON, || async {
            let stream = tokio::net::UnixStream::connect(&path).await.ok()?;
            let pid = stream.peer_cred().ok()?.pid()?;
            (u32::try_from(pid) == Ok(edge.pid())).then_some(())
        })
        .await;
    }

    pub(crate) fn command(&self, http: &[SocketAddr]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
        command.args(["edge", "--name", "test"]);
        command.arg("--data").arg(self.dir.path().join("edge"));
        command.arg("--server-socket").arg(self.dir.path().join("control.sock"));
        command.args(http.iter().flat_map(|http| ["--http".to_owned(), http.to_string()]));
        command
    }

    /// Starts an edge, and waits until it serves.
    pub(crate) async fn first_edge(&self) -> Edge {
        let edge = self.start_edge();
        until("the edge serving", SOON, || async { get(self.http).await.ok() }).await;
        edge
    }

    /// Has another edge take over from `edge`, and waits until that one has ended.
    pub(crate) async fn take_over(&self, edge: Edge) -> Edge {
        let next = self.start_edge();
        edge.has_ended_well().await;
        next
    }

    pub(crate) fn load(&self, connections: usize) -> launcher_testkit::Load {
        launcher_testkit::Load::start(Plan {
            edge: self.http,
            host: HOST.to_owned(),
            connections,
            sockets: 0,
            pause: Duration::from_millis(20),
            live: 1,
        })
    }
}

async fn container(version: u32) -> SocketAddr {
    let options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        version: version.to_string(),
        threads: std::num::NonZeroUsize::MIN,
        ..Options::default()
    };
    let server = Server::bind(options).await.unwrap();
    let address = server.addr();
    tokio::spawn(server.run(std::future::pending()));
    address
}

/// A process of an edge, which is killed at the end of its test.
pub(crate) struct Edge {
    child: Child,
    log: PathBuf,
}

impl Edge {
    pub(crate) fn spawn(command: Command, log: PathBuf) -> Self {
        Self::spawn_with(command, log, Stdio::null())
    }

    pub(crate) fn spawn_with(mut command: Command, log: PathBuf, stdin: Stdio) -> Self {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        command.stdin(stdin).stdout(file.try_clone().unwrap()).stderr(file);
        Self { child: command.spawn().unwrap(), log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(crate) async fn has_ended(mut self) -> ExitStatus {
        for _ in 0..SOON.as_millis() / 2 {
            if let Some(ended) = self.ended() {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("an edge does not end");
    }

    pub(crate) async fn has_ended_well(self) {
        assert!(self.has_ended().await.success(), "the edge that was taken over from failed");
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        signal_to(self.pid(), signal);
    }
}

pub(crate) fn signal_to(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// A client's keep-alive connection.
pub(crate) struct Client(launcher_testkit::Client<Empty<Bytes>>);

impl Client {
    pub(crate) async fn connect(to: SocketAddr) -> Result<Self, String> {
        let made = launcher_testkit::Client::connect(to).await;
        Ok(Self(made.map_err(|error| error.to_string())?))
    }

    /// Waits until the connection is closed.
    pub(crate) async fn is_closed(&mut self) {
        self.0.closed().await;
    }

    /// Which version answers, and whether that was the connection's last answer.
    pub(crate) async fn ask(&mut self) -> Result<(u64, bool), String> {
        let request = Request::get("/version").header("host", HOST).body(Empty::new()).unwrap();
        let response = self.0.send(request).await.map_err(|error| error.to_string())?;
        let is_last = response.headers().get("connection").is_some_and(|value| value == "close");
        let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&body.to_bytes()).trim().to_owned();
        Ok((text.parse().map_err(|_| text)?, is_last))
    }
}

/// Which version answers on a connection of its own.
pub(crate) async fn get(from: SocketAddr) -> Result<u64, String> {
    Ok(Client::connect(from).await?.ask().await?.0)
}
