//! The configuration of the server in a lab.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, Result};
use launcher_lab::{Host, Lab};
use serde::Serialize;

/// Where API and pages are, on the server's host.
const API: u16 = 7070;

/// Where edges are let in there.
const EDGES: u16 = 7071;

/// Where each edge serves, on its own host.
pub(crate) const HTTP: u16 = 80;

/// What the server is told: a part of what its configuration can say.
#[derive(Debug, Serialize)]
struct File {
    data: PathBuf,
    listen: SocketAddr,
    http: Vec<SocketAddr>,
    scheduler: &'static str,
    edges: Edges,
    docker: Docker,
    #[serde(skip_serializing_if = "Option::is_none")]
    swarm: Option<Swarm>,
}

#[derive(Debug, Serialize)]
struct Edges {
    listen: SocketAddr,
}

#[derive(Debug, Serialize)]
struct Docker {
    host: String,
    publish: Ipv4Addr,
}

#[derive(Debug, Serialize)]
struct Swarm {
    /// Where its managers listen.
    hosts: Vec<String>,
    /// Where the engine of each host does.
    engines: BTreeMap<String, String>,
}

/// Where API and pages of the server on this host are.
pub(crate) fn api(host: &Host) -> SocketAddr {
    SocketAddr::from((host.address(), API))
}

/// Where the server on this host lets edges in.
pub(crate) fn edges(host: &Host) -> SocketAddr {
    SocketAddr::from((host.address(), EDGES))
}

/// The data directory of the server.
pub(crate) fn data(lab: &Lab) -> PathBuf {
    lab.directory().join("server")
}

/// Writes `server.toml`. The server places containers on all hosts where there is a Swarm, and on the engine
/// of its own host where there is none.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(lab: &Lab, server: &Host) -> Result<PathBuf> {
    let swarm = (!lab.managers().is_empty()).then(|| swarm(lab));
    let file = File {
        data: data(lab),
        listen: api(server),
        http: vec![SocketAddr::from((server.address(), HTTP))],
        scheduler: if swarm.is_some() { "swarm" } else { "docker" },
        edges: Edges { listen: edges(server) },
        docker: Docker { host: server.socket(), publish: server.address() },
        swarm,
    };
    let path = lab.directory().join("server.toml");
    std::fs::write(&path, toml::to_string(&file)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn swarm(lab: &Lab) -> Swarm {
    let engines = lab.hosts().iter().map(|host| (host.name().to_owned(), host.socket()));
    Swarm { hosts: lab.managers().iter().map(Host::socket).collect(), engines: engines.collect() }
}
