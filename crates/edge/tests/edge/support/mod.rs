//! What the tests share: an edge, a control plane in the test's hand, containers and clients.

mod clients;
mod containers;
mod control;
mod h2c;
mod http2;
mod tls;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use launcher_edge::access::Log;
use launcher_edge::table::{Passes, Pool, Rules, ServiceTable};
use launcher_edge::{Config, ControlPlane, Counters, Daemon, Https, Limits};
use launcher_model::service::{Health, Traffic};
use launcher_model::{EdgeName, Generation, ServiceName, Span, VersionNumber, Weight};
use launcher_testkit::Folder;
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use clients::*;
pub(crate) use containers::*;
pub(crate) use control::*;
pub(crate) use h2c::*;
pub(crate) use http2::*;
pub(crate) use tls::*;

/// The production hostname of the tests' service.
pub(crate) const HOST: &str = "shop.test";

/// Longer than anything takes that works.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    soon(what, async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// What an edge of the tests is started with, in this folder.
pub(crate) fn config(dir: &Path) -> Config {
    Config {
        name: EdgeName::new("test").unwrap(),
        http: vec!["127.0.0.1:0".parse().unwrap()],
        https: Https::default(),
        threads: 2,
        data_dir: dir.join("edge"),
        control: ControlPlane::Local(dir.join("control.sock")),
        limits: Limits::default(),
        access: None,
        stop_within: Duration::from_secs(5),
    }
}

/// A running edge.
pub(crate) struct Edge {
    pub(crate) http: SocketAddr,
    /// Where it serves HTTPS, if it does.
    pub(crate) https: Vec<SocketAddr>,
    pub(crate) counters: Counters,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Edge {
    pub(crate) fn start(dir: &Path, limits: Limits) -> Self {
        Self::start_on(dir, limits, "127.0.0.1:0".parse().unwrap())
    }

    pub(crate) fn start_on(dir: &Path, limits: Limits, http: SocketAddr) -> Self {
        Self::start_as(Config { limits, http: vec![http], ..config(dir) })
    }

    pub(crate) fn start_as(config: Config) -> Self {
        Self::run(Daemon::start(config).unwrap())
    }

    pub(crate) fn run(daemon: Daemon) -> Self {
        let (http, counters) = (daemon.http()[0], daemon.counters());
        let https = daemon.https().to_vec();
        let (stop, stopped) = oneshot::channel();
        let told = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(Box::pin(daemon.run(told)));
        Self { http, https, counters, stop: Some(stop), running: Some(running) }
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(mut self) {
        soon("the end of the edge", self.running.take().unwrap()).await.unwrap();
    }

    /// How much production traffic is under way.
    pub(crate) fn in_flight(&self) -> u64 {
        let counted = self.counters.read();
        let under_way = counted.iter().map(|version| version.counted.in_flight);
        under_way.map(|in_flight| in_flight.requests + in_flight.connections).sum()
    }

    /// Has it stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        soon("stopping", self.running.take().unwrap()).await.unwrap();
    }
}

/// An edge with its control plane.
pub(crate) struct Lab {
    pub(crate) edge: Edge,
    pub(crate) control: Control,
    pub(crate) listener: UnixListener,
    pub(crate) dir: Folder,
}

impl Lab {
    /// Starts an edge that serves this.
    pub(crate) async fn new(services: &[ServiceTable]) -> Self {
        Self::with(services, Limits::default()).await
    }

    pub(crate) async fn with(services: &[ServiceTable], limits: Limits) -> Self {
        Self::logging(services, limits, None).await
    }

    pub(crate) async fn logging(
        services: &[ServiceTable],
        limits: Limits,
        log: Option<Log>,
    ) -> Self {
        Self::start(services, |config| (config.limits, config.access) = (limits, log)).await
    }

    /// Starts an edge that is configured otherwise.
    pub(crate) async fn start(
        services: &[ServiceTable],
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let dir = Folder::new();
        let listener = UnixListener::bind(dir.path().join("control.sock")).unwrap();
        let mut config = config(dir.path());
        configure(&mut config);
        let edge = Edge::start_as(config);
        let mut control = Control::accept(&listener).await;
        control.welcome(services).await;
        Self { edge, control, listener, dir }
    }

    /// One GET of production.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        get(self.edge.http, HOST, path).await
    }
}

/// The service of the tests: weights and pools by version.
pub(crate) fn shop(
    revision: u64,
    weights: &[(u32, u8)],
    pools: &[(u32, &[&Container])],
) -> ServiceTable {
    ServiceTable {
        name: ServiceName::new("shop").unwrap(),
        hosts: vec![HOST.to_owned()],
        revision,
        generation: Generation(revision),
        weights: weights
            .iter()
            .map(|(version, weight)| (VersionNumber(*version), Weight::new(*weight).unwrap()))
            .collect(),
        pools: pools
            .iter()
            .map(|(version, of)| (VersionNumber(*version), pool(*version, of)))
            .collect(),
        traffic: Traffic {
            drain: Span::secs(30),
            response_timeout: Span::secs(5),
            connect_timeout: Span::secs(1),
            ..Traffic::default()
        },
        rules: Rules::default(),
        branches: Default::default(),
    }
}

/// As a control plane makes them, only readable.
pub(crate) fn passes(version: u32) -> Passes {
    Passes { sticky: format!("v{version}.s{version}"), trial: format!("v{version}.t{version}") }
}

fn pool(version: u32, containers: &[&Container]) -> Pool {
    let endpoints = containers.iter().enumerate();
    Pool {
        health: Health { path: Some("/healthz".into()), tcp: false, ..Health::default() },
        endpoints: endpoints.map(|(n, of)| (format!("{n}-{}", of.name), of.address)).collect(),
        passes: passes(version),
        ..Pool::default()
    }
}
