//! What an edge, its successor and its predecessors say to each other.

use std::net::SocketAddr;

use launcher_model::{DeploymentId, ServiceName};
use serde::{Deserialize, Serialize};

use crate::protocol::{DrainOutcome, InFlight};
use crate::table::{RouteTable, ServiceTable};

/// The version of these messages; who speaks another one cannot take over.
pub(crate) const PROTOCOL: u32 = 1;

/// The first message, of whoever connects.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// To have the owner's place. Answered with an [`Answer`].
    TakeOver { protocol: u32, version: String, pid: u32 },
    /// To follow the owner, the one before being gone.
    Follow { protocol: u32, draining: Vec<Left> },
}

/// The answer to [`Ask::TakeOver`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// So many sockets follow; those of these addresses are for HTTPS.
    Sockets {
        sockets: usize,
        #[serde(default)]
        https: Vec<SocketAddr>,
    },
    /// The place is not to be had.
    Refused { why: String },
}

/// From a successor, which is the owner once it is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToPredecessor {
    /// Everything can be handed over. Answered with [`FromPredecessor::Handed`].
    HandOver,
    /// The successor serves, but not on these addresses of the predecessor's.
    Ready { leaving: Vec<SocketAddr> },
    /// All routes. Answered with [`FromPredecessor::Done`], as are the next three.
    Follow { table: RouteTable },
    /// One service.
    Replace { service: ServiceTable },
    /// A service that is no more.
    Remove { service: ServiceName },
    /// A switch that has been made.
    Switch { deployment: DeploymentId, service: ServiceTable },
    /// The outcome of a drain is known to the owner.
    Seen { deployment: DeploymentId },
}

/// From an edge that has a successor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromPredecessor {
    /// Directory and lock are free. These are the routes that it serves, and what still drains there.
    Handed { table: RouteTable, draining: Vec<Left> },
    /// It keeps its place.
    Refused { why: String },
    /// What it was told is in force; this was under way on the versions that left.
    Done { in_flight: InFlight },
    /// How a drain ended.
    Drained { deployment: DeploymentId, outcome: DrainOutcome },
}

/// A deployment whose previous versions drain.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Left {
    pub(crate) deployment: DeploymentId,
    /// Requests and connections that were under way at the switch.
    pub(crate) in_flight: u64,
}
