//! The edge as a process: serves what its disk says while the control plane is away, and listens to that
//! whenever it is there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use launcher_model::EdgeName;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::Error;
use crate::builtin::Builtin;
use crate::driver::Driver;
use crate::engine::Limits;
use crate::link::{ControlPlane, Introduction, keep_connected};
use crate::stats::VersionCounters;

/// How an edge runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name by which it is listed.
    pub name: EdgeName,
    /// The addresses on which it serves HTTP.
    pub http: Vec<SocketAddr>,
    /// Threads that carry traffic; one per processor is right.
    pub threads: usize,
    /// The directory in which it keeps the route table.
    pub data_dir: PathBuf,
    /// Where the control plane is.
    pub control: ControlPlane,
    /// Bounds on what clients and containers may take.
    pub limits: Limits,
    /// How long requests that are under way may take to end when the edge is told to stop.
    pub stop_within: Duration,
}

/// An edge that serves, by this driver.
pub struct Daemon<D = Builtin> {
    config: Config,
    driver: Arc<D>,
}

impl Daemon {
    /// Binds the addresses and reads what the data directory keeps. It serves when it is
    /// [run](Self::run); until then connections wait.
    ///
    /// # Errors
    /// When an address is not free or the directory is not usable.
    pub fn start(config: Config) -> Result<Self, Error> {
        allow_many_files();
        let builtin =
            Builtin::start(&config.http, config.threads, &config.limits, &config.data_dir)?;
        Ok(Self::with(config, builtin))
    }
}

impl<D: Driver> Daemon<D> {
    /// An edge whose traffic this driver carries. What the configuration says of that is the driver's
    /// own matter.
    #[must_use]
    pub fn with(config: Config, driver: D) -> Self {
        Self { config, driver: Arc::new(driver) }
    }

    /// The addresses that are served, with the ports that were chosen for those given as 0.
    #[must_use]
    pub fn http(&self) -> &[SocketAddr] {
        self.driver.http()
    }

    /// What can be asked for the counters while the edge runs.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let driver = self.driver.clone();
        Counters(Arc::new(move || driver.counters()))
    }

    /// Follows the control plane until `shutdown` is ready; then lets what is under way end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { config, driver } = self;
        let introduction = Introduction { edge: config.name, http: driver.http().to_vec() };
        let link = keep_connected(driver.clone(), introduction, &config.control);
        tokio::select! {
            () = link => {}
            () = shutdown => {}
        }
        driver.stop(config.stop_within).await;
    }
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
