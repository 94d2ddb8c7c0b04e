//! What an edge knows: where each service's traffic goes.
//!
//! The control plane sends it, the edge keeps it on disk and compiles it into the form that requests
//! are looked up in.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use launcher_model::service::{Health, Traffic};
use launcher_model::{Generation, ServiceName, VersionNumber, Weight};
use serde::{Deserialize, Serialize};

/// Everything that one edge serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    /// What stands behind `vN.<service>.` in a preview's hostname, for example `localhost`.
    pub preview_domain: String,
    /// The services.
    pub services: BTreeMap<ServiceName, ServiceTable>,
}

/// One service as an edge sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceTable {
    /// Its name.
    pub name: ServiceName,
    /// Production hostnames, in lower case, without a port.
    pub hosts: Vec<String>,
    /// Counts every change of this table, endpoints included. An edge never takes an older one.
    pub revision: u64,
    /// Counts changes of `weights` alone: the route's generation.
    pub generation: Generation,
    /// Shares of the production traffic; empty while nothing is live.
    pub weights: BTreeMap<VersionNumber, Weight>,
    /// Every environment that has running containers, live or not.
    pub pools: BTreeMap<VersionNumber, Pool>,
    /// Timeouts and limits.
    pub traffic: Traffic,
}

/// The containers of one environment that may be sent requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// How an edge checks an endpoint from its own place; `exec` is checked by a connection.
    pub health: Health,
    /// The healthy containers, by container id.
    pub endpoints: BTreeMap<String, SocketAddr>,
}
