//! A control plane in a runtime of its own, so that it can be killed as a process would be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use launcher_control::hub::{self, Hub};
use launcher_control::{Clock, Config, Control, EnvironmentView, Parts};
use launcher_logs::{Bounds, Kept};
use launcher_model::environment::EnvironmentState;
use launcher_model::event::{Event, EventKind};
use launcher_model::route::{Deployment, DeploymentState};
use launcher_model::{DeploymentId, ServiceName, VersionNumber};
use launcher_scheduler::fake::{Fake, Verb};
use launcher_store::vault::Vault;
use launcher_store::{EventFilter, Store};
use launcher_testkit::Folder;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::edge::Edge;

/// An address at which nobody listens.
pub(crate) const NOBODY: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

/// An installation. All of it is gone when it is dropped.
pub(crate) struct World {
    pub(crate) fake: Fake,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) config: Config,
    /// Where healthy containers are.
    pub(crate) healthy: SocketAddr,
    vault: Arc<Vault>,
    back: Arc<AtomicI64>,
    server: Option<Server>,
    upstream: JoinHandle<()>,
    dir: Folder,
}

struct Server {
    runtime: Option<Runtime>,
    control: Control,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.upstream.abort();
    }
}

impl World {
    /// One with a server and the edge `a`.
    pub(crate) async fn new() -> (Self, Edge) {
        let world = Self::without_edge().await;
        let edge = world.edge("a").await;
        (world, edge)
    }

    /// One with a server.
    pub(crate) async fn without_edge() -> Self {
        Self::with_config(Self::calm()).await
    }

    /// Edges have time, and the full look is far away: everything else goes by events.
    pub(crate) fn calm() -> Config {
        Config {
            commit_within: Duration::from_secs(5),
            full_look: Duration::from_secs(3600),
            stop_grace: Duration::from_millis(10),
            ..Config::default()
        }
    }

    pub(crate) async fn with_config(config: Config) -> Self {
        let dir = Folder::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let healthy = listener.local_addr().unwrap();
        let upstream = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        let fake = Fake::new("control-tests").unwrap();
        fake.set_addresses(move |_, _, _| healthy);
        let store = launcher_store::sqlite::open(&dir.path().join("launcher.db")).await.unwrap();
        let vault = Arc::new(Vault::open(&dir.path().join("secret.key")).unwrap());
        let mut world = Self {
            fake,
            store: Arc::new(store),
            config,
            healthy,
            vault,
            back: Arc::new(AtomicI64::new(0)),
            server: None,
            upstream,
            dir,
        };
        world.start().await;
        world
    }

    /// Gives a secret a value.
    pub(crate) async fn set_secret(&self, name: &str, value: &str) {
        let name = launcher_model::secret::SecretName::new(name).unwrap();
        let sealed = self.vault.seal(&name, &value.into()).unwrap();
        self.store.set_secret(&name, &sealed, "test", Timestamp::now()).await.unwrap();
    }

    /// Has servers that are started from now on use this key.
    pub(crate) fn use_key(&mut self, name: &str) {
        self.vault = Arc::new(Vault::open(&self.dir.path().join(name)).unwrap());
    }

    /// Where logs are kept.
    pub(crate) fn logs(&self) -> PathBuf {
        self.dir.path().join("logs")
    }

    /// Starts the server.
    pub(crate) async fn start(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let back = Arc::clone(&self.back);
        let clock: Clock = Arc::new(move || {
            Timestamp::now() - SignedDuration::from_millis(back.load(Ordering::Relaxed))
        });
        let (hub, notices) = Hub::new("localhost", "test");
        let parts = Parts {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            scheduler: Arc::new(self.fake.clone()),
            logs: Arc::new(Kept::new(self.logs(), Bounds::default())),
            hub: Arc::clone(&hub),
            notices,
            clock,
        };
        let (socket, config) = (self.socket(), self.config.clone());
        let starting = runtime.spawn(async move {
            let _ = std::fs::remove_file(&socket);
            tokio::spawn(hub::serve(hub, UnixListener::bind(&socket).unwrap()));
            Control::start(parts, config).await.unwrap()
        });
        let control = starting.await.unwrap();
        self.server = Some(Server { runtime: Some(runtime), control });
    }

    /// Ends the server wherever it is.
    pub(crate) async fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        let runtime = server.runtime.take().unwrap();
        drop(server);
        let ended = move || runtime.shutdown_timeout(Duration::from_secs(10));
        tokio::task::spawn_blocking(ended).await.unwrap();
    }

    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        self.start().await;
    }

    /// Connects an edge, and waits until it was welcomed.
    pub(crate) async fn edge(&self, name: &str) -> Edge {
        let edge = self.edge_on_its_way(name);
        eventually(&format!("the edge {name} is welcomed"), async || edge.state().welcomes > 0)
            .await;
        edge
    }

    /// Begins to connect an edge.
    pub(crate) fn edge_on_its_way(&self, name: &str) -> Edge {
        Edge::start(name, self.socket())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("edge.sock")
    }

    pub(crate) fn control(&self) -> &Control {
        &self.server.as_ref().unwrap().control
    }

    /// Sets the clock so that it is this time now.
    pub(crate) fn set_to(&self, now: Timestamp) {
        self.set_back(Timestamp::now().duration_since(now));
    }

    /// Sets the clock back from the real time.
    pub(crate) fn set_back(&self, by: SignedDuration) {
        self.back.store(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Does something in the server, which dies with it.
    pub(crate) fn spawn<T, F>(&self, work: impl FnOnce(Control) -> F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let server = self.server.as_ref().unwrap();
        server.runtime.as_ref().unwrap().spawn(work(server.control.clone()))
    }

    pub(crate) async fn ask<T, F>(&self, work: impl FnOnce(Control) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.spawn(work).await.unwrap()
    }

    pub(crate) async fn environment(
        &self,
        service: &ServiceName,
        version: VersionNumber,
    ) -> EnvironmentView {
        self.control().environment(service, version).await.unwrap()
    }

    /// Waits until an environment is in a state.
    pub(crate) async fn reaches(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        state: EnvironmentState,
    ) -> EnvironmentView {
        let what = format!("{service} {version} is {state}");
        eventually(&what, async || {
            self.environment(service, version).await.environment.state == state
        })
        .await;
        self.environment(service, version).await
    }

    /// The versions that the route names.
    pub(crate) async fn route(&self, service: &ServiceName) -> Vec<VersionNumber> {
        self.store.route(service).await.unwrap().live().collect()
    }

    /// Waits until a deployment is in a state.
    pub(crate) async fn deployment_reaches(
        &self,
        id: DeploymentId,
        state: DeploymentState,
    ) -> Deployment {
        let what = format!("deployment {id} is {}", state.as_str());
        eventually(&what, async || self.deployment(id).await.state == state).await;
        self.deployment(id).await
    }

    pub(crate) async fn deployment(&self, id: DeploymentId) -> Deployment {
        self.store.deployment(id).await.unwrap().unwrap()
    }

    /// Waits for a service's only unfinished deployment to be in a state.
    pub(crate) async fn under_way(&self, state: DeploymentState) -> DeploymentId {
        let find = async || {
            let unfinished = self.store.unfinished_deployments().await.unwrap();
            unfinished.iter().find(|one| one.state == state).map(|one| one.id)
        };
        eventually(&format!("a deployment is {}", state.as_str()), async || find().await.is_some())
            .await;
        find().await.unwrap()
    }

    /// The events so far, oldest first.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let filter = EventFilter { after: Some(0), limit: 10_000, ..EventFilter::default() };
        self.store.events(&filter).await.unwrap()
    }

    pub(crate) async fn count(&self, kind: EventKind) -> usize {
        self.events().await.iter().filter(|event| event.kind == kind).count()
    }

    /// Waits until there are so many events of a kind.
    pub(crate) async fn told(&self, kind: EventKind, times: usize) {
        eventually(&format!("{kind:?} is told"), async || self.count(kind).await >= times).await;
    }

    /// Keeps the loop of a service looking, deciding and doing nothing.
    pub(crate) fn restless(&self, service: &ServiceName) -> Goes {
        let (fake, service) = (self.fake.clone(), service.clone());
        Goes(tokio::spawn(async move {
            loop {
                let own = fake.containers().into_iter().find(|one| one.service == service);
                if let Some(one) = own {
                    fake.print(&one.id, "still here");
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }))
    }

    /// Waits until the loop of a service, which has a container, has decided anew so many times.
    pub(crate) async fn passes(&self, service: &ServiceName, times: usize) {
        // Each look but the last is followed by a decision before the next.
        for _ in 0..=times {
            let looks = self.fake.calls(Verb::Observe);
            eventually("the loop looks again", async || {
                let own = self.fake.containers().into_iter().find(|one| one.service == *service);
                self.fake.print(&own.unwrap().id, "still here");
                self.fake.calls(Verb::Observe) > looks
            })
            .await;
        }
    }

    /// The ids of a version's running containers.
    pub(crate) fn running(&self, service: &ServiceName, version: VersionNumber) -> Vec<String> {
        let all = self.fake.containers().into_iter();
        all.filter(|one| one.service == *service && one.version == version && one.is_running())
            .map(|one| one.id)
            .collect()
    }
}

/// Something that goes on until it is dropped.
pub(crate) struct Goes(JoinHandle<()>);

impl Drop for Goes {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for a condition; fails with these words when it does not come.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
