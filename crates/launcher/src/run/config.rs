//! The server's configuration: a file, then variables, then arguments; each overrules the one before.

mod acme;
mod address;
mod audit;
mod certificates;
pub(crate) mod fluentd;
pub(crate) mod graphite;
mod logs;
mod marathon;
pub(crate) mod metrics;
mod notify;
mod openid;
mod otlp;
mod shown;
mod web;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use launcher_logs::Bounds;
use launcher_model::Bytes;
use launcher_registry::{Access, Authority, Login};
use launcher_scheduler::docker::ImageBuilder;
use launcher_scheduler::swarm::Secrets;
use serde::Deserialize;

use self::address::{maybe_listened, several_listened};
use self::audit::Audit;
pub(crate) use self::certificates::https;
use self::fluentd::{AccessLog, Fluentd};
use self::graphite::Graphite;
use self::logs::Logs;
use self::marathon::Marathon;
use self::metrics::Metrics;
use self::notify::Notifications;
use self::openid::OpenId;
use self::otlp::Otlp;
use self::web::web_address;

/// Where the file is looked for when nobody says.
const DEFAULT_FILE: &str = "/etc/rocket-launcher/config.toml";

/// What the file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    #[serde(default, deserialize_with = "maybe_listened::<_, 7070>")]
    listen: Option<SocketAddr>,
    #[serde(default, deserialize_with = "several_listened::<_, 8080>")]
    http: Option<Vec<SocketAddr>>,
    https: Option<Vec<SocketAddr>>,
    #[serde(default)]
    certificates: Vec<certificates::Pair>,
    #[serde(default)]
    tls: certificates::Tls,
    acme: Option<acme::Acme>,
    #[serde(default)]
    edges: Edges,
    #[serde(default)]
    preview: Preview,
    #[serde(default)]
    scheduler: SchedulerName,
    moving_from: Option<SchedulerName>,
    #[serde(default)]
    docker: Docker,
    #[serde(default)]
    marathon: Marathon,
    #[serde(default)]
    swarm: Swarm,
    #[serde(default)]
    metrics: Metrics,
    graphite: Option<Graphite>,
    otlp: Option<Otlp>,
    fluentd: Option<Fluentd>,
    access_log: Option<AccessLog>,
    #[serde(default)]
    registries: Vec<Registry>,
    #[serde(default)]
    logs: Logs,
    #[serde(default)]
    audit: Audit,
    url: Option<String>,
    openid: Option<OpenId>,
    #[serde(default)]
    notifications: notify::General,
    #[serde(default)]
    irc: Vec<notify::Irc>,
    #[serde(default)]
    webhooks: Vec<notify::Hook>,
    #[serde(default)]
    email: Vec<notify::Mail>,
    sensu: Option<notify::SensuAgent>,
}

/// `[edges]`: how edges of other machines reach the server.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edges {
    #[serde(default, deserialize_with = "maybe_listened::<_, 7071>")]
    listen: Option<SocketAddr>,
    address: Option<String>,
}

/// `[preview]`: how people reach the edges.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Preview {
    domain: Option<String>,
    scheme: Option<String>,
    port: Option<u16>,
}

/// `scheduler`: what places containers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SchedulerName {
    /// One Docker Engine.
    #[default]
    Docker,
    /// Marathon on Mesos.
    Marathon,
    /// A Docker Swarm.
    Swarm,
}

/// `[docker]`: which engine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Docker {
    host: Option<String>,
    network: Option<String>,
    publish: Option<IpAddr>,
    #[serde(default)]
    builder: ImageBuilder,
    build_cache: Option<Bytes>,
}

/// `[swarm]`: which Swarm.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Swarm {
    /// Where its managers listen, which are tried in turn; this machine's engine when none is named.
    pub(crate) hosts: Option<Vec<String>>,
    /// How containers are given secrets.
    #[serde(default)]
    pub(crate) secrets: Secrets,
    /// Where hosts' own engines listen, by the hosts' names.
    #[serde(default)]
    pub(crate) engines: BTreeMap<String, String>,
}

/// `[[registries]]`: how one is reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registry {
    host: String,
    username: Option<String>,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
}

/// What arguments and variables say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// `--data`.
    pub(crate) data: Option<PathBuf>,
    /// `--listen`.
    pub(crate) listen: Option<SocketAddr>,
    /// `--http`.
    pub(crate) http: Vec<SocketAddr>,
    /// `--https`.
    pub(crate) https: Vec<SocketAddr>,
    /// `--edges`.
    pub(crate) edges: Option<SocketAddr>,
}

/// What holds in the end.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The file that was read, for the processes that are started with it.
    pub(crate) file: Option<PathBuf>,
    /// What it says, as it may be shown.
    pub(crate) shown: String,
    /// The data directory.
    pub(crate) data: PathBuf,
    /// Where API and pages are served.
    pub(crate) listen: SocketAddr,
    /// Where this machine's edge serves HTTP.
    pub(crate) http: Vec<SocketAddr>,
    /// Where it serves HTTPS.
    pub(crate) https: Vec<SocketAddr>,
    /// Where edges of other machines are let in; none when they are not.
    pub(crate) edges: Option<SocketAddr>,
    /// The address by which they reach it, `host:port`.
    pub(crate) edges_address: Option<String>,
    /// `http` or `https`.
    pub(crate) preview_scheme: String,
    /// What stands behind `vN.<service>.` in a preview's hostname.
    pub(crate) preview_domain: String,
    /// The port under which people reach the edges; none for the scheme's own.
    pub(crate) preview_port: Option<u16>,
    /// What places containers.
    pub(crate) scheduler: SchedulerName,
    /// What placed them before, and still has some.
    pub(crate) moving_from: Option<SchedulerName>,
    /// Which Swarm, where that is what places them.
    pub(crate) swarm: Swarm,
    /// Where the Docker Engine listens.
    pub(crate) docker_host: Option<String>,
    /// The network that containers join.
    pub(crate) docker_network: Option<String>,
    /// The address at which other machines reach its containers.
    pub(crate) docker_publish: Option<IpAddr>,
    /// Which of the engine's builders makes images.
    pub(crate) docker_builder: ImageBuilder,
    /// How large its cache may be.
    pub(crate) docker_build_cache: Option<Bytes>,
    /// Which Marathon, where that places containers.
    pub(crate) marathon: Marathon,
    /// What is measured.
    pub(crate) metrics: Metrics,
    /// The Graphite that is told of it.
    pub(crate) graphite: Option<Graphite>,
    /// The OpenTelemetry collector that is told of it, and of what has happened.
    pub(crate) otlp: Option<Otlp>,
    /// How much is kept of logs.
    pub(crate) logs: Bounds,
    /// For how long it is kept who did what.
    pub(crate) audit: Audit,
    /// Where access logs may be sent.
    pub(crate) fluentd: Option<Fluentd>,
    /// The access log of this machine's edge.
    pub(crate) access_log: Option<AccessLog>,
    /// How registries are reached, by `host[:port]`.
    pub(crate) registries: HashMap<String, Access>,
    /// The address under which people reach the pages, where the team says so.
    pub(crate) url: Option<String>,
    /// The provider by which people sign in.
    pub(crate) openid: Option<launcher_openid::Settings>,
    /// The authority that certificates are ordered from.
    pub(crate) acme: Option<launcher_acme::Settings>,
    /// Who is told what happens.
    pub(crate) notifications: launcher_notify::Config,
}

impl Config {
    /// Whether people reach the pages by TLS alone, so that nothing secret may be sent without.
    pub(crate) fn is_secure(&self) -> bool {
        self.url.as_deref().is_some_and(web::is_secure)
    }

    /// Reads the file and the variables, and lays the arguments over them.
    pub(crate) fn load(overrides: &Overrides) -> Result<Self> {
        let (file, path, shown) = read_file(overrides.file.as_deref())?;
        let data = overrides.data.clone().or(file.data).unwrap_or_else(super::data::default_dir);
        let listen = overrides.listen.or(file.listen);
        let given = Some(overrides.http.clone()).filter(|http| !http.is_empty());
        let http = given.or(file.http).unwrap_or_else(|| vec![default_http()]);
        let given = Some(overrides.https.clone()).filter(|https| !https.is_empty());
        let https = given.or(file.https).unwrap_or_default();
        let Some(first) = http.first() else {
            bail!("http names no address; write for example http = [\"127.0.0.1:8080\"]")
        };
        let scheme = variable("LAUNCHER_PREVIEW_SCHEME").or(file.preview.scheme);
        let scheme = scheme.unwrap_or_else(|| "http".to_owned());
        let port = match variable("LAUNCHER_PREVIEW_PORT") {
            Some(text) => Some(text.parse().with_context(|| {
                format!("LAUNCHER_PREVIEW_PORT is {text:?}; it must be a port, such as 8080")
            })?),
            None => file.preview.port,
        };
        if file.moving_from == Some(file.scheduler) {
            bail!(
                "moving_from is the same as scheduler; it says what placed containers before, so leave it out when that has not changed"
            );
        }
        let asks_graphite = file.metrics.store() == metrics::Store::Graphite;
        if asks_graphite && !file.graphite.as_ref().is_some_and(Graphite::is_readable) {
            bail!(
                "[metrics] store is \"graphite\", and [graphite] does not say where that is read; give it url = \"https://graphite.example.com\""
            );
        }
        if let Some(graphite) = &file.graphite {
            graphite.check()?;
        }
        if let Some(access_log) = &file.access_log {
            access_log.check()?;
        }
        let own_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            other => bail!("preview.scheme is {other:?}; it must be \"http\" or \"https\""),
        };
        // What previews are reached by has a port of its own.
        let first = https.first().filter(|_| scheme == "https").unwrap_or(first);
        let port = port.unwrap_or(first.port());
        let publish = match variable("LAUNCHER_DOCKER_PUBLISH") {
            Some(text) => Some(text.parse().with_context(|| {
                format!("LAUNCHER_DOCKER_PUBLISH is {text:?}; it must be an address of the engine's machine, such as 10.0.0.5")
            })?),
            None => file.docker.publish,
        };
        let domain = variable("LAUNCHER_PREVIEW_DOMAIN").or(file.preview.domain);
        Ok(Self {
            file: path,
            shown,
            listen: listen.unwrap_or_else(default_listen),
            edges: overrides.edges.or(file.edges.listen),
            edges_address: file.edges.address,
            preview_domain: domain.unwrap_or_else(|| "localhost".to_owned()),
            preview_port: (port != own_port).then_some(port),
            preview_scheme: scheme,
            scheduler: file.scheduler,
            moving_from: file.moving_from,
            swarm: file.swarm,
            docker_host: variable("LAUNCHER_DOCKER_HOST").or(file.docker.host),
            docker_network: file.docker.network,
            docker_publish: publish,
            docker_builder: file.docker.builder,
            docker_build_cache: file.docker.build_cache,
            marathon: file.marathon,
            metrics: file.metrics,
            graphite: file.graphite,
            otlp: file.otlp,
            logs: file.logs.bounds()?,
            audit: file.audit,
            fluentd: file.fluentd,
            access_log: file.access_log,
            registries: read_registries(file.registries)?,
            openid: file.openid.map(|openid| openid.read(file.url.as_deref())).transpose()?,
            acme: file.acme.map(acme::Acme::read).transpose()?,
            url: notify::url(file.url)?,
            notifications: Notifications {
                general: file.notifications,
                irc: file.irc,
                webhooks: file.webhooks,
                email: file.email,
                sensu: file.sensu,
            }
            .read()?,
            data,
            http,
            https,
        })
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7070))
}

fn default_http() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What a file says, which one it is, and its text as it may be shown.
fn read_file(asked: Option<&Path>) -> Result<(File, Option<PathBuf>, String)> {
    let path = asked.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if asked.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok((File::default(), None, String::new()));
        }
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot read the configuration {}", path.display()));
        }
    };
    let file = toml::from_str(&text)
        .with_context(|| format!("the configuration {} makes no sense", path.display()))?;
    Ok((file, Some(path.to_owned()), shown::shown(&text)))
}

fn read_registries(registries: Vec<Registry>) -> Result<HashMap<String, Access>> {
    let mut accesses = HashMap::new();
    for registry in registries {
        let (login, authority) = (read_login(&registry)?, read_authority(&registry)?);
        if accesses.insert(registry.host.clone(), Access { login, authority }).is_some() {
            bail!("[[registries]] names {} twice; say all of it once", registry.host);
        }
    }
    Ok(accesses)
}

fn read_login(registry: &Registry) -> Result<Option<Login>> {
    let host = &registry.host;
    let (username, path) = match (&registry.username, &registry.password_file) {
        (Some(username), Some(path)) => (username.clone(), path),
        (None, None) => return Ok(None),
        _ => bail!("[[registries]] for {host} needs both username and password_file, or neither"),
    };
    let password = super::secret::read(&format!("the password for {host}"), path)?;
    Ok(Some(Login { username, password }))
}

fn read_authority(registry: &Registry) -> Result<Option<Authority>> {
    let Some(path) = &registry.ca_file else { return Ok(None) };
    let about = || format!("cannot use the ca_file of {}, {}", registry.host, path.display());
    let pem = std::fs::read(path).with_context(about)?;
    Ok(Some(Authority::from_pem(&pem).with_context(about)?))
}
