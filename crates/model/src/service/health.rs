//! How containers show that they can serve: what a service's `[health]` says.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Span;

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
    /// An environment that is not ready by then has failed; one whose containers end again and again has before.
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
}
