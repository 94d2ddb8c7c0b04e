//! One Docker Engine, through its API.

pub(crate) mod body;
mod builder;
pub(crate) mod connection;
mod create;
mod ensure;
pub(crate) mod events;
mod exec;
mod follow;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod halt;
pub(crate) mod image;
mod interact;
mod known;
pub(crate) mod lines;
pub(crate) mod logs;
pub(crate) mod observe;
mod one_off;
mod placing;
pub mod residents;
pub(crate) mod trust;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use launcher_model::container::{Container, Host};
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_model::{ServiceName, VersionNumber};
use launcher_registry::Authority;
use serde::Deserialize;

use self::builder::Tests;
use self::connection::Connection;
use self::known::Known;
use crate::identity::Installation;
use crate::runs::Runs;
use crate::{
    Capabilities, Change, Ensured, Error, ExecRequest, Input, InteractRequest, KeepsVolumes,
    LogKeeper, LogLine, LogOptions, OneOff, Output, Piece, Placement, RegistryLogin, Result,
    Scheduler,
};

/// Which engine, and for whom.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the engine listens: `unix:///var/run/docker.sock`, `tcp://host:2375`.
    pub host: String,
    /// The installation, whose containers alone are touched: 1 to 64 of `a-z`, `A-Z`, `0-9`, `-` and `_`.
    pub installation: String,
    /// The network that containers join; the engine's default bridge when none is named. It must exist.
    pub network: Option<String>,
    /// The address of the engine's machine at which other machines reach its containers: each gets a port
    /// of it. Without one they are reached from the machine itself alone.
    pub publish: Option<IpAddr>,
    /// How many calls are under way at once.
    pub concurrency: usize,
    /// Which of the engine's builders makes images.
    pub builder: ImageBuilder,
    /// How large BuildKit's cache may be after a build, in bytes; what was not used for longest goes.
    pub cache: u64,
    /// How long a registry may say nothing while an image is pushed to it.
    pub silence: Duration,
    /// Private authorities of registries, by `host[:port]`, for asking them what a name means. The engine,
    /// which pulls, has its own.
    pub authorities: HashMap<String, Authority>,
    /// Who keeps the logs of containers that are removed while their environment stays.
    pub keeper: Option<Arc<dyn LogKeeper>>,
}

/// One of an engine's builders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageBuilder {
    /// BuildKit where the engine has it, and the classic one elsewhere.
    #[default]
    Auto,
    /// BuildKit alone.
    BuildKit,
    /// The one that every engine has had from the beginning.
    Classic,
}

impl Config {
    /// The engine of this machine, as it is when it was just installed.
    #[must_use]
    pub fn new(installation: impl Into<String>) -> Self {
        Self {
            host: "unix:///var/run/docker.sock".to_owned(),
            installation: installation.into(),
            network: None,
            publish: None,
            concurrency: 16,
            builder: ImageBuilder::Auto,
            cache: 20 << 30,
            silence: Duration::from_secs(120),
            authorities: HashMap::new(),
            keeper: None,
        }
    }
}

/// Places containers on one Docker Engine. A clone is the same driver.
#[derive(Debug, Clone)]
pub struct Docker(pub(crate) Arc<Engine>);

#[derive(Debug)]
pub(crate) struct Engine {
    connection: Arc<Connection>,
    installation: Installation,
    network: Option<String>,
    publish: Option<IpAddr>,
    concurrency: usize,
    builder: ImageBuilder,
    cache: u64,
    silence: Duration,
    authorities: HashMap<String, Authority>,
    keeper: Option<Arc<dyn LogKeeper>>,
    runs: Runs,
    tests: Tests,
    known: Known,
}

impl Docker {
    /// Prepares the driver. The engine need not be there yet: until it is, every verb says that it
    /// cannot be reached.
    ///
    /// # Errors
    /// [`Error::Setting`] when a setting cannot be used.
    pub fn connect(config: Config) -> Result<Self> {
        Ok(Self(Arc::new(Engine {
            connection: Arc::new(Connection::new(config.host)?),
            installation: Installation::new(config.installation)?,
            network: config.network,
            publish: config.publish,
            concurrency: config.concurrency.max(1),
            builder: config.builder,
            cache: config.cache,
            silence: config.silence,
            authorities: config.authorities,
            keeper: config.keeper,
            runs: Runs::default(),
            tests: Tests::default(),
            known: Known::default(),
        })))
    }
}

impl Docker {
    /// The own engine of a host on which another scheduler has placed containers. What no scheduler of many
    /// hosts has a call for is asked of it, and of it only containers of this installation are touched.
    pub(crate) fn of_host(address: &str, installation: &str) -> Result<Self> {
        Self::connect(Config { host: address.to_owned(), ..Config::new(installation) })
    }
}

#[async_trait]
impl Scheduler for Docker {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "docker",
            many_hosts: false,
            logs: true,
            sends_logs: true,
            exec: true,
            one_off: true,
            exec_checks: true,
            keeps_stopped: true,
            replaces: false,
            ends_chosen: true,
            tells_lost: false,
            forgets_avoided: false,
            volumes: KeepsVolumes::Always,
        }
    }

    async fn hosts(&self) -> Result<Vec<Host>> {
        Ok(vec![self.0.host().await?])
    }

    async fn set_closed(&self, _host: &str, _closed: bool) -> Result<()> {
        Err(Error::Unsupported { engine: "Docker", what: "place containers on another host" })
    }

    async fn resolve(
        &self,
        image: &ImageRef,
        login: Option<&RegistryLogin>,
    ) -> Result<PinnedImage> {
        self.0.resolve(image, login).await
    }

    async fn fetch(&self, image: &PinnedImage, login: Option<&RegistryLogin>) -> Result<()> {
        self.0.fetch(image, login).await
    }

    async fn ensure(&self, placement: &Placement) -> Result<Ensured> {
        let service = &placement.version.service;
        self.0.changing(service, self.0.ensure(placement)).await
    }

    async fn observe(&self, service: Option<&ServiceName>) -> Result<Vec<Container>> {
        self.0.observe(service).await
    }

    fn watch(&self) -> BoxStream<'static, Change> {
        events::watch(Arc::clone(&self.0))
    }

    async fn stop(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: Duration,
    ) -> Result<()> {
        self.0.changing(service, self.0.stop(service, version, grace)).await
    }

    async fn remove(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: Duration,
    ) -> Result<()> {
        self.0.changing(service, self.0.remove(service, version, grace)).await
    }

    async fn logs(
        &self,
        container: &str,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        self.0.logs(container, options).await
    }

    async fn exec(
        &self,
        container: &str,
        request: ExecRequest,
    ) -> Result<BoxStream<'static, Result<Output>>> {
        self.0.exec(container, request).await
    }

    async fn interact(
        &self,
        container: &str,
        request: InteractRequest,
        input: BoxStream<'static, Input>,
    ) -> Result<BoxStream<'static, Result<Piece>>> {
        self.0.interact(container, request, input).await
    }

    async fn run_once(&self, one_off: &OneOff) -> Result<BoxStream<'static, Result<Output>>> {
        one_off::run(Arc::clone(&self.0), one_off).await
    }
}
