//! What was told is answered: at once, after a restart, and when it is old.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use launcher_model::measure::{
    ContainerSample, HostReport, HostUsage, Merge, Traffic, TrafficSample, Usage,
};
use launcher_model::{EdgeName, ServiceName, VersionNumber};
use launcher_telemetry::{
    Answer, HostAnswer, HostQuery, KeptIn, Measure, Query, Telemetry, embedded,
};
use launcher_testkit::Folder;
use sqlx::{Connection, SqliteConnection};

/// A clock in the test's hand, which begins at a full day.
#[derive(Clone)]
struct Time(Arc<AtomicI64>);

const BEGIN: i64 = 20_000 * 86_400;

impl Time {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(BEGIN)))
    }

    fn now(&self) -> i64 {
        self.0.load(SeqCst)
    }

    fn set(&self, now: i64) {
        self.0.store(now, SeqCst);
    }

    async fn open(&self, folder: &Path) -> Telemetry {
        self.open_with(folder, embedded::MOST_BYTES).await
    }

    async fn open_with(&self, folder: &Path, most_bytes: u64) -> Telemetry {
        let time = self.clone();
        let clock = Arc::new(move || time.now());
        let file = folder.join("metrics.db");
        Telemetry::open(KeptIn::File { file: &file, most_bytes }, None, clock).await.unwrap()
    }
}

fn shop() -> ServiceName {
    ServiceName::new("shop").unwrap()
}

fn edge(name: &str) -> EdgeName {
    EdgeName::new(name).unwrap()
}

/// Requests of so many microseconds each.
fn sample(version: u32, times: &[u64]) -> TrafficSample {
    let mut traffic = Traffic { requests: [0, times.len() as u64, 0, 0, 0], ..Traffic::default() };
    times.iter().for_each(|us| traffic.latency.record(*us));
    TrafficSample { service: shop(), version: VersionNumber(version), traffic }
}

async fn ask(telemetry: &Telemetry, measures: &[Measure], span: (i64, i64), step: i64) -> Answer {
    let query = Query {
        service: shop(),
        versions: vec![VersionNumber(1)],
        measures: measures.to_vec(),
        from: span.0,
        until: span.1,
        step: Some(step),
    };
    telemetry.lines(&query).await.unwrap()
}

/// Has one edge tell of a second, and writes down what is over.
async fn tick(time: &Time, telemetry: &Telemetry, at: i64, times: &[u64]) {
    time.set(at + 1);
    telemetry.gathered().traffic(&edge("a"), at, vec![sample(1, times)]);
    telemetry.write_down().await.unwrap();
}

#[tokio::test]
async fn what_two_edges_told_of_a_second_is_one_answer() {
    let (folder, time) = (Folder::new(), Time::new());
    let telemetry = time.open(folder.path()).await;
    time.set(BEGIN + 60);
    let told = |name: &str, times: &[u64]| {
        telemetry.gathered().traffic(&edge(name), BEGIN + 50, vec![sample(1, times)]);
    };
    told("a", &[1_000; 9]);
    told("b", &[100_000]);
    // It was not sure that it had been heard.
    told("b", &[100_000]);
    let measures = [Measure::Requests, Measure::LatencyP50, Measure::LatencyP99];
    let answer = ask(&telemetry, &measures, (BEGIN + 49, BEGIN + 52), 1).await;
    assert_eq!((answer.from, answer.until, answer.step), (BEGIN + 49, BEGIN + 52, 1));
    let values: Vec<_> = answer.lines.iter().map(|line| line.values.clone()).collect();
    assert_eq!(values[0], [Some(0.0), Some(10.0), Some(0.0)]);
    let near = |value: Option<f64>, ms: f64| (value.unwrap() - ms).abs() <= ms / 100.0;
    assert!(near(values[1][1], 1.0) && near(values[2][1], 100.0), "{values:?}");
    assert_eq!((values[1][0], values[2][2]), (None, None));
}

#[tokio::test]
async fn what_was_written_down_is_there_after_a_restart() {
    let (folder, time) = (Folder::new(), Time::new());
    let telemetry = time.open(folder.path()).await;
    for at in BEGIN..BEGIN + 100 {
        tick(&time, &telemetry, at, &[1_000, 2_000]).await;
    }
    let span = (BEGIN, BEGIN + 80);
    let before = ask(&telemetry, &[Measure::Requests, Measure::LatencyP90], span, 1).await;
    assert!(before.lines[0].values.iter().all(|value| *value == Some(2.0)));
    drop(telemetry);
    let telemetry = time.open(folder.path()).await;
    assert_eq!(ask(&telemetry, &[Measure::Requests, Measure::LatencyP90], span, 1).await, before);
    // One that was late, as an edge tells when the server is back.
    telemetry.gathered().traffic(&edge("late"), BEGIN + 50, vec![sample(1, &[1_000])]);
    telemetry.write_down().await.unwrap();
    drop(telemetry);
    let telemetry = time.open(folder.path()).await;
    let answer = ask(&telemetry, &[Measure::Requests], span, 1).await;
    assert_eq!(answer.lines[0].values[49..52], [Some(2.0), Some(3.0), Some(2.0)]);
}

#[tokio::test]
async fn longer_steps_say_what_the_seconds_said() {
    let (folder, time) = (Folder::new(), Time::new());
    let mut telemetry = time.open(folder.path()).await;
    let mut whole = Traffic::default();
    for n in 0..3600i64 {
        let times = [1_000 + 7 * n.unsigned_abs(), 50_000];
        tick(&time, &telemetry, BEGIN + n, &times).await;
        if n < 1800 {
            whole.after(&sample(1, &times).traffic);
        }
        if n % 60 == 0 {
            telemetry.roll_up().await.unwrap();
        }
        // It may be stopped at any time.
        if n % 700 == 0 {
            telemetry.flush().await.unwrap();
            drop(telemetry);
            telemetry = time.open(folder.path()).await;
        }
    }
    let measures = [Measure::Requests, Measure::LatencyMean, Measure::LatencyP99];
    let exact = whole.latency.quantile(0.99).unwrap() as f64 / 1000.0;
    for step in [10, 60, 600] {
        let answer = ask(&telemetry, &measures, (BEGIN, BEGIN + 3000), step).await;
        assert_eq!(answer.step, step);
        let requests = &answer.lines[0].values;
        assert_eq!(requests.len() as i64, 3000 / step);
        assert!(requests.iter().all(|value| *value == Some(2.0)), "{requests:?}");
        let mean = &answer.lines[1].values;
        assert!(mean.is_sorted() && mean[0].unwrap() > 25.0, "{mean:?}");
    }
    // A step that is not over has no number yet.
    let answer = ask(&telemetry, &measures, (BEGIN, BEGIN + 3000), 3600).await;
    assert_eq!(answer.lines[0].values, Vec::<Option<f64>>::new());
    let answer = ask(&telemetry, &measures, (BEGIN, BEGIN + 3000), 1800).await;
    assert_eq!(answer.lines[2].values, [Some(exact)]);
}

#[tokio::test]
async fn what_is_old_goes_from_the_fine_steps_first() {
    let (folder, time) = (Folder::new(), Time::new());
    let telemetry = time.open(folder.path()).await;
    tick(&time, &telemetry, BEGIN, &[1_000; 600]).await;
    let first = (BEGIN, BEGIN + 600);
    let sum = |answer: &Answer| {
        let each = answer.lines[0].values.iter().flatten().sum::<f64>();
        (answer.step, (each * answer.step as f64).round())
    };
    for (later, step) in [(700, 1), (3_000, 10), (86_400, 60), (10 * 86_400, 600)] {
        time.set(BEGIN + later);
        telemetry.write_down().await.unwrap();
        telemetry.roll_up().await.unwrap();
        let answer = ask(&telemetry, &[Measure::Requests], first, 1).await;
        assert_eq!(sum(&answer), (step, 600.0), "after {later} s");
    }
    time.set(BEGIN + 36 * 86_400);
    telemetry.roll_up().await.unwrap();
    let answer = ask(&telemetry, &[Measure::Requests], first, 600).await;
    assert_eq!(sum(&answer).1, 0.0);
}

#[tokio::test]
async fn a_file_that_grows_too_large_loses_what_is_oldest() {
    let (folder, time) = (Folder::new(), Time::new());
    let most = 1 << 20;
    let telemetry = time.open_with(folder.path(), most).await;
    let times: Vec<u64> = (0..400).map(|n| 1_000 + n * 900).collect();
    for n in 0..3_000 {
        let at = BEGIN + n;
        time.set(at + 1);
        telemetry.gathered().traffic(&edge("a"), at, vec![sample(1, &times)]);
        if n % 100 == 0 {
            telemetry.write_down().await.unwrap();
            telemetry.roll_up().await.unwrap();
            assert!(telemetry.used().await.unwrap() <= most);
        }
    }
    let answer = ask(&telemetry, &[Measure::Requests], (BEGIN + 2_900, BEGIN + 2_990), 10).await;
    assert!(answer.lines[0].values.iter().all(|value| *value == Some(400.0)));
}

#[tokio::test]
async fn the_log_beside_the_file_does_not_stay_large() {
    let (folder, time) = (Folder::new(), Time::new());
    let telemetry = time.open(folder.path()).await;
    let file = folder.path().join("metrics.db");
    let log = || std::fs::metadata(folder.path().join("metrics.db-wal")).unwrap().len();
    let times: Vec<u64> = (0..400).map(|n| 1_000 + n * 900).collect();
    tick(&time, &telemetry, BEGIN, &times).await;
    // Whoever reads has the log kept, however much is written meanwhile.
    let mut reader = SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM points").execute(&mut reader).await.unwrap();
    let mut at = BEGIN;
    while log() < 6 << 20 {
        at += 1;
        tick(&time, &telemetry, at, &times).await;
    }
    sqlx::raw_sql("COMMIT").execute(&mut reader).await.unwrap();
    reader.close().await.unwrap();
    telemetry.roll_up().await.unwrap();
    assert_eq!(log(), 0);
    let answer = ask(&telemetry, &[Measure::Requests], (BEGIN, at - 20), 10).await;
    assert!(answer.lines[0].values[1..].iter().all(|value| *value == Some(400.0)));
}

#[tokio::test]
async fn a_file_that_is_none_is_put_aside() {
    let folder = Folder::new();
    std::fs::write(
        folder.path().join("metrics.db"),
        "not a database, and longer than its head is ".repeat(9),
    )
    .unwrap();
    let time = Time::new();
    let telemetry = time.open(folder.path()).await;
    tick(&time, &telemetry, BEGIN, &[1_000]).await;
    assert!(folder.path().join("metrics.db.damaged").exists());
}

#[tokio::test]
async fn without_a_file_the_last_minutes_are_shown() {
    let (folder, time) = (Folder::new(), Time::new());
    std::fs::create_dir(folder.path().join("metrics.db")).unwrap();
    let telemetry = time.open(folder.path()).await;
    for at in BEGIN..BEGIN + 30 {
        tick(&time, &telemetry, at, &[1_000, 2_000]).await;
    }
    telemetry.roll_up().await.unwrap();
    telemetry.flush().await.unwrap();
    let answer = ask(&telemetry, &[Measure::Requests], (BEGIN, BEGIN + 20), 10).await;
    assert_eq!(answer.lines[0].values, [Some(2.0), Some(2.0)]);
    assert_eq!(telemetry.used().await.unwrap(), 0);
}

#[tokio::test]
async fn containers_are_put_together_by_their_version() {
    let (folder, time) = (Folder::new(), Time::new());
    let telemetry = time.open(folder.path()).await;
    for at in [BEGIN + 5, BEGIN + 10] {
        time.set(at);
        for host in ["one", "two"] {
            let containers = ["a", "b"].map(|name| ContainerSample {
                container: format!("{host}-{name}"),
                service: shop(),
                version: VersionNumber(1),
                usage: Usage { containers: 1, cpu_us: 500_000, memory: 100, ..Usage::default() },
            });
            let (usage, containers) = (HostUsage::default(), containers.to_vec());
            let report = HostReport { host: host.to_owned(), at, containers, usage };
            // An answer may have been lost.
            telemetry.gathered().host(report.clone());
            telemetry.gathered().host(report);
        }
    }
    assert_eq!(telemetry.gathered().containers().len(), 4);
    let measures = [Measure::Containers, Measure::Cpu, Measure::Memory, Measure::MemoryLimit];
    for restarted in [false, true] {
        time.set(BEGIN + 20);
        telemetry.write_down().await.unwrap();
        let telemetry = if restarted { time.open(folder.path()).await } else { telemetry.clone() };
        let answer = ask(&telemetry, &measures, (BEGIN, BEGIN + 10), 10).await;
        let values: Vec<_> = answer.lines.iter().map(|line| line.values[0]).collect();
        assert_eq!(values, [Some(4.0), Some(0.4), Some(400.0), None]);
    }
}

/// A host tells what it has used in the five seconds until then.
fn tell_of_host(telemetry: &Telemetry, host: &str, at: i64, memory: u64) {
    let usage = HostUsage {
        cpus: 4,
        cpu_us: 2_500_000,
        memory,
        memory_total: 8_000,
        received: 500,
        sent: 50,
        ..HostUsage::default()
    };
    let report = HostReport { host: host.to_owned(), at, containers: Vec::new(), usage };
    telemetry.gathered().host(report);
}

async fn ask_of_host(
    telemetry: &Telemetry,
    measures: &[Measure],
    (from, until): (i64, i64),
    step: i64,
) -> HostAnswer {
    let (host, measures, step) = ("web1".to_owned(), measures.to_vec(), Some(step));
    telemetry.of_host(&HostQuery { host, measures, from, until, step }).await.unwrap()
}

#[tokio::test]
async fn what_hosts_use_is_kept_as_long_as_what_versions_do() {
    let (folder, time) = (Folder::new(), Time::new());
    let mut telemetry = time.open(folder.path()).await;
    for n in 1..=240 {
        let at = BEGIN + 5 * n;
        time.set(at);
        tell_of_host(&telemetry, "web1", at, 1_000 + n.unsigned_abs());
        tell_of_host(&telemetry, "web2", at, 1);
        telemetry.write_down().await.unwrap();
        telemetry.roll_up().await.unwrap();
    }
    let first = (BEGIN, BEGIN + 600);
    for (later, step) in [(1_201, 10), (1_201, 10), (86_400, 60), (10 * 86_400, 600)] {
        time.set(BEGIN + later);
        telemetry.write_down().await.unwrap();
        telemetry.roll_up().await.unwrap();
        let answer = ask_of_host(&telemetry, Measure::OF_HOSTS, first, 1).await;
        assert_eq!(answer.step, step, "after {later} s");
        let newest = |measure: Measure| {
            let line = answer.lines.iter().find(|line| line.measure == measure).unwrap();
            assert_eq!(line.values.len() as i64, 600 / step);
            *line.values.last().unwrap()
        };
        assert_eq!(newest(Measure::Cpu), Some(0.5));
        assert_eq!(newest(Measure::Cpus), Some(4.0));
        // The most of the step.
        assert_eq!(newest(Measure::Memory), Some(1_120.0));
        assert_eq!(newest(Measure::MemoryTotal), Some(8_000.0));
        assert_eq!(newest(Measure::NetworkReceived), Some(100.0));
        assert_eq!(newest(Measure::DiskWritten), Some(0.0));
        // It may be stopped at any time.
        telemetry.flush().await.unwrap();
        drop(telemetry);
        telemetry = time.open(folder.path()).await;
    }
    let nothing = ask_of_host(&telemetry, &[Measure::Cpu], (BEGIN + 6_000, BEGIN + 7_200), 600);
    assert_eq!(nothing.await.lines[0].values, [None, None], "nothing was heard of it then");
}

#[tokio::test]
async fn what_comes_too_late_or_too_early_is_counted_and_left() {
    let (folder, time) = (Folder::new(), Time::new());
    let telemetry = time.open(folder.path()).await;
    time.set(BEGIN + 1_000);
    telemetry.gathered().traffic(&edge("a"), BEGIN, vec![sample(1, &[1])]);
    telemetry.gathered().traffic(&edge("a"), BEGIN + 2_000, vec![sample(1, &[1]); 2]);
    let rejected = telemetry.gathered().rejected();
    assert_eq!((rejected.late, rejected.ahead), (1, 2));
}

#[tokio::test]
async fn what_others_tell_of_a_second_is_put_on_top_of_what_edges_tell() {
    let (folder, time) = (Folder::new(), Time::new());
    let telemetry = time.open(folder.path()).await;
    time.set(BEGIN + 1_000);
    let (gathered, at) = (telemetry.gathered(), BEGIN + 990);
    gathered.traffic(&edge("a"), at, vec![sample(1, &[1])]);
    gathered.traffic(&edge("a"), at, vec![sample(1, &[1])]);
    for _ in 0..2 {
        assert!(gathered.more_traffic(at, vec![sample(1, &[1, 1])]));
    }
    assert!(!gathered.more_traffic(BEGIN, vec![sample(1, &[1])]));
    assert!(!gathered.more_traffic(BEGIN + 2_000, vec![sample(1, &[1])]));
    let asked = Query {
        service: shop(),
        versions: vec![VersionNumber(1)],
        measures: vec![Measure::Requests],
        from: at,
        until: at + 1,
        step: Some(1),
    };
    let answer = telemetry.lines(&asked).await.unwrap();
    assert_eq!(answer.lines[0].values, [Some(5.0)]);
}
