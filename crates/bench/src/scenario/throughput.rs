//! How much the edge carries, beside nginx and HAProxy with the very same upstream.

use anyhow::Result;

use crate::edge::{Edge, hostname};
use crate::report::{Better, Figure};
use crate::rounds::{Candidate, Plan, Shown, alternate, compare};
use crate::{Settings, peers};

use super::scratch;

/// Small responses.
pub(super) async fn plain(settings: &Settings) -> Result<Vec<Figure>> {
    let [edge, nginx, haproxy] = run(settings, "/version").await?;
    let peers = [("nginx", nginx), ("haproxy", haproxy)];
    let mut figures = Vec::new();
    for (peer, shown) in &peers {
        figures.push(throughput("edge_throughput_plain", &edge, peer, shown));
    }
    for (peer, shown) in &peers {
        let (ours, theirs, ratio) = compare(&edge.cpu_us, &shown.cpu_us);
        let figure = Figure::new("edge_cpu_per_request_plain", "µs", Better::Lower, ours);
        figures.push(figure.beside(peer, theirs, ratio));
    }
    for (peer, shown) in &peers {
        let (ours, theirs, ratio) = compare(&edge.p99_ms, &shown.p99_ms);
        let figure = Figure::new("edge_p99_plain", "ms", Better::Lower, ours);
        figures.push(figure.beside(peer, theirs, ratio));
    }
    Ok(figures)
}

/// Responses of 64 KiB.
pub(super) async fn of_64k(settings: &Settings) -> Result<Vec<Figure>> {
    let [edge, nginx, haproxy] = run(settings, "/bytes?n=65536").await?;
    Ok(vec![
        throughput("edge_throughput_64k", &edge, "nginx", &nginx),
        throughput("edge_throughput_64k", &edge, "haproxy", &haproxy),
    ])
}

fn throughput(name: &'static str, edge: &Shown, peer: &'static str, shown: &Shown) -> Figure {
    let (ours, theirs, ratio) = compare(&edge.rate, &shown.rate);
    Figure::new(name, "requests/s", Better::Higher, ours).beside(peer, theirs, ratio)
}

/// What the edge, nginx and HAProxy have shown, in this order.
async fn run(settings: &Settings, path: &str) -> Result<[Shown; 3]> {
    let directory = scratch()?;
    let upstream = peers::upstream(&settings.program)?;
    let edge = Edge::start(&settings.program, directory.path(), upstream.address, 1).await?;
    let nginx = peers::nginx(directory.path(), upstream.address)?;
    let haproxy = peers::haproxy(directory.path(), upstream.address)?;
    let candidates = [
        Candidate { name: "edge", address: edge.address, process: &edge.process },
        Candidate { name: "nginx", address: nginx.address, process: &nginx.process },
        Candidate { name: "haproxy", address: haproxy.address, process: &haproxy.process },
    ];
    let host = &hostname(0);
    let plan = Plan { host, path, rounds: settings.rounds(), turn: settings.turn() };
    alternate(candidates, plan).await
}
