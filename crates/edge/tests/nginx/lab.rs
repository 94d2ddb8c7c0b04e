//! An nginx, an edge beside it, and the control plane in the test's hand.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use launcher_edge::table::ServiceTable;
use launcher_edge::{Config, ControlPlane, Counters, Limits, Nginx, NginxDaemon, NginxOptions};
use launcher_model::EdgeName;
use launcher_testkit::Folder;
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{Answer, Control, HOST, get, soon, until};

/// The real one, as `dev/setup.sh` installs it.
const BINARY: &str = "/usr/sbin/nginx";

/// An nginx as its owner runs it, in a folder.
pub(crate) struct Server {
    root: PathBuf,
    running: Option<Child>,
}

impl Server {
    /// Lays a configuration out that includes the edge's files by way of another file, and runs it.
    pub(crate) fn start(root: &Path) -> Self {
        for dir in ["conf/sites", "include", "tmp"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        let at = root.display();
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|of| format!("{of}_temp_path {at}/tmp/{of};"))
            .concat();
        let main = format!(
            "{user} daemon off; worker_processes 2; pid {at}/nginx.pid; error_log {at}/error.log notice;\n\
             events {{ worker_connections 2048; }}\n\
             http {{ access_log off; {temp}\n include sites/*; }}\n"
        );
        fs::write(root.join("conf/nginx.conf"), main).unwrap();
        fs::write(root.join("conf/sites/edge"), format!("include {at}/include/*.conf;\n")).unwrap();
        let mut server = Self { root: root.to_owned(), running: None };
        server.run();
        server
    }

    pub(crate) fn conf(&self) -> PathBuf {
        self.root.join("conf/nginx.conf")
    }

    pub(crate) fn include(&self) -> PathBuf {
        self.root.join("include")
    }

    fn pid_file(&self) -> PathBuf {
        self.root.join("nginx.pid")
    }

    /// Starts it, and waits until it has workers.
    pub(crate) fn run(&mut self) {
        let child = Command::new(BINARY)
            .args(["-c", self.conf().to_str().unwrap(), "-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.running = Some(child);
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while self.workers().is_empty() {
            assert!(
                std::time::Instant::now() < deadline,
                "nginx does not start: {}",
                self.errors()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(self.root.join("error.log")).unwrap_or_default()
    }

    /// How often it has read its configuration again.
    pub(crate) fn reloads(&self) -> usize {
        self.errors().matches("signal 1 (SIGHUP) received").count()
    }

    fn master(&self) -> u32 {
        self.running.as_ref().unwrap().id()
    }

    /// The process ids of all its workers.
    pub(crate) fn workers(&self) -> BTreeSet<u32> {
        let master = self.master();
        let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children"));
        let children = children.unwrap_or_default();
        let pids = children.split_whitespace().map(|pid| pid.parse::<u32>().unwrap());
        let is_worker = |pid: &u32| {
            let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            title.starts_with(b"nginx: worker process")
        };
        pids.filter(is_worker).collect()
    }

    /// Ends it and its workers as a failing machine would.
    pub(crate) fn kill(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let master = running.id();
        let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children"));
        running.kill().unwrap();
        running.wait().unwrap();
        for pid in children.unwrap_or_default().split_whitespace() {
            signal(pid.parse().unwrap(), rustix::process::Signal::KILL);
        }
    }
}

fn signal(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let _ = rustix::process::kill_process(pid, signal);
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

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
            threads: 1,
            data_dir: options.data_dir.clone(),
            control: ControlPlane::Local(root.join("control.sock")),
            limits: Limits::default(),
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
            binary: BINARY.into(),
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
