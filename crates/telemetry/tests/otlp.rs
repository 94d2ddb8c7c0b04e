//! A collector that reads with OpenTelemetry's own classes: what it was told is what was measured.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use launcher_model::measure::{
    ContainerSample, HostReport, HostUsage, Traffic, TrafficSample, Usage,
};
use launcher_model::{EdgeName, ServiceName, VersionNumber};
use launcher_telemetry::otlp::{
    Collector, CollectorOptions, Counts, Headers, Metrics, Pace, Shape,
};
use launcher_telemetry::{KeptIn, Telemetry};
use launcher_testkit::collector::attributes;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Collector as Real, Folder};
use secrecy::SecretString;
use serde_json::{Value, json};

const PACE: Pace = Pace { first: Duration::from_millis(50), longest: Duration::from_millis(200) };

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

fn shop() -> ServiceName {
    ServiceName::new("shop").unwrap()
}

fn collector(real: &Real) -> Collector {
    let headers = "Authorization: Bearer 5ecret\n".to_owned();
    Collector::new(CollectorOptions {
        endpoint: real.url().parse().unwrap(),
        headers: Headers::read(&SecretString::from(headers)).unwrap(),
        installation: "one".to_owned(),
        pace: PACE,
    })
    .unwrap()
}

/// What is measured, told to a collector.
struct Ground {
    telemetry: Telemetry,
    _running: tokio::task::JoinSet<()>,
    _folder: Folder,
}

impl Ground {
    async fn new(real: &Real, shape: Shape) -> Self {
        let folder = Folder::new();
        let file = folder.path().join("metrics.db");
        let kept = KeptIn::File { file: &file, most_bytes: 64 << 20 };
        let telemetry = Telemetry::open(kept, None, std::sync::Arc::new(now)).await.unwrap();
        let telemetry = telemetry.with_otlp(Metrics::new(collector(real), shape));
        let (mut running, runs) = (tokio::task::JoinSet::new(), telemetry.clone());
        running.spawn(async move { runs.run().await });
        Self { telemetry, _running: running, _folder: folder }
    }

    fn counts(&self) -> Counts {
        self.telemetry.otlp().unwrap().counts()
    }

    /// An edge tells what it has carried in a second.
    fn carry(&self, edge: &str, at: i64, traffic: Traffic) {
        let sample = TrafficSample { service: shop(), version: VersionNumber(42), traffic };
        self.telemetry.gathered().traffic(&EdgeName::new(edge).unwrap(), at, vec![sample]);
    }

    /// Waits until nothing waits any more and so many points are done with.
    async fn done(&self) -> Counts {
        until("the collector has been told all", SOON, || async {
            let counts = self.counts();
            let over = counts.sent + counts.rejected + counts.refused;
            (counts.waiting == 0 && over > 0).then_some(counts)
        })
        .await
    }
}

fn traffic(errors: u64) -> Traffic {
    let mut traffic = Traffic { requests: [0, 10, 0, 0, errors], ..Traffic::default() };
    (traffic.received, traffic.in_flight) = (1_000, 3);
    (0..10 + errors).for_each(|_| traffic.latency.record(20_000));
    traffic
}

/// 64 bits are texts in protobuf's JSON.
fn whole(value: &Value) -> u64 {
    value.as_str().map_or(0, |text| text.parse().unwrap())
}

/// The sums of a metric, by the attribute that tells them apart.
fn sums(real: &Real, name: &str, by: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for point in real.points(name) {
        let of = point.attributes.get(by).and_then(Value::as_str).unwrap_or_default();
        *sums.entry(of.to_owned()).or_default() += whole(&point.data["asInt"]);
    }
    sums
}

#[tokio::test]
async fn heavy_what_is_carried_is_counted_once_though_the_collector_fails_in_between() {
    let mut real = Real::start(env!("CARGO_TARGET_TMPDIR")).await;
    let fails = [
        json!({ "status": 503, "retry_after": "1" }),
        json!({ "break": true }),
        json!({ "status": 429 }),
        json!({ "status": 502 }),
        json!({}),
        json!({ "status": 504 }),
        json!({ "break": true }),
    ];
    real.answer(&fails).await;
    let ground = Ground::new(&real, Shape::Exponential).await;
    let began = now() - 100;
    for n in 0..60 {
        ground.carry("a", began + n, traffic(n.unsigned_abs()));
        // This one tells the same seconds, and some of them after they were told.
        if n % 2 == 0 {
            ground.carry("b", began + n, traffic(1));
        }
    }
    ground.done().await;
    for n in (1..60).step_by(2) {
        ground.carry("b", began + n, traffic(1));
    }
    let errors = (0..60).sum::<u64>() + 60;
    until("all is told", SOON, || async {
        let told = sums(&real, "launcher.requests", "launcher.status_class");
        (told.get("5xx") == Some(&errors)).then_some(())
    })
    .await;
    let counts = ground.done().await;
    let told = sums(&real, "launcher.requests", "launcher.status_class");
    assert_eq!(told, BTreeMap::from([("2xx".to_owned(), 1_200), ("5xx".to_owned(), errors)]));
    let received = sums(&real, "launcher.bodies.io", "network.io.direction");
    assert_eq!(received, BTreeMap::from([("receive".to_owned(), 120_000)]));
    assert_eq!((counts.rejected, counts.refused, counts.dropped), (0, 0, 0));
    assert_eq!((counts.trouble, counts.errors), (None, 6));
    let failed = real.requests().iter().filter(|of| of["taken"] == false).count();
    assert_eq!(failed, 6);
    of_one_stream_no_two_times_overlap(&real);
    said_as_the_conventions_say(&real);
}

fn of_one_stream_no_two_times_overlap(real: &Real) {
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    for point in real.points("launcher.requests") {
        let stream = format!("{:?}", point.attributes);
        let start = whole(&point.data["startTimeUnixNano"]);
        let before = ends.insert(stream, whole(&point.data["timeUnixNano"]));
        assert!(before.is_none_or(|end| end <= start), "{point:?}");
    }
}

fn said_as_the_conventions_say(real: &Real) {
    let metric = real.metric("launcher.requests").unwrap();
    assert_eq!(metric["unit"], "{request}");
    assert_eq!(metric["sum"]["aggregationTemporality"], "AGGREGATION_TEMPORALITY_DELTA");
    assert_eq!(metric["sum"]["isMonotonic"], true);
    let request = &real.requests()[0];
    assert_eq!(request["headers"]["authorization"], "Bearer 5ecret");
    assert_eq!(request["headers"]["content-type"], "application/x-protobuf");
    assert_eq!(request["headers"]["content-encoding"], "gzip");
    let resource = attributes(&request["request"]["resourceMetrics"][0]["resource"]);
    assert_eq!(resource["service.name"], "rocket-launcher");
    assert_eq!(resource["service.instance.id"], "one");
    let point = &real.points("launcher.requests.in_flight")[0];
    assert_eq!(point.attributes["launcher.service"], "shop");
    assert_eq!(point.attributes["launcher.version"], "v42");
    assert_eq!(whole(&point.data["asInt"]) % 3, 0);
}

#[tokio::test]
async fn heavy_times_are_distributions_of_either_shape() {
    for shape in [Shape::Exponential, Shape::Explicit] {
        let real = Real::start(env!("CARGO_TARGET_TMPDIR")).await;
        let ground = Ground::new(&real, shape).await;
        let mut carried = Traffic::default();
        (1..=1_000).for_each(|ms| carried.latency.record(ms * 1_000));
        ground.carry("a", now() - 20, carried);
        ground.done().await;
        let points = real.points("launcher.request.duration");
        let [point] = &points[..] else { panic!("{points:?}") };
        assert_eq!(whole(&point.data["count"]), 1_000);
        let sum = point.data["sum"].as_f64().unwrap();
        assert!((sum - 500.5).abs() < 1e-6, "{sum}");
        assert_eq!(real.metric("launcher.request.duration").unwrap()["unit"], "s");
        let upper = match shape {
            Shape::Exponential => exponential_bounds(&point.data),
            Shape::Explicit => explicit_bounds(&point.data),
        };
        assert_eq!(upper.iter().map(|(_, count)| count).sum::<u64>(), 1_000);
        // What took at most so long is what the reader's bounds say, within our error of 0.8 %.
        let mut seen = 0;
        for (bound, count) in upper {
            seen += count;
            let exact = (bound * 1_000.0).min(1_000.0);
            assert!((seen as f64 - exact).abs() <= exact * 0.008 + 1.0, "{seen} up to {bound} s");
        }
    }
}

/// Upper bounds in seconds with their counts, as the specification computes them from scale and offset.
fn exponential_bounds(data: &Value) -> Vec<(f64, u64)> {
    let scale = data["scale"].as_f64().unwrap_or(0.0);
    let offset = data["positive"]["offset"].as_f64().unwrap_or(0.0);
    let counts = data["positive"]["bucketCounts"].as_array().unwrap();
    assert!(counts.len() <= 160, "{}", counts.len());
    let base = 2f64.powf(2f64.powf(-scale));
    let bound = |at: usize| base.powf(offset + at as f64 + 1.0);
    counts.iter().enumerate().map(|(at, count)| (bound(at), whole(count))).collect()
}

fn explicit_bounds(data: &Value) -> Vec<(f64, u64)> {
    let bounds = data["explicitBounds"].as_array().unwrap().iter().map(|of| of.as_f64().unwrap());
    let bounds = bounds.chain([f64::INFINITY]);
    bounds.zip(data["bucketCounts"].as_array().unwrap().iter().map(whole)).collect()
}

#[tokio::test]
async fn heavy_what_is_refused_or_rejected_is_counted_and_not_sent_again() {
    let mut real = Real::start(env!("CARGO_TARGET_TMPDIR")).await;
    real.answer(&[json!({ "status": 400 })]).await;
    let ground = Ground::new(&real, Shape::Explicit).await;
    ground.carry("a", now() - 30, traffic(1));
    let refused = ground.done().await;
    assert_eq!((refused.sent, refused.errors), (0, 0));
    assert!(
        refused.refused > 0 && refused.trouble.as_ref().unwrap().contains("400"),
        "{refused:?}"
    );
    real.answer(&[json!({ "partial": 2, "message": "too old" })]).await;
    ground.carry("a", now() - 20, traffic(1));
    let rejected = until("the next is told", SOON, || async {
        let counts = ground.counts();
        (counts.rejected > 0).then_some(counts)
    })
    .await;
    assert_eq!((rejected.rejected, rejected.trouble), (2, None));
    assert_eq!(rejected.sent + 2, rejected.refused, "both seconds have as many points");
    assert_eq!(real.requests().len(), 2, "nothing is sent again");
}

#[tokio::test]
async fn heavy_what_containers_and_hosts_use_is_told_and_the_rest_when_the_server_stops() {
    let real = Real::start(env!("CARGO_TARGET_TMPDIR")).await;
    let ground = Ground::new(&real, Shape::Exponential).await;
    let usage = Usage {
        containers: 1,
        cpu_us: 2_500_000,
        memory: 64 << 20,
        written: 4_096,
        ..Usage::default()
    };
    let container = |id: &str| ContainerSample {
        container: id.to_owned(),
        service: shop(),
        version: VersionNumber(42),
        usage: usage.clone(),
    };
    let host = HostUsage { cpus: 4, cpu_us: 9_000_000, ..HostUsage::default() };
    ground.telemetry.gathered().host(HostReport {
        host: "a.example".to_owned(),
        at: now(),
        containers: vec![container("1"), container("2")],
        usage: host,
    });
    // This second is not over yet, by far.
    ground.carry("a", now(), traffic(7));
    ground.telemetry.flush().await.unwrap();
    let number = |name: &str| {
        let points = real.points(name);
        let [point] = &points[..] else { panic!("{name}: {points:?}") };
        point.data["asDouble"].as_f64().unwrap_or_else(|| whole(&point.data["asInt"]) as f64)
    };
    assert_eq!(number("launcher.containers"), 2.0);
    assert_eq!(number("launcher.containers.cpu.time"), 5.0);
    assert_eq!(number("launcher.containers.memory.usage"), f64::from(128 << 20));
    assert_eq!(number("launcher.containers.disk.io"), 8_192.0);
    assert_eq!(number("launcher.host.cpu.time"), 9.0);
    assert_eq!(number("launcher.host.cpu.count"), 4.0);
    assert_eq!(real.points("launcher.host.cpu.time")[0].attributes["host.name"], "a.example");
    assert_eq!(sums(&real, "launcher.requests", "launcher.status_class")["5xx"], 7);
    assert_eq!(ground.counts().waiting, 0);
}
