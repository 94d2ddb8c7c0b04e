//! How much the edge carries, beside the proxies of others with the very same upstream.

use anyhow::Result;

use crate::Settings;
use crate::edge::{Edge, hostname};
use crate::peers::{self, Ground, Peer, Serving};
use crate::report::{Better, Figure};
use crate::rounds::{Candidate, Plan, Shown, alternate, compare};
use crate::wire::{Certificate, Wire};

use super::scratch;

const SMALL: &str = "/version";
const OF_64_KIB: &str = "/bytes?n=65536";

const PEERS: [Peer; 4] = [Peer::Nginx, Peer::HaProxy, Peer::Envoy, Peer::Caddy];

/// Small responses.
pub(super) async fn plain(settings: &Settings) -> Result<Vec<Figure>> {
    let run = Run::of(settings, Wire::Plain, SMALL).await?;
    Ok([
        run.throughput("edge_throughput_plain"),
        run.cpu("edge_cpu_per_request_plain"),
        run.p99("edge_p99_plain"),
    ]
    .concat())
}

/// Responses of 64 KiB.
pub(super) async fn of_64k(settings: &Settings) -> Result<Vec<Figure>> {
    Ok(Run::of(settings, Wire::Plain, OF_64_KIB).await?.throughput("edge_throughput_64k"))
}

/// Small responses over HTTP/1.1 and TLS.
pub(super) async fn tls(settings: &Settings) -> Result<Vec<Figure>> {
    let run = Run::of(settings, Wire::Tls, SMALL).await?;
    Ok([
        run.throughput("edge_throughput_tls"),
        run.cpu("edge_cpu_per_request_tls"),
        run.p99("edge_p99_tls"),
    ]
    .concat())
}

/// Responses of 64 KiB over HTTP/1.1 and TLS.
pub(super) async fn tls_64k(settings: &Settings) -> Result<Vec<Figure>> {
    Ok(Run::of(settings, Wire::Tls, OF_64_KIB).await?.throughput("edge_throughput_tls_64k"))
}

/// Small responses over HTTP/2 and TLS.
pub(super) async fn http2(settings: &Settings) -> Result<Vec<Figure>> {
    let run = Run::of(settings, Wire::Http2, SMALL).await?;
    Ok([
        run.throughput("edge_throughput_http2"),
        run.cpu("edge_cpu_per_request_http2"),
        run.p99("edge_p99_http2"),
    ]
    .concat())
}

/// Responses of 64 KiB over HTTP/2 and TLS.
pub(super) async fn http2_64k(settings: &Settings) -> Result<Vec<Figure>> {
    Ok(Run::of(settings, Wire::Http2, OF_64_KIB).await?.throughput("edge_throughput_http2_64k"))
}

/// What all have shown in one run.
struct Run {
    edge: Shown,
    peers: [(&'static str, Shown); 4],
}

impl Run {
    async fn of(settings: &Settings, wire: Wire, path: &str) -> Result<Self> {
        let directory = scratch()?;
        let certificate = Certificate::make(directory.path(), &[hostname(0)])?;
        let serving = peers::upstream(&settings.program)?;
        let (directory, upstream) = (directory.path(), serving.address);
        let edge = match wire {
            Wire::Plain => Edge::start(&settings.program, directory, upstream, 1).await,
            Wire::Tls | Wire::Http2 => {
                Edge::start_with_tls(&settings.program, directory, upstream, &certificate).await
            }
        }?;
        let ground = Ground { directory, upstream, wire, certificate: &certificate };
        let peers = PEERS.map(|peer| peer.start(ground));
        let peers: Vec<Serving> = peers.into_iter().collect::<Result<_>>()?;
        let [nginx, haproxy, envoy, caddy] = [0, 1, 2, 3].map(|place| Candidate {
            name: PEERS[place].name(),
            address: peers[place].address,
            process: &peers[place].process,
        });
        let edge = Candidate { name: "edge", address: edge.address, process: &edge.process };
        let host = &hostname(0);
        let plan = Plan { wire, host, path, rounds: settings.rounds(), turn: settings.turn() };
        let shown = alternate([edge, nginx, haproxy, envoy, caddy], plan).await?;
        let [edge, peers @ ..] = shown;
        let mut names = PEERS.iter().map(|peer| peer.name());
        Ok(Self { edge, peers: peers.map(|shown| (names.next().unwrap_or_default(), shown)) })
    }

    fn throughput(&self, name: &'static str) -> Vec<Figure> {
        self.beside_all(name, "requests/s", Better::Higher, |shown| &shown.rate)
    }

    fn cpu(&self, name: &'static str) -> Vec<Figure> {
        self.beside_all(name, "µs", Better::Lower, |shown| &shown.cpu_us)
    }

    fn p99(&self, name: &'static str) -> Vec<Figure> {
        self.beside_all(name, "ms", Better::Lower, |shown| &shown.p99_ms)
    }

    /// A row for each peer.
    fn beside_all(
        &self,
        name: &'static str,
        unit: &'static str,
        better: Better,
        values: fn(&Shown) -> &[f64],
    ) -> Vec<Figure> {
        let rows = self.peers.iter().map(|(peer, shown)| {
            let (ours, theirs, ratio) = compare(values(&self.edge), values(shown));
            Figure::new(name, unit, better, ours).beside(peer, theirs, ratio)
        });
        rows.collect()
    }
}
