//! A service as its `launcher.toml` says it.

mod assets;
mod check;
mod compression;
mod deploy;
mod differ;
mod freeze;
mod logs;
mod path;
mod placement;
mod read;
mod rules;
mod source;
mod tls;
mod upstream;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Bytes, Cpus, ServiceName, Span};

pub use assets::Assets;
pub use check::Fault;
pub use compression::{Algorithm, Compression};
pub use deploy::Deploy;
pub use differ::{Difference, differences};
pub use freeze::{Freeze, Frozen, InvalidFreeze, Window};
pub use logs::Logs;
pub use path::{RequestPath, RulePath, UnreadablePath, encoded_query};
pub use placement::{HOST_NAME, Placing, Volumes};
pub use read::{FileError, read};
pub use rules::{FieldRules, Headers, PathTarget, Previews, Redirect};
pub use source::{Branches, Build, Follow, Test, matches_pattern};
pub use tls::Tls;
pub use upstream::{CodeHost, Jenkins, RepositoryUrl, Upstream};
pub use write::{write, write_briefly};

/// Everything that a team says of a service. The shape of `launcher.toml` and of the API's body alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// What it is and where it is reached.
    pub service: Basics,
    /// How a container shows that it can serve; a TCP connection when nothing is said.
    #[serde(default)]
    pub health: Health,
    /// What one container may use.
    #[serde(default)]
    pub resources: Resources,
    /// Which hosts its containers may be placed on.
    #[serde(default)]
    pub placement: Placing,
    /// Directories that outlive a container: the name of a volume to the path in the container.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: Volumes,
    /// Where what containers print goes besides the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Box<Logs>>,
    /// Environment variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Environment variables whose values are secrets: variable to the secret's name.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// What runs around the creation of an environment.
    #[serde(default)]
    pub hooks: Hooks,
    /// How many environments are kept.
    #[serde(default)]
    pub keep: Keep,
    /// How edges treat its traffic.
    #[serde(default)]
    pub traffic: Traffic,
    /// Paths whose requests other services answer: the longest that fits counts.
    #[serde(default)]
    pub paths: BTreeMap<String, PathTarget>,
    /// Addresses that have moved: the first that fits counts.
    #[serde(default)]
    pub redirects: Vec<Redirect>,
    /// Header fields that the edge sets or takes away.
    #[serde(default)]
    pub headers: Headers,
    /// What it wants of HTTPS.
    #[serde(default, skip_serializing_if = "Tls::is_unsaid")]
    pub tls: Tls,
    /// Files that are looked for in other versions where one does not have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assets: Option<Box<Assets>>,
    /// Responses that edges compress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Box<Compression>>,
    /// Who may look at previews.
    #[serde(default)]
    pub previews: Previews,
    /// How its image is built.
    #[serde(default)]
    pub build: Build,
    /// What a new image must pass.
    #[serde(default)]
    pub test: Test,
    /// Which branches are built.
    #[serde(default)]
    pub branches: Branches,
    /// Which images of others become versions.
    #[serde(default)]
    pub follow: Follow,
    /// What goes live when.
    #[serde(default)]
    pub deploy: Deploy,
    /// The code host that its source is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Box<Upstream>>,
    /// The Jenkins job that builds what is pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jenkins: Option<Box<Jenkins>>,
}

impl ServiceSpec {
    /// A service of which nothing is said but what must be.
    #[must_use]
    pub fn new(name: ServiceName, port: u16) -> Self {
        Self {
            service: Basics {
                name,
                image: None,
                build: None,
                hosts: Vec::new(),
                replicas: one(),
                port,
                protocol: Protocol::default(),
            },
            health: Health::default(),
            resources: Resources::default(),
            placement: Placing::default(),
            volumes: Volumes::new(),
            logs: None,
            env: BTreeMap::new(),
            secrets: BTreeMap::new(),
            hooks: Hooks::default(),
            keep: Keep::default(),
            traffic: Traffic::default(),
            paths: BTreeMap::new(),
            redirects: Vec::new(),
            headers: Headers::default(),
            tls: Tls::default(),
            assets: None,
            compression: None,
            previews: Previews::default(),
            build: Build::default(),
            test: Test::default(),
            branches: Branches::default(),
            follow: Follow::default(),
            deploy: Deploy::default(),
            source: None,
            jenkins: None,
        }
    }
}

/// What a service is and where it is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Basics {
    /// Its name.
    pub name: ServiceName,
    /// The repository of its images, without a tag; what `--image :TAG` is completed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "registry.example.com/shop")]
    pub image: Option<String>,
    /// The folder of the application's repository that its image is built of; nothing said, and none is
    /// built. With `image` it is pushed there, without it stays on the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = ".")]
    pub build: Option<String>,
    /// Production hostnames.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// How many containers an environment has.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1000)]
    pub replicas: u16,
    /// The port on which a container serves HTTP.
    #[schema(minimum = 1, maximum = 65535)]
    pub port: u16,
    /// What a container speaks on that port.
    #[serde(default, skip_serializing_if = "Protocol::is_http1")]
    pub protocol: Protocol,
}

/// What containers speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Protocol {
    /// HTTP/1.1, one request after the other on a connection.
    #[default]
    #[serde(rename = "http/1.1")]
    Http1,
    /// HTTP/2 without TLS, by prior knowledge (RFC 9113 §3.3), which gRPC needs.
    #[serde(rename = "h2c")]
    H2c,
}

impl Protocol {
    /// Whether it is what is meant when nothing is said.
    #[must_use]
    pub fn is_http1(&self) -> bool {
        *self == Self::Http1
    }
}

/// How the containers of one version are spoken with, and asked how they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contact {
    /// What they speak.
    pub protocol: Protocol,
    /// What they are asked.
    pub health: Health,
}

impl ServiceSpec {
    /// How containers of these settings are spoken with.
    #[must_use]
    pub fn contact(&self) -> Contact {
        Contact { protocol: self.service.protocol, health: self.health.clone() }
    }
}

fn one() -> u16 {
    1
}

/// How a container shows that it can serve. One of `path`, `tcp`, `exec` and `grpc`; with none, `tcp`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HealthCheck)]
pub struct Health {
    /// HTTP: a path that answers 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// TCP: the port takes a connection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tcp: bool,
    /// A command in the container that exits 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<Vec<String>>,
    /// gRPC: `grpc.health.v1.Health/Check` of the whole server answers SERVING.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grpc: bool,
    /// From one check to the next.
    #[serde(default = "defaults::interval")]
    pub interval: Span,
    /// How long one check may take.
    #[serde(default = "defaults::timeout")]
    pub timeout: Span,
    /// So many passes in a row make a container healthy.
    #[serde(default = "defaults::healthy_after")]
    #[schema(minimum = 1)]
    pub healthy_after: u16,
    /// So many failures in a row make it unhealthy.
    #[serde(default = "defaults::unhealthy_after")]
    #[schema(minimum = 1)]
    pub unhealthy_after: u16,
    /// An environment that is not ready by then has failed.
    #[serde(default = "defaults::start_period")]
    pub start_period: Span,
}

/// What [`Health`] asks of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe<'a> {
    /// `GET` this path; 200 to 399 passes.
    Http(&'a str),
    /// Connect to the port.
    Tcp,
    /// Run this in the container; exit status 0 passes.
    Exec(&'a [String]),
    /// Ask by gRPC; SERVING passes.
    Grpc,
}

impl Health {
    /// What is asked.
    #[must_use]
    pub fn probe(&self) -> Probe<'_> {
        match (&self.path, &self.exec) {
            (Some(path), _) => Probe::Http(path),
            (None, Some(command)) => Probe::Exec(command),
            (None, None) if self.grpc => Probe::Grpc,
            (None, None) => Probe::Tcp,
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self {
            path: None,
            tcp: true,
            exec: None,
            grpc: false,
            interval: defaults::interval(),
            timeout: defaults::timeout(),
            healthy_after: defaults::healthy_after(),
            unhealthy_after: defaults::unhealthy_after(),
            start_period: defaults::start_period(),
        }
    }
}

/// What one container may use; nothing said is no limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Cpus>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
}

/// What runs around the creation of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// A command in a one-off container of the new image that must exit 0 before the environment is
    /// created, such as a database migration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Vec<String>>,
    /// How long it may take.
    #[serde(default = "defaults::release_timeout")]
    pub release_timeout: Span,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { release: None, release_timeout: defaults::release_timeout() }
    }
}

/// How many environments are kept beside the live ones, those that were used last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// Kept running, so that going back to them only flips traffic; the one that was live before is the
    /// first of them. As many that are newer than the live one wait beside them to be deployed, one of
    /// those at the least.
    #[serde(default = "defaults::keep_running")]
    pub running: u16,
    /// Kept, but stopped; older ones are destroyed and only their record stays. The one that was live
    /// before is never destroyed.
    #[serde(default = "defaults::keep_stopped")]
    pub stopped: u16,
}

impl Default for Keep {
    fn default() -> Self {
        Self { running: defaults::keep_running(), stopped: defaults::keep_stopped() }
    }
}

/// How edges treat a service's traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// How long requests and upgraded connections may stay with an environment that is no longer live.
    #[serde(default = "defaults::drain")]
    pub drain: Span,
    /// How long a container may take until the head of its response.
    #[serde(default = "defaults::response_timeout")]
    pub response_timeout: Span,
    /// How long connecting to a container may take.
    #[serde(default = "defaults::connect_timeout")]
    pub connect_timeout: Span,
    /// How long a container may be silent before more of a response comes. It does not concern upgraded
    /// connections and streams of events; nothing said is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "1m")]
    pub silence_timeout: Option<Span>,
    /// While several versions are live, a cookie keeps each user on the version that they were given.
    #[serde(default = "defaults::sticky")]
    pub sticky: bool,
    /// The largest body of a request; nothing said is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "10MiB")]
    pub max_body: Option<Bytes>,
    /// So many requests in a row that a container fails to answer take it out of an edge's choice for a
    /// while, before its next check does; 0 takes none out.
    #[serde(default = "defaults::eject_after")]
    #[schema(maximum = 1000)]
    pub eject_after: u16,
    /// How long the share of a container that has become healthy grows until it has as much as the
    /// others; nothing said is not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "30s")]
    pub slow_start: Option<Span>,
    /// After a switch, WebSockets and streams of events that are still with the version that left are
    /// ended one by one over this time, so that their clients come again and find the new one; nothing
    /// said leaves them until `drain` is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "1m")]
    pub move_within: Option<Span>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            drain: defaults::drain(),
            response_timeout: defaults::response_timeout(),
            connect_timeout: defaults::connect_timeout(),
            silence_timeout: None,
            sticky: defaults::sticky(),
            max_body: None,
            eject_after: defaults::eject_after(),
            slow_start: None,
            move_within: None,
        }
    }
}

mod defaults {
    use crate::Span;

    pub(super) fn interval() -> Span {
        Span::secs(2)
    }
    pub(super) fn timeout() -> Span {
        Span::secs(1)
    }
    pub(super) fn healthy_after() -> u16 {
        2
    }
    pub(super) fn unhealthy_after() -> u16 {
        1
    }
    pub(super) fn start_period() -> Span {
        Span::secs(60)
    }
    pub(super) fn release_timeout() -> Span {
        Span::secs(600)
    }
    pub(super) fn keep_running() -> u16 {
        2
    }
    pub(super) fn keep_stopped() -> u16 {
        5
    }
    pub(super) fn drain() -> Span {
        Span::secs(300)
    }
    pub(super) fn response_timeout() -> Span {
        Span::secs(60)
    }
    pub(super) fn connect_timeout() -> Span {
        Span::secs(1)
    }
    pub(super) fn sticky() -> bool {
        true
    }
    pub(super) fn eject_after() -> u16 {
        5
    }
}
