//! A month of measurements: how much room it takes, and how fast a graph of it is there.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Instant;

use anyhow::{Context, Result};
use launcher_model::measure::{
    ContainerSample, HostReport, HostUsage, Traffic, TrafficSample, Usage,
};
use launcher_model::{EdgeName, ServiceName, VersionNumber};
use launcher_telemetry::embedded::MOST_BYTES;
use launcher_telemetry::{KeptIn, Measure, Query, Telemetry};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::scratch;
use crate::Settings;
use crate::report::{Better, Figure};
use crate::statistics::quantile;

const SERVICES: usize = 20;
const DAY: i64 = 86_400;
const MONTH: i64 = 30 * DAY;
/// Any day will do.
const END: i64 = 20_000 * DAY;

/// 20 services, each with a version that is busy and three that are looked at now and then.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let directory = scratch()?;
    let now = Arc::new(AtomicI64::new(END - MONTH));
    let clock = {
        let now = Arc::clone(&now);
        Arc::new(move || now.load(Relaxed))
    };
    let file = directory.path().join("metrics.db");
    let kept = KeptIn::File { file: &file, most_bytes: MOST_BYTES };
    let telemetry = Telemetry::open(kept, None, clock).await?;
    let mut world = World::new()?;
    let began = Instant::now();
    let mut at = if settings.quick { END - DAY } else { END - MONTH };
    while at < END {
        now.store(at + 15, Relaxed);
        let span = step(END - at);
        world.tell(&telemetry, at, span.unsigned_abs());
        telemetry.write_down().await?;
        if at % 600 == 0 || END - at < 900 {
            telemetry.roll_up().await?;
        }
        at += span;
    }
    now.store(END, Relaxed);
    telemetry.roll_up().await?;
    eprintln!("  written in {:.0} s", began.elapsed().as_secs_f64());
    let used = telemetry.used().await?;
    let mut times = Vec::new();
    for turn in 0..if settings.quick { 40 } else { 200 } {
        for range in [900, 3600, DAY, 7 * DAY, MONTH] {
            let began = Instant::now();
            telemetry.lines(&world.graph(turn % SERVICES, range)).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    let [median, p99] = [0.5, 0.99].map(|share| quantile(&times, share));
    eprintln!("  a graph: median {median:.1} ms, p99 {p99:.1} ms");
    let mib = used as f64 / f64::from(1 << 20);
    Ok(vec![
        Figure::new("metrics_month_size", "MiB", Better::Lower, mib),
        Figure::new("graph_p99", "ms", Better::Lower, p99),
    ])
}

/// From one told time to the next: as many as leave what a whole month would have left, and no more. What
/// is old is kept in long steps alone, of which each needs one.
fn step(ago: i64) -> i64 {
    match ago {
        ..=1_800 => 1,
        1_801..=43_200 => 10,
        43_201..=345_600 => 60,
        _ => 600,
    }
}

/// Distributions that take turns: each is drawn once.
const DRAWN: usize = 16;

/// Times as services have them: most near 8 ms, some much longer.
fn draw(rng: &mut SmallRng, requests: u64) -> Traffic {
    let mut traffic = Traffic { requests: [0, requests, 0, 0, 1], ..Traffic::default() };
    for _ in 0..requests {
        let sum: f64 = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        traffic.latency.record((8_000.0 * (sum * 0.9).exp()) as u64);
    }
    (traffic.received, traffic.sent) = (requests * 300, requests * 9_000);
    traffic
}

struct World {
    rng: SmallRng,
    /// By the number of requests.
    drawn: HashMap<u64, Vec<Traffic>>,
    services: Vec<ServiceName>,
    edge: EdgeName,
}

impl World {
    fn new() -> Result<Self> {
        let services = (0..SERVICES).map(|n| ServiceName::new(format!("s{n}")));
        let services = services.collect::<Result<_, _>>().context("a service has a name")?;
        let edge = EdgeName::new("edge").context("an edge has a name")?;
        Ok(Self { rng: SmallRng::seed_from_u64(1), drawn: HashMap::new(), services, edge })
    }

    /// One second tells of as many requests as make the histogram of so many seconds.
    fn tell(&mut self, telemetry: &Telemetry, at: i64, span: u64) {
        let mut samples = Vec::new();
        for service in self.services.clone() {
            for version in 1..=4u32 {
                let requests =
                    if version == 1 { 200 * span.min(15) } else { u64::from(at % 600 == 0) };
                if requests > 0 {
                    let traffic = self.traffic(requests);
                    let version = VersionNumber(version);
                    samples.push(TrafficSample { service: service.clone(), version, traffic });
                }
            }
        }
        telemetry.gathered().traffic(&self.edge, at, samples);
        let containers = self.services.iter().flat_map(|service| {
            (1..=4u32).map(move |version| ContainerSample {
                container: format!("{service}-{version}"),
                service: service.clone(),
                version: VersionNumber(version),
                usage: usage(at, version),
            })
        });
        let (host, containers) = ("host".to_owned(), containers.collect());
        let usage = HostUsage { cpus: 8, cpu_us: 3_000_000, ..HostUsage::default() };
        telemetry.gathered().host(HostReport { host, at: at + 1, containers, usage });
    }

    /// One of the distributions that were drawn for so many requests.
    fn traffic(&mut self, requests: u64) -> Traffic {
        let rng = &mut self.rng;
        let drawn = self.drawn.entry(requests);
        let drawn = drawn.or_insert_with(|| (0..DRAWN).map(|_| draw(rng, requests)).collect());
        drawn[rng.random_range(..DRAWN)].clone()
    }

    fn graph(&self, service: usize, range: i64) -> Query {
        Query {
            service: self.services[service].clone(),
            versions: vec![VersionNumber(1), VersionNumber(2)],
            measures: vec![Measure::LatencyP50, Measure::LatencyP99],
            from: END - range,
            until: END,
            step: Some((range / 200).max(1)),
        }
    }
}

fn usage(at: i64, version: u32) -> Usage {
    let at = at.unsigned_abs();
    Usage {
        containers: 1,
        cpu_us: 100_000 + at % 97 * 1_000 * u64::from(version),
        memory: (200 << 20) + at % 89 * 4_096,
        memory_limit: 512 << 20,
        received: at % 31 * 1_000,
        sent: at % 29 * 9_000,
        ..Usage::default()
    }
}
