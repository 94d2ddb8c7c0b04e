//! Switches back and forth through the whole system, under load.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use launcher_testkit::load::{Plan, Report};
use launcher_testkit::{Api, Engine, Installation, Load, wait};
use serde_json::json;

use crate::Settings;
use crate::report::{Better, Figure};
use crate::statistics::quantile;

const HOST: &str = "shop.example.com";
const CONNECTIONS: usize = 64;
const SOCKETS: usize = 16;
/// From one request of a connection to its next: 6,400 requests a second are offered, so that the two
/// processors of a small machine are busy and not overrun.
const PAUSE: Duration = Duration::from_millis(10);

/// How long switches take, and what they cost the clients.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let switches = if settings.quick { 100 } else { 1000 };
    let engine = Engine::local();
    let images = [1, 2].map(|version| engine.build(&settings.program, version, &[]));
    let mut installation = Installation::new(&settings.program, &engine);
    let api = installation.start().await;
    api.put_service(json!({
        "service": { "name": "shop", "hosts": [HOST], "replicas": 2, "port": 8080 },
        "health": { "path": "/healthz", "interval": "1s" },
    }))
    .await;
    for image in &images {
        api.launch_ready("shop", &image.id).await;
    }
    api.deploy("shop", 1).await;
    let load = begin_load(&installation).await;
    let mut times = Times::default();
    for switch in 0..switches {
        times.add(&api, &load, if switch % 2 == 0 { 2 } else { 1 }).await?;
    }
    let report = load.stop();
    ensure!(report.wrong == 0, "versions answered that were not live: {report:?}");
    Ok(figures(&times, &report))
}

async fn begin_load(installation: &Installation) -> Load {
    let load = Load::start(Plan {
        edge: installation.http,
        host: HOST.to_owned(),
        connections: CONNECTIONS,
        sockets: SOCKETS,
        pause: PAUSE,
        live: 1,
    });
    wait::until("all connections being open", wait::SOON, || async {
        (load.answered() >= CONNECTIONS as u64 && load.echoed() >= SOCKETS as u64).then_some(())
    })
    .await;
    load
}

/// In milliseconds, a value for each switch.
#[derive(Default)]
struct Times {
    /// From the call until every edge had acknowledged, as the receipt has it.
    receipt: Vec<f64>,
    /// From the call to its answer, as the caller sees it.
    caller: Vec<f64>,
    /// Of the receipt's time: until the edge had prepared.
    prepare: Vec<f64>,
    /// Of the receipt's time: from the commit until the edge had acknowledged it.
    commit: Vec<f64>,
}

impl Times {
    async fn add(&mut self, api: &Api, load: &Load, version: u64) -> Result<()> {
        load.timeline.begins(version);
        let called = Instant::now();
        let deployment = api.deploy("shop", version).await;
        let took = called.elapsed();
        load.timeline.ended(version);
        let switch = deployment["receipt"]["switch_us"].as_f64().filter(|_| {
            deployment["changed"] == json!(true)
                && deployment["receipt"]["edges"][0]["fenced"].is_null()
        });
        let Some(switch_us) = switch else { anyhow::bail!("it did not switch: {deployment}") };
        self.receipt.push(switch_us / 1e3);
        for (part, values) in [("prepare_us", &mut self.prepare), ("commit_us", &mut self.commit)] {
            let part = deployment["receipt"]["edges"][0][part].as_f64();
            values.push(part.unwrap_or_default() / 1e3);
        }
        self.caller.push(took.as_secs_f64() * 1e3);
        Ok(())
    }
}

fn figures(times: &Times, report: &Report) -> Vec<Figure> {
    let parts = [
        ("at the caller", &times.caller),
        ("by the receipt", &times.receipt),
        ("of it to prepare", &times.prepare),
        ("of it to commit", &times.commit),
    ];
    for (what, values) in parts {
        let [median, p99, most] = [0.5, 0.99, 1.0].map(|share| quantile(values, share));
        eprintln!("  {what}: median {median:.2} ms, p99 {p99:.2} ms, most {most:.2} ms");
    }
    let answered = report.answered + report.echoed;
    eprintln!("  {answered} requests and messages; complaints: {:?}", report.complaints);
    let p99 = |name, values| Figure::new(name, "ms", Better::Lower, quantile(values, 0.99));
    let count = |name, count| Figure::new(name, "count", Better::Lower, count as f64);
    vec![
        p99("switch_p99", &times.receipt),
        p99("switch_p99_at_caller", &times.caller),
        count("switch_failed", report.failed),
        count("switch_closed", report.closed + report.sockets_closed),
    ]
}
