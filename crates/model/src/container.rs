//! Containers and hosts, as they are observed.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ServiceName, VersionNumber};

/// One instance of a version, as its engine tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Container {
    /// The engine's id.
    pub id: String,
    /// The engine's name for it.
    pub name: String,
    /// Whose it is.
    pub service: ServiceName,
    /// Whose it is.
    pub version: VersionNumber,
    /// Which of the environment's places it fills, counted from 1.
    pub slot: u16,
    /// How many containers filled that place before it.
    pub attempt: u32,
    /// How many of those died one soon after the other: what the delay before a replacement grows with.
    pub failures: u32,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// The host that runs it; empty while it has none.
    pub host: String,
    /// Where it serves; none while it does not run. On an engine of several hosts it is a port of the host.
    #[schema(value_type = Option<String>, example = "172.17.0.2:8080")]
    pub address: Option<SocketAddr>,
    /// Where other machines reach it, where that is another address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "10.0.0.5:32768")]
    pub published: Option<SocketAddr>,
    /// What it does.
    pub phase: ContainerPhase,
}

/// What a container does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum ContainerPhase {
    /// Wanted, and on no host yet.
    Waiting {
        /// Why, where the engine says so: what no host has free.
        why: Option<String>,
    },
    /// Made, and never started.
    Created,
    /// Runs.
    Running {
        /// Since when.
        #[schema(value_type = String, format = DateTime)]
        since: Timestamp,
        /// What the engine's own check says, where `[health] exec` is used.
        exec_check: Option<ExecCheck>,
    },
    /// Ran, and ended.
    Exited {
        /// Its exit status.
        code: i64,
        /// The kernel ended it for want of memory.
        out_of_memory: bool,
        /// When it was started.
        #[schema(value_type = String, format = DateTime)]
        started: Timestamp,
        /// When it ended.
        #[schema(value_type = String, format = DateTime)]
        finished: Timestamp,
    },
    /// The engine could not start it.
    Unstartable {
        /// The engine's words.
        why: String,
    },
    /// Its host cannot be reached, so that nobody knows what it does.
    Lost {
        /// Since when.
        #[schema(value_type = String, format = DateTime)]
        since: Timestamp,
    },
}

impl Container {
    /// Whether it runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.phase, ContainerPhase::Running { .. })
    }
}

/// What the engine's own check of a container says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExecCheck {
    /// It passed, often enough in a row.
    pub healthy: bool,
    /// What the last check printed.
    pub output: String,
}

/// What is known of a container's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "health", rename_all = "snake_case")]
#[schema(as = ContainerHealth)]
pub enum Health {
    /// Not checked often enough yet.
    Unknown {
        /// What the last check answered, when it did not pass.
        last: Option<String>,
    },
    /// Takes requests.
    Healthy,
    /// Takes none.
    Unhealthy {
        /// What the last check answered.
        why: String,
    },
}

/// A machine that runs containers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Where it is reached, as the engine tells it.
    pub address: String,
    /// The engine and its version, such as `Docker 20.10.24`.
    pub engine: String,
    /// Processors.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// Containers that run on it, ours and others.
    pub running: u32,
    /// What of it is promised to containers, as far as the engine keeps count.
    #[serde(default)]
    pub promised: Promised,
    /// What the engine knows it by: labels of a node, attributes of an agent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Nothing new is placed on it, because a person said so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
    /// Whether containers can be placed on it.
    pub usable: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// What of a host is promised to the containers on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Promised {
    /// Thousandths of a processor.
    pub milli_cpus: u64,
    /// Memory in bytes.
    pub memory: u64,
}
