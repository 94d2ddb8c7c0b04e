//! A Docker Swarm: several engines that place containers on each other's hosts, through the managers' API.
//!
//! An environment is a Swarm service, and its tasks are the containers. The Swarm places, replaces and spreads
//! them; what it would do at the cost of requests is not left to it (`plan`).

mod ensure;
mod exec;
mod halt;
mod hosts;
mod image;
mod keeper;
mod logs;
mod managers;
mod memory;
mod names;
mod objects;
mod one_off;
mod places;
mod plan;
mod read;
mod secrets;
mod spec;
mod task;
mod volumes;
mod watch;
mod why;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use launcher_model::container::{Container, Host};
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_model::{ServiceName, VersionNumber};
use launcher_registry::Access;
use secrecy::SecretBox;
use serde::Deserialize;

use self::hosts::Counted;
use self::keeper::{Keeper, Picture};
use self::managers::Managers;
use crate::identity::Installation;
use crate::runs::Runs;
use crate::{
    Capabilities, Change, Ensured, ExecRequest, Input, InteractRequest, KeepsVolumes, LogLine,
    LogOptions, OneOff, Output, Piece, Placement, RegistryLogin, Result, Scheduler,
};

/// Which Swarm, and for whom.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where its managers listen, which are tried in turn: `unix:///var/run/docker.sock`,
    /// `tcp://10.0.0.2:2375`.
    pub hosts: Vec<String>,
    /// The installation, whose services alone are touched: 1 to 64 of `a-z`, `A-Z`, `0-9`, `-` and `_`.
    pub installation: String,
    /// How containers are given secrets.
    pub secrets: Secrets,
    /// Where hosts' own engines listen, by the names of the hosts. What no manager can do for a container
    /// they do: run a command in it, and tell at once when it ends.
    pub engines: BTreeMap<String, String>,
    /// How registries are reached, by `host[:port]`; hosts pull with these logins.
    pub registries: HashMap<String, Access>,
    /// How long containers have between SIGTERM and SIGKILL. The Swarm keeps it with each container from its
    /// creation on: what `stop` and `remove` are given later cannot count.
    pub grace: Duration,
    /// With what the names of the Swarm's secrets are made. Whoever may list them, and knows it, can try values.
    pub naming_key: NamingKey,
}

/// A key that says nothing of itself.
#[derive(Debug, Clone)]
pub struct NamingKey(Arc<SecretBox<[u8; 32]>>);

impl NamingKey {
    /// These bytes, as random as any key.
    #[must_use]
    pub fn new(bytes: SecretBox<[u8; 32]>) -> Self {
        Self(Arc::new(bytes))
    }
}

/// How containers are given secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Secrets {
    /// As variables, and as files `/run/secrets/<VARIABLE>`.
    #[default]
    Both,
    /// As files alone; `<VARIABLE>_FILE` says where each is.
    Files,
}

impl Config {
    /// The Swarm that this machine's engine manages.
    #[must_use]
    pub fn new(installation: impl Into<String>, naming_key: NamingKey) -> Self {
        Self {
            hosts: vec!["unix:///var/run/docker.sock".to_owned()],
            installation: installation.into(),
            secrets: Secrets::default(),
            engines: BTreeMap::new(),
            registries: HashMap::new(),
            grace: Duration::from_secs(10),
            naming_key,
        }
    }
}

/// Places containers on the hosts of a Swarm. A clone is the same driver.
#[derive(Debug, Clone)]
pub struct Swarm(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    managers: Managers,
    installation: Installation,
    secrets: Secrets,
    engines: BTreeMap<String, String>,
    registries: HashMap<String, Access>,
    grace: Duration,
    naming_key: NamingKey,
    keeper: Keeper,
    counted: tokio::sync::Mutex<Counted>,
    runs: Runs,
}

impl Swarm {
    /// Prepares the driver. No manager need be there yet: until one is, every verb says that the Swarm cannot
    /// be reached.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) when a setting cannot be used.
    pub fn connect(config: Config) -> Result<Self> {
        Ok(Self(Arc::new(Inner {
            managers: Managers::new(config.hosts)?,
            installation: Installation::new(config.installation)?,
            secrets: config.secrets,
            engines: config.engines,
            registries: config.registries,
            grace: config.grace,
            naming_key: config.naming_key,
            keeper: Keeper::new(),
            counted: tokio::sync::Mutex::default(),
            runs: Runs::default(),
        })))
    }

    /// How often a manager was asked something since the driver was made.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.managers.calls()
    }
}

#[async_trait]
impl Scheduler for Swarm {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "swarm",
            many_hosts: true,
            logs: true,
            sends_logs: true,
            exec: true,
            one_off: true,
            exec_checks: true,
            keeps_stopped: false,
            replaces: true,
            ends_chosen: false,
            tells_lost: true,
            forgets_avoided: true,
            volumes: KeepsVolumes::OnOneHost,
        }
    }

    async fn hosts(&self) -> Result<Vec<Host>> {
        self.hosts().await
    }

    async fn resolve(
        &self,
        image: &ImageRef,
        login: Option<&RegistryLogin>,
    ) -> Result<PinnedImage> {
        self.resolve(image, login).await
    }

    async fn fetch(&self, image: &PinnedImage, login: Option<&RegistryLogin>) -> Result<()> {
        self.fetch(image, login).await
    }

    async fn set_closed(&self, host: &str, closed: bool) -> Result<()> {
        self.set_closed(host, closed).await
    }

    async fn ensure(&self, placement: &Placement) -> Result<Ensured> {
        self.ensure(placement).await
    }

    async fn observe(&self, service: Option<&ServiceName>) -> Result<Vec<Container>> {
        let picture = self.picture().await?;
        let wanted = |container: &&Container| service.is_none_or(|name| container.service == *name);
        Ok(picture.containers.iter().filter(wanted).cloned().collect())
    }

    async fn unseen(&self) -> Result<BTreeSet<(ServiceName, VersionNumber)>> {
        Ok(read::without_containers(&*self.picture().await?))
    }

    fn watch(&self) -> BoxStream<'static, Change> {
        watch::watch(self)
    }

    /// The grace is the one that the containers were made with.
    async fn stop(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        _grace: Duration,
    ) -> Result<()> {
        self.stop(service, version).await
    }

    /// The grace is the one that the containers were made with.
    async fn remove(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        _grace: Duration,
    ) -> Result<()> {
        self.remove(service, version).await
    }

    async fn logs(
        &self,
        container: &str,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        self.logs(container, options).await
    }

    async fn exec(
        &self,
        container: &str,
        request: ExecRequest,
    ) -> Result<BoxStream<'static, Result<Output>>> {
        let (engine, id) = self.reached(container).await?;
        engine.exec(&id, request).await
    }

    async fn interact(
        &self,
        container: &str,
        request: InteractRequest,
        input: BoxStream<'static, Input>,
    ) -> Result<BoxStream<'static, Result<Piece>>> {
        let (engine, id) = self.reached(container).await?;
        engine.interact(&id, request, input).await
    }

    async fn run_once(&self, one_off: &OneOff) -> Result<BoxStream<'static, Result<Output>>> {
        one_off::run(self, one_off).await
    }
}
