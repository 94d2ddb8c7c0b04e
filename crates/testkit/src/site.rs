//! One service on edges of several machines, switched back and forth under load.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::load::{Load, Plan};
use crate::wait::{SOON, until};
use crate::{Api, Engine, Image, Installation, Machine};

/// The production hostname of the service, which is called `shop`.
pub const HOST: &str = "shop.example.com";

/// The edges, each on a machine of its own.
pub const EDGES: [&str; 3] = ["east", "north", "west"];

/// Connections of clients with one edge.
const CONNECTIONS: usize = 16;

/// From one request of a connection to its next: 800 requests a second are offered to each edge.
const PAUSE: Duration = Duration::from_millis(20);

/// A server whose edges all are on other machines, and two versions of a service, the first of them live.
pub struct Site {
    /// The server.
    pub api: Api,
    /// Where the [edges](EDGES) are, in their order.
    pub machines: Vec<Machine>,
    /// Server and directory; the edges are the machines'.
    pub installation: Installation,
    _images: [Image; 2],
}

impl Site {
    /// Sets it up; `prepare` may say more of the installation before its server is started.
    pub async fn new(program: &Path, prepare: impl FnOnce(&mut Installation)) -> Self {
        let engine = Engine::local();
        let images = [1, 2].map(|version| engine.build(program, version, &[]));
        let mut installation = Installation::new(program, &engine);
        installation.take_edges();
        prepare(&mut installation);
        installation.start_server();
        let api = installation.wait_for_server().await;
        api.put_service(json!({
            "service": { "name": "shop", "hosts": [HOST], "replicas": 2, "port": 8080 },
            "health": { "path": "/healthz", "interval": "1s" },
        }))
        .await;
        for image in &images {
            api.launch_ready("shop", &image.id).await;
        }
        let mut machines = Vec::new();
        for name in EDGES {
            machines.push(installation.start_edge_on(&api, name).await);
        }
        api.deploy("shop", 1).await;
        Self { api, machines, installation, _images: images }
    }

    /// Begins a load on each of the first `edges`, with so many WebSockets each, while the first version
    /// is live. Returns when all connections are open.
    pub async fn begin_loads(&self, edges: usize, sockets: usize) -> Vec<Load> {
        let begin = |machine: &Machine| {
            Load::start(Plan {
                edge: SocketAddr::from((machine.address, 80)),
                host: HOST.to_owned(),
                connections: CONNECTIONS,
                sockets,
                pause: PAUSE,
                live: 1,
            })
        };
        let loads: Vec<Load> = self.machines[..edges].iter().map(begin).collect();
        let is_open =
            |load: &Load| load.answered() >= CONNECTIONS as u64 && load.echoed() >= sockets as u64;
        until("all connections being open", SOON, || async {
            loads.iter().all(is_open).then_some(())
        })
        .await;
        loads
    }

    /// Switches to a version. Returns the deployment.
    pub async fn switch(&self, loads: &[Load], number: u64) -> Value {
        loads.iter().for_each(|load| load.timeline.begins(number));
        let deployment = self.api.deploy("shop", number).await;
        loads.iter().for_each(|load| load.timeline.ended(number));
        deployment
    }
}
