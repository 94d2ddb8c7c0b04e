//! An nginx, an edge beside it, and the control plane in the test's hand.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use launcher_edge::table::ServiceTable;
use launcher_edge::{Config, ControlPlane, Counters, Limits, Nginx, NginxDaemon, NginxOptions};
use launcher_model::EdgeName;
use launcher_testkit::{Folder, Nginx as Server};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{Answer, Control, HOST, get, soon, until};

/// An edge that runs.
pub(crate) struct Edge {
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
    pub(crate) counters: Counters,
}

impl Edge {
    pub(crate) fn start(options: NginxOptions, root: &Path) -> Self {
        let config = Config {
            name: EdgeName::new("beside").unwrap(),
            http: options.http.clone(),
            https: Default::default(),
            threads: 1,
            data_dir: options.data_dir.clone(),
            control: ControlPlane::Local(root.join("control.sock")),
            limits: Limits::default(),
            access: None,
            stop_within: Duration::from_secs(1),
        };
        let daemon = NginxDaemon::new(config, Nginx::start(options).unwrap());
        let counters = daemon.counters();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            daemon.run(stopped).await;
        });
        Self { stop: Some(stop), running: Some(running), counters }
    }

    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        soon("stopping", self.running.take().unwrap()).await.unwrap();
    }
}

/// All of it. The fields end in their order.
pub(crate) struct Lab {
    pub(crate) control: Control,
    pub(crate) edge: Edge,
    pub(crate) server: Server,
    pub(crate) options: NginxOptions,
    pub(crate) http: SocketAddr,
    pub(crate) listener: UnixListener,
    pub(crate) dir: Folder,
}

impl Lab {
    /// Has nginx serve this.
    pub(crate) async fn new(services: &[ServiceTable]) -> Self {
        let dir = Folder::new();
        let server = Server::start(dir.path());
        Self::beside(server, dir, services).await
    }

    pub(crate) async fn beside(server: Server, dir: Folder, services: &[ServiceTable]) -> Self {
        let (http, internal) = (free_address(), free_address());
        let options = NginxOptions {
            binary: launcher_testkit::nginx::BINARY.into(),
            conf: server.conf(),
            prefix: None,
            pid: server.pid_file(),
            include: server.include(),
            internal,
            http: vec![http],
            data_dir: dir.path().join("edge"),
        };
        let listener = UnixListener::bind(dir.path().join("control.sock")).unwrap();
        let edge = Edge::start(options.clone(), dir.path());
        let mut control = Control::accept(&listener).await;
        control.welcome(services).await;
        Self { control, edge, server, options, http, listener, dir }
    }

    /// One GET of production.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        get(self.http, HOST, path).await
    }

    /// Waits until nginx has reloaded and none of these workers is left.
    pub(crate) async fn without(&self, workers: &BTreeSet<u32>) {
        let served = || self.server.workers();
        until("others serve", || served().len() == 2 && served().is_disjoint(workers)).await;
    }

    /// Waits until no old worker is left.
    pub(crate) async fn quiet(&self) {
        until("old workers are gone", || self.server.workers().len() == 2).await;
    }
}

/// An address that nothing uses.
pub(crate) fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
