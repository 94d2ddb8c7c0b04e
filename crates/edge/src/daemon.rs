//! The edge as a process: serves what its disk says while the control plane is away, and listens to that
//! whenever it is there.

mod beside;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use launcher_model::EdgeName;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::Error;
use crate::access::Log;
use crate::builtin::Builtin;
use crate::certificates::{self, Certificates, Files};
use crate::engine::{Limits, Listening, Served, complete};
use crate::link::{ControlPlane, Introduction, Quiet, keep_connected};
use crate::stats::VersionCounters;
use crate::takeover::{self, Door, Ended, Lock, Offer, Place, Succession, follow};

pub use beside::NginxDaemon;

/// How an edge runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name by which it is listed.
    pub name: EdgeName,
    /// The addresses on which it serves HTTP.
    pub http: Vec<SocketAddr>,
    /// How it serves HTTPS.
    pub https: Https,
    /// Threads that carry traffic; one per processor is right.
    pub threads: usize,
    /// The directory in which it keeps the route table.
    pub data_dir: PathBuf,
    /// Where the control plane is.
    pub control: ControlPlane,
    /// Bounds on what clients and containers may take.
    pub limits: Limits,
    /// Where what becomes of each request is told, if anywhere. An nginx beside the edge writes its own.
    pub access: Option<Log>,
    /// How long requests that are under way may take to end when the edge is told to stop.
    pub stop_within: Duration,
}

/// How an edge serves HTTPS.
#[derive(Debug, Clone, Default)]
pub struct Https {
    /// The addresses on which it does.
    pub addresses: Vec<SocketAddr>,
    /// Certificates in files, which are watched. For names that none of them is for, clients are shown one
    /// that is signed by the edge itself.
    pub certificates: Vec<Files>,
    /// The port by which clients reach the first of the addresses, where something in front has another one than
    /// that.
    pub public_port: Option<u16>,
}

/// How an edge begins.
#[derive(Debug, Default)]
pub struct Start {
    /// Sockets that listen already, such as those that systemd hands out. Their addresses are served
    /// beside those of the configuration, by HTTP unless that says HTTPS of them.
    pub sockets: Vec<TcpListener>,
    /// Whether to take over from an edge that runs on the same data directory.
    pub take_over: bool,
}

/// An edge that serves.
pub struct Daemon {
    config: Config,
    certificates: Arc<Certificates>,
    succession: Arc<Succession>,
    lock: Lock,
}

impl Daemon {
    /// Binds the addresses and reads what the data directory keeps. It serves when it is
    /// [run](Self::run); until then connections wait.
    ///
    /// # Errors
    /// When an address is not free, the directory is not usable, or another edge uses it.
    pub fn start(config: Config) -> Result<Self, Error> {
        let lock = Lock::take(&config.data_dir)?;
        let lock = lock.ok_or_else(|| Lock::is_taken(&config.data_dir))?;
        Self::alone(config, lock, Vec::new())
    }

    /// As [`start`](Self::start). From another edge on the same data directory it takes over, when it
    /// may; then it serves already.
    ///
    /// # Errors
    /// When an address is not free, the directory is not usable, or another edge uses it and stays.
    pub async fn begin(config: Config, start: Start) -> Result<Self, Error> {
        let given = Listening::given(start.sockets).map_err(Error::Given)?;
        if !start.take_over {
            let lock = takeover::wait_for_nobody(&config.data_dir).await?;
            return Self::alone(config, lock, given);
        }
        match takeover::ask(&config.data_dir).await? {
            Offer::Alone(lock) => Self::alone(config, lock, given),
            Offer::Place(place) => Self::succeed(config, place, given).await,
        }
    }

    fn alone(config: Config, lock: Lock, given: Vec<Listening>) -> Result<Self, Error> {
        allow_many_files();
        let wanted = wanted(&config, &given);
        if wanted.is_empty() {
            return Err(Error::NoAddress);
        }
        let listening = complete(&wanted, given, config.threads)?;
        let dir = Some(config.data_dir.as_path());
        let (certificates, builtin) = start(&config, listening, dir)?;
        Ok(Self { config, certificates, succession: Arc::new(Succession::new(builtin)), lock })
    }

    async fn succeed(
        config: Config,
        mut place: Place,
        given: Vec<Listening>,
    ) -> Result<Self, Error> {
        allow_many_files();
        let mut wanted = wanted(&config, &given);
        let mut there = std::mem::take(&mut place.listening);
        let served: Vec<Served> = there.iter().map(Listening::served).collect();
        if wanted.is_empty() {
            wanted.clone_from(&served);
        }
        there.extend(given);
        let listening = complete(&wanted, there, config.threads)?;
        let (certificates, builtin) = start(&config, listening, None)?;
        let succession = Arc::new(Succession::new(builtin));
        let stays = |address| wanted.iter().any(|wanted| wanted.address == address);
        let addresses = served.into_iter().map(|served| served.address);
        let leaving = addresses.filter(|address| !stays(*address)).collect();
        let lock = place.take(&config.data_dir, &succession, leaving).await?;
        let (http, https) = (succession.builtin().http(), succession.builtin().https());
        tracing::info!(?http, ?https, "took over from the edge that ran here");
        Ok(Self { config, certificates, succession, lock })
    }

    /// The addresses that are served by HTTP, with the ports that were chosen for those given as 0.
    #[must_use]
    pub fn http(&self) -> &[SocketAddr] {
        self.builtin().http()
    }

    /// Those that are served by HTTPS.
    #[must_use]
    pub fn https(&self) -> &[SocketAddr] {
        self.builtin().https()
    }

    fn builtin(&self) -> &Builtin {
        self.succession.builtin()
    }

    /// What can be asked for the counters while the edge runs.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let builtin = self.builtin().clone();
        Counters(Arc::new(move || builtin.counters()))
    }

    /// Follows the control plane until `shutdown` is ready, and then lets what is under way end; or
    /// until another edge has taken over and nothing is under way here any more.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { config, certificates, succession, lock } = self;
        let dir = config.data_dir.clone();
        let mut lock = Some(lock);
        let reign = async {
            loop {
                let quiet = Quiet::default();
                let mut door = Door::open(dir.clone(), succession.clone());
                let http = succession.builtin().http().to_vec();
                let https = succession.builtin().https().to_vec();
                let introduction = Introduction { edge: config.name.clone(), http, https };
                let driver = succession.clone();
                let mut link = pin!(keep_connected(driver, introduction, &config.control, &quiet));
                let leader = tokio::select! {
                    () = &mut link => return,
                    leader = door.successor(&mut lock, &quiet) => leader,
                };
                // The paused conversation lasts until that of the one that took over has begun.
                match follow(&dir, &succession, leader).await {
                    Ended::Drained => return,
                    Ended::Owns(again) => lock = Some(again),
                }
            }
        };
        tokio::select! {
            () = reign => {
                succession.builtin().engine().flush_log().await;
                return;
            }
            () = succession.builtin().measure() => {}
            () = certificates.watch() => {}
            () = shutdown => {}
        }
        stop(succession.builtin(), lock, config.stop_within).await;
    }
}

/// Takes no more connections, and lets requests that are under way end for at most `within`. Another edge
/// can start meanwhile.
async fn stop(builtin: &Builtin, lock: Option<Lock>, within: Duration) {
    builtin.engine().shut(&[]).await;
    builtin.engine().leave().await;
    builtin.engine().close();
    let let_go = async {
        builtin.disown().await;
        drop(lock);
    };
    tokio::join!(builtin.engine().stop(within), let_go);
}

/// What carries the traffic, and the certificates that it shows.
fn start(
    config: &Config,
    listening: Vec<Listening>,
    dir: Option<&Path>,
) -> Result<(Arc<Certificates>, Builtin), Error> {
    let speaks_tls = listening.iter().any(|one| one.secure);
    let own = speaks_tls.then(|| certificates::own(&config.data_dir)).transpose()?;
    let certificates = Arc::new(Certificates::open(&config.https.certificates, own));
    certificates.take_kept(&config.data_dir);
    let (shown, log) = (certificates.clone(), config.access.clone());
    let (threads, port) = (config.threads, config.https.public_port);
    let builtin = Builtin::start(listening, threads, &config.limits, shown, port, log, dir)?;
    Ok((certificates, builtin))
}

/// The addresses that are asked for, and those of the sockets that are given.
fn wanted(config: &Config, given: &[Listening]) -> Vec<Served> {
    let secure = config.https.addresses.iter().map(|address| (*address, true));
    let given = given.iter().map(|one| one.address);
    let plain = config.http.iter().copied().chain(given).map(|address| (address, false));
    secure.chain(plain).map(|(address, secure)| Served { address, secure }).collect()
}

/// What the versions that have running containers have carried.
#[derive(Clone)]
pub struct Counters(Arc<dyn Fn() -> Vec<VersionCounters> + Send + Sync>);

impl Counters {
    /// As of now.
    #[must_use]
    pub fn read(&self) -> Vec<VersionCounters> {
        (self.0)()
    }
}

/// Runs an edge until `shutdown` is ready.
///
/// # Errors
/// When an address is not free or the directory is not usable.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    Daemon::start(config)?.run(shutdown).await;
    Ok(())
}

/// Every connection is two descriptors, and the usual limit is for programs that open files.
fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
