//! What connections cost that nobody uses.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use crate::edge::{Edge, hostname};
use crate::peers::{self, Ground, Peer};
use crate::process::Running;
use crate::report::{Better, Figure};
use crate::wire::{Certificate, Wire};
use crate::{Settings, connections, memory};

use super::scratch;

const CONNECTIONS: usize = 10_000;

/// For how long none of them has had a request.
const IDLE: Duration = Duration::from_secs(3);

/// Memory with ten thousand idle keep-alive connections, beside nginx.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let directory = scratch()?;
    connections::allow(CONNECTIONS + 100)?;
    let upstream = peers::upstream(&settings.program)?;
    let edge = Edge::start(&settings.program, directory.path(), upstream.address, 1).await?;
    let ours = with_connections(edge.address, &edge.process)?;
    drop(edge);
    let certificate = Certificate::make(directory.path(), &[])?;
    let ground = Ground {
        directory: directory.path(),
        upstream: upstream.address,
        wire: Wire::Plain,
        certificate: &certificate,
    };
    let nginx = Peer::Nginx.start(ground)?;
    let theirs = with_connections(nginx.address, &nginx.process)?;
    let figure = Figure::new("edge_idle_10k", "MiB", Better::Lower, ours);
    Ok(vec![figure.beside("nginx", theirs, ours / theirs)])
}

fn with_connections(address: SocketAddr, process: &Running) -> Result<f64> {
    let _open = connections::open(address, &hostname(0), CONNECTIONS)?;
    std::thread::sleep(IDLE);
    memory::resident(&process.ids()?)
}
