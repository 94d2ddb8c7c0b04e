//! How far apart three edges on three machines flip.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use launcher_testkit::load::Plan;
use launcher_testkit::{Engine, Installation, Load, Machine, wait};
use serde_json::{Value, json};

use crate::Settings;
use crate::report::{Better, Figure};
use crate::statistics::quantile;

const HOST: &str = "shop.example.com";
const EDGES: [&str; 3] = ["east", "north", "west"];
const CONNECTIONS: usize = 16;
/// From one request of a connection to its next: 2,400 requests a second are offered to the three.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let switches = if settings.quick { 50 } else { 300 };
    let engine = Engine::local();
    let images = [1, 2].map(|version| engine.build(&settings.program, version, &[]));
    let mut installation = Installation::new(&settings.program, &engine);
    installation.take_edges();
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
    let loads = begin_loads(&machines).await;
    let mut skews = Vec::new();
    for switch in 0..switches {
        let number = if switch % 2 == 0 { 2 } else { 1 };
        loads.iter().for_each(|load| load.timeline.begins(number));
        let deployment = api.deploy("shop", number).await;
        loads.iter().for_each(|load| load.timeline.ended(number));
        skews.push(skew(&deployment)?);
    }
    for load in loads {
        let report = load.stop();
        let lost = report.failed + report.closed + report.sockets_closed + report.wrong;
        ensure!(lost == 0, "clients were harmed: {report:?}");
    }
    let [median, p99, most] = [0.5, 0.99, 1.0].map(|share| quantile(&skews, share));
    eprintln!("  skew: median {median:.2} ms, p99 {p99:.2} ms, most {most:.2} ms");
    Ok(vec![Figure::new("switch_skew_p99", "ms", Better::Lower, p99)])
}

async fn begin_loads(machines: &[Machine]) -> Vec<Load> {
    let begin = |machine: &Machine| {
        let load = Load::start(Plan {
            edge: SocketAddr::from((machine.address, 80)),
            host: HOST.to_owned(),
            connections: CONNECTIONS,
            sockets: 0,
            pause: PAUSE,
        });
        load.timeline.begins(1);
        load.timeline.ended(1);
        load
    };
    let loads: Vec<Load> = machines.iter().map(begin).collect();
    wait::until("all connections being open", wait::SOON, || async {
        let open = |load: &Load| load.answered() >= CONNECTIONS as u64;
        loads.iter().all(open).then_some(())
    })
    .await;
    loads
}

/// In milliseconds, of a switch that all edges made.
fn skew(deployment: &Value) -> Result<f64> {
    let receipt = &deployment["receipt"];
    let edges = receipt["edges"].as_array().context("a receipt names its edges")?;
    let all = edges.len() == EDGES.len() && edges.iter().all(|edge| edge["fenced"].is_null());
    ensure!(all, "not all edges switched: {deployment}");
    Ok(receipt["skew_us"].as_f64().context("a receipt has the skew")? / 1e3)
}
