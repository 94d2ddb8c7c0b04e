//! A real Graphite: what it was told is what it says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use launcher_model::measure::{HostReport, HostUsage, Traffic, TrafficSample};
use launcher_model::{EdgeName, ServiceName, VersionNumber};
use launcher_telemetry::graphite::{
    Carbon, CarbonOptions, Graphite, Names, Point, Protocol, Web, WebOptions,
};
use launcher_telemetry::{HostQuery, KeptIn, Measure, Query, Telemetry};
use launcher_testkit::Graphite as Real;

const ERRORS: &str = "launcher.shop.v42.requests.5xx";

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

fn connect(real: &Real, protocol: Protocol) -> Graphite {
    let address = match protocol {
        Protocol::Plaintext => real.lines,
        Protocol::Pickle => real.pickles,
    };
    let carbon = CarbonOptions { address: address.to_string(), protocol };
    let web = Web::new(WebOptions { url: real.url().parse().unwrap(), login: None }).unwrap();
    Graphite { names: Names::new("launcher"), carbon: Carbon::new(carbon), web: Some(web) }
}

/// Waits until Graphite says so many numbers of a metric in a span.
async fn says(real: &Real, name: &str, (from, until): (i64, i64), many: usize) -> Vec<(i64, f64)> {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let numbers = real.render(name, from, until).await;
        if numbers.len() >= many {
            return numbers;
        }
        assert!(Instant::now() < deadline, "of {many} numbers there are {numbers:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn heavy_what_is_measured_is_what_graphite_says() {
    let real = Real::start().await;
    for protocol in [Protocol::Plaintext, Protocol::Pickle] {
        let clock = Arc::new(now);
        let graphite = Some(connect(&real, protocol));
        let telemetry = Telemetry::open(KeptIn::Graphite, graphite, clock).await.unwrap();
        let running = telemetry.clone();
        let running = tokio::spawn(async move { running.run().await });
        let version = if protocol == Protocol::Pickle { 43 } else { 42 };
        let began = now() - 100;
        for n in 0..60 {
            let mut traffic = Traffic { requests: [0, 10, 0, 0, n], ..Traffic::default() };
            (0..10 + n).for_each(|_| traffic.latency.record(20_000));
            let service = ServiceName::new("shop").unwrap();
            let sample = TrafficSample { service, version: VersionNumber(version), traffic };
            let at = began + n as i64;
            let edge = EdgeName::new("a").unwrap();
            telemetry.gathered().traffic(&edge, at, vec![sample]);
        }
        let name = format!("launcher.shop.v{version}.requests.5xx");
        let numbers = says(&real, &name, (began, began + 59), 60).await;
        let told: Vec<(i64, f64)> = (0..60).map(|n| (began + n, n as f64)).collect();
        assert_eq!(numbers, told);
        let query = Query {
            service: ServiceName::new("shop").unwrap(),
            versions: vec![VersionNumber(version)],
            measures: vec![Measure::Requests5xx, Measure::LatencyP50],
            from: began,
            until: began + 60,
            step: Some(1),
        };
        let answer = telemetry.lines(&query).await.unwrap();
        let values: Vec<f64> = answer.lines[0].values.iter().copied().flatten().collect();
        assert_eq!(values, told.iter().map(|(_, number)| *number).collect::<Vec<_>>());
        let median = answer.lines[1].values[30].unwrap();
        assert!((19.8..=20.2).contains(&median), "{median}");
        let counts = telemetry.graphite().unwrap().carbon.counts();
        assert_eq!((counts.dropped, counts.waiting, counts.trouble), (0, 0, None));
        running.abort();
    }
}

#[tokio::test]
async fn heavy_what_hosts_use_is_written_under_names_that_people_type() {
    let real = Real::start().await;
    let graphite = Some(connect(&real, Protocol::Plaintext));
    let telemetry = Telemetry::open(KeptIn::Graphite, graphite, Arc::new(now)).await.unwrap();
    let running = telemetry.clone();
    let running = tokio::spawn(async move { running.run().await });
    let began = now() / 10 * 10 - 120;
    for n in 1..=12 {
        let usage = HostUsage {
            cpus: 4,
            cpu_us: 2_500_000,
            memory: 1_000 + n,
            memory_total: 8_000,
            received: 500,
            sent: 50,
            read: 5_000,
            written: 20,
        };
        let (host, at) = ("web1.example.com".to_owned(), began + 5 * n as i64);
        telemetry.gathered().host(HostReport { host, at, containers: Vec::new(), usage });
    }
    let span = (began, began + 59);
    let six = |number: f64| (0..6).map(|n| (began + 10 * n, number)).collect::<Vec<_>>();
    for (name, number) in [
        ("cpu.used", 0.5),
        ("cpu.count", 4.0),
        ("memory.total", 8_000.0),
        ("network.received", 100.0),
        ("network.sent", 10.0),
        ("disk.read", 1_000.0),
        ("disk.written", 4.0),
    ] {
        let name = format!("launcher._hosts.web1_example_com.{name}");
        assert_eq!(says(&real, &name, span, 6).await, six(number), "{name}");
    }
    let query = HostQuery {
        host: "web1.example.com".to_owned(),
        measures: vec![Measure::Cpus, Measure::DiskRead],
        from: began,
        until: began + 60,
        step: Some(20),
    };
    let answer = telemetry.of_host(&query).await.unwrap();
    let values: Vec<f64> = answer.lines[1].values.iter().copied().flatten().collect();
    // The minute may begin within a step.
    assert!(values.len() >= 3 && values.iter().all(|number| *number == 1_000.0), "{answer:?}");
    assert_eq!(answer.lines[0].values.iter().flatten().next(), Some(&4.0));
    let memory = says(&real, "launcher._hosts.*.memory.used", span, 6).await;
    assert_eq!(
        memory,
        (0..6).map(|n| (began + 10 * n, 1_002.0 + 2.0 * n as f64)).collect::<Vec<_>>()
    );
    running.abort();
}

#[tokio::test]
async fn heavy_nothing_is_lost_when_carbon_is_started_again() {
    let mut real = Real::start().await;
    let graphite = Arc::new(connect(&real, Protocol::Plaintext));
    let telling = Arc::clone(&graphite);
    let telling = tokio::spawn(async move { telling.carbon.run().await });
    let began = now() - 200;
    let tell = |from: i64, until: i64| {
        for n in from..until {
            let point = Point { name: ERRORS.to_owned(), at: began + n, value: n as f64 };
            graphite.carbon.tell(began + n, vec![point]);
        }
    };
    tell(0, 30);
    says(&real, ERRORS, (began, began + 29), 30).await;
    real.stop_carbon().await;
    tell(30, 60);
    real.resume().await;
    says(&real, ERRORS, (began, began + 59), 60).await;
    tell(60, 70);
    says(&real, ERRORS, (began, began + 69), 70).await;
    // Without warning, so that what it has taken may be gone.
    real.kill_carbon().await;
    tell(70, 100);
    real.resume().await;
    let numbers = says(&real, ERRORS, (began, began + 99), 100).await;
    assert_eq!(numbers, (0..100).map(|n| (began + n, n as f64)).collect::<Vec<_>>());
    let counts = graphite.carbon.counts();
    assert!(counts.dropped == 0 && counts.errors >= 2 && counts.sent > 100, "{counts:?}");
    telling.abort();
}

#[tokio::test]
async fn heavy_graphite_draws_its_own_picture_or_says_why_not() {
    let real = Real::start().await;
    let graphite = connect(&real, Protocol::Plaintext);
    let web = graphite.web.as_ref().unwrap();
    let picture = web.picture(&[("target", ERRORS.to_owned()), ("width", "300".to_owned())]).await;
    assert!(picture.unwrap().starts_with(b"\x89PNG"));
    let nobody = WebOptions { url: "http://127.0.0.1:1".parse().unwrap(), login: None };
    let away = Web::new(nobody).unwrap().picture(&[]).await.unwrap_err().to_string();
    assert!(away.contains("Graphite at http://127.0.0.1:1/ cannot be asked"), "{away}");
    let elsewhere = WebOptions { url: format!("{}/no", real.url()).parse().unwrap(), login: None };
    let refused = Web::new(elsewhere).unwrap().picture(&[]).await.unwrap_err().to_string();
    assert!(refused.contains("answers with 404"), "{refused}");
}
