//! Marathon on Mesos, 0.8.2 to 1.11, through Marathon's API and that of Mesos's masters.
//!
//! An environment is one app, whose tasks Marathon replaces and spreads. It is only ever changed in its
//! number of instances: whatever else would be changed would start all of its tasks anew. To leave a host,
//! a second app is created beside the first.

mod addresses;
mod change;
mod client;
mod engines;
mod ensure;
mod events;
mod halt;
mod image;
pub mod mesos;
mod names;
mod places;
mod plan;
mod read;
mod reasons;
mod request;
#[cfg(test)]
mod samples;
mod server;
mod snapshot;
mod version;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use launcher_model::container::{Container, Host};
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_model::{ServiceName, VersionNumber};
use launcher_registry::Authority;
use reqwest::Url;

use self::addresses::Addresses;
use self::client::Client;
pub use self::client::Login;
use self::events::{Callback, Listeners};
use self::mesos::seen::Agents;
use self::names::Names;
use self::request::Common;
use self::server::Server;
use self::snapshot::Snapshots;
use crate::docker::Docker;
use crate::identity::Installation;
use crate::{
    Capabilities, Change, Ensured, Error, ExecRequest, Input, InteractRequest, KeepsVolumes,
    LogLine, LogOptions, OneOff, Output, Piece, Placement, RegistryLogin, Result, Scheduler,
};

/// Which Marathon, and for whom.
#[derive(Debug, Clone)]
pub struct Config {
    /// The installation, whose apps alone are touched: 1 to 64 of `a-z`, `A-Z`, `0-9`, `-` and `_`.
    pub installation: String,
    /// The masters, `http://HOST:PORT` each. The login is given to these and to no other.
    pub urls: Vec<String>,
    /// As whom; as nobody when it is none.
    pub login: Option<Login>,
    /// The masters of Mesos, `http://HOST:5050` each; where Marathon says they are when none is named.
    pub mesos: Vec<String>,
    /// `http://THIS-HOST:PORT`, to which a Marathon before 0.9 sends events. Without it such a one is only
    /// looked at now and then.
    pub callback: Option<String>,
    /// How long one call may take, and what is waited for after the time that a container has to end.
    pub deadline: Duration,
    /// Processors of a container whose service names none: Marathon wants a number.
    pub cpus: f64,
    /// Memory in bytes of a container whose service names none. More than that it does not get.
    pub memory: u64,
    /// An archive with logins for registries, which agents fetch: `file:///etc/docker.tar.gz`.
    pub docker_config: Option<String>,
    /// Private authorities of registries, by `host[:port]`, for asking them what a name means.
    pub authorities: HashMap<String, Authority>,
    /// Registries, as `host[:port]`, that may be asked without TLS or with any certificate. Agents' engines
    /// have a setting of their own for that.
    pub insecure_registries: Vec<String>,
    /// Where agents' own Docker Engines listen, by the names of the agents: logs, and commands in running
    /// containers, are asked of them.
    pub engines: BTreeMap<String, String>,
}

impl Config {
    /// One master without a login.
    #[must_use]
    pub fn new(installation: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            installation: installation.into(),
            urls: vec![url.into()],
            login: None,
            mesos: Vec::new(),
            callback: None,
            deadline: Duration::from_secs(30),
            cpus: 0.1,
            memory: 512 << 20,
            docker_config: None,
            authorities: HashMap::new(),
            insecure_registries: Vec::new(),
            engines: BTreeMap::new(),
        }
    }
}

/// Places containers on the agents of a Mesos cluster. A clone is the same driver.
#[derive(Debug, Clone)]
pub struct Marathon(Arc<Engine>);

#[derive(Debug)]
struct Engine {
    client: Client,
    names: Names,
    common: Common,
    mesos: Vec<Url>,
    mesos_http: reqwest::Client,
    callback: Option<Callback>,
    agents: Agents,
    authorities: HashMap<String, Authority>,
    insecure_registries: Vec<String>,
    engines: BTreeMap<String, Docker>,
    server: Server,
    snapshots: Snapshots,
    addresses: Addresses,
    listeners: Listeners,
    /// Something was changed by this driver.
    touched: tokio::sync::Notify,
}

impl Marathon {
    /// Prepares the driver. Marathon need not be there yet: until it is, every verb says that it cannot be
    /// reached.
    ///
    /// # Errors
    /// [`Error::Setting`] when a setting cannot be used.
    pub fn connect(config: Config) -> Result<Self> {
        let client = Client::new(&config.urls, config.login, config.deadline)?;
        let mesos_http = reqwest::Client::builder()
            .timeout(config.deadline)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rocket-launcher/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::Refused {
                doing: "preparing to speak with Mesos",
                why: client::innermost(&error),
            })?;
        Ok(Self(Arc::new(Engine {
            client,
            names: Names::new(Installation::new(config.installation.as_str())?),
            common: Common {
                cpus: config.cpus,
                memory: config.memory,
                docker_config: config.docker_config,
            },
            mesos: mesos::read_masters(&config.mesos)?,
            mesos_http,
            callback: config.callback.as_deref().map(Callback::read).transpose()?,
            agents: Agents::default(),
            authorities: config.authorities,
            insecure_registries: config.insecure_registries,
            engines: engines::connect(&config.engines, &config.installation)?,
            server: Server::default(),
            snapshots: Snapshots::new(),
            addresses: Addresses::default(),
            listeners: Listeners::default(),
            touched: tokio::sync::Notify::new(),
        })))
    }
}

#[async_trait]
impl Scheduler for Marathon {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "marathon",
            many_hosts: true,
            logs: !self.0.engines.is_empty(),
            sends_logs: false,
            exec: !self.0.engines.is_empty(),
            one_off: false,
            exec_checks: true,
            keeps_stopped: false,
            replaces: true,
            ends_chosen: true,
            tells_lost: false,
            forgets_avoided: false,
            volumes: KeepsVolumes::OnOneHost,
        }
    }

    async fn hosts(&self) -> Result<Vec<Host>> {
        self.0.hosts().await
    }

    async fn set_closed(&self, host: &str, closed: bool) -> Result<()> {
        self.0.set_closed(host, closed).await
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
        self.0.ensure(placement).await
    }

    async fn observe(&self, service: Option<&ServiceName>) -> Result<Vec<Container>> {
        let snapshot = self.0.look().await?;
        let wanted = |container: &&Container| service.is_none_or(|s| container.service == *s);
        Ok(snapshot.containers.iter().filter(wanted).cloned().collect())
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
        self.0.stop(service, version, grace).await
    }

    async fn remove(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: Duration,
    ) -> Result<()> {
        self.0.remove(service, version, grace).await
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
        let (engine, id) = self.0.reached(container).await?;
        engine.exec(&id, request).await
    }

    async fn interact(
        &self,
        container: &str,
        request: InteractRequest,
        input: BoxStream<'static, Input>,
    ) -> Result<BoxStream<'static, Result<Piece>>> {
        let (engine, id) = self.0.reached(container).await?;
        engine.interact(&id, request, input).await
    }

    /// Marathon starts again whatever ends, and does not tell with which status it ended well.
    async fn run_once(&self, _one_off: &OneOff) -> Result<BoxStream<'static, Result<Output>>> {
        let what = "run a command once, because it starts again whatever ends: run it before the launch, \
            where the image is built";
        Err(Error::Unsupported { engine: "Marathon", what })
    }
}
