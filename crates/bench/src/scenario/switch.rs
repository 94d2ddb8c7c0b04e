//! Switches back and forth through the whole system, under load.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use launcher_testkit::load::{Plan, Report};
use launcher_testkit::{Api, Engine, Image, Installation, Load, wait};
use serde_json::{Value, json};

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
    let stage = Stage::start(settings).await;
    let mut times = Times::default();
    for switch in 0..if settings.quick { 100 } else { 1000 } {
        times.add(&stage, switch).await?;
    }
    let report = stage.end()?;
    Ok(figures(&times, &report))
}

/// A service with two environments, the first of them live and under load.
pub(super) struct Stage {
    api: Api,
    pub(super) installation: Installation,
    load: Load,
    _images: [Image; 2],
}

impl Stage {
    pub(super) async fn start(settings: &Settings) -> Self {
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
        Self { api, installation, load, _images: images }
    }

    /// Makes the other one live; the first time that is the second. What it says of it.
    ///
    /// # Errors
    /// When it did not, or an edge did not follow.
    pub(super) async fn switch(&self, number: usize) -> Result<Value> {
        let version = if number.is_multiple_of(2) { 2 } else { 1 };
        self.load.timeline.begins(version);
        let deployment = self.api.deploy("shop", version).await;
        self.load.timeline.ended(version);
        let fenced = &deployment["receipt"]["edges"][0]["fenced"];
        ensure!(
            deployment["changed"] == json!(true) && fenced.is_null(),
            "it did not switch: {deployment}"
        );
        Ok(deployment)
    }

    /// What the load has seen.
    ///
    /// # Errors
    /// When a version answered that was not live.
    pub(super) fn end(self) -> Result<Report> {
        let report = self.load.stop();
        ensure!(report.wrong == 0, "versions answered that were not live: {report:?}");
        Ok(report)
    }
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
    async fn add(&mut self, stage: &Stage, number: usize) -> Result<()> {
        let called = Instant::now();
        let deployment = stage.switch(number).await?;
        self.caller.push(called.elapsed().as_secs_f64() * 1e3);
        let receipt = &deployment["receipt"];
        let millis = |micros: &Value| micros.as_f64().unwrap_or_default() / 1e3;
        self.receipt.push(millis(&receipt["switch_us"]));
        self.prepare.push(millis(&receipt["edges"][0]["prepare_us"]));
        self.commit.push(millis(&receipt["edges"][0]["commit_us"]));
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
