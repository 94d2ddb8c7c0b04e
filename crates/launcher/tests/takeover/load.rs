use std::time::{Duration, Instant};

use launcher_testkit::wait::{SOON, until};

use super::support::*;

const TAKEOVERS: i64 = 100;

/// No request fails, nobody is answered by a version that was not live, and every process that was taken
/// over from ends by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_takeover_100_times() {
    let mut lab = Lab::new().await;
    let mut edge = lab.first_edge().await;
    let load = lab.load(64);
    until("load", SOON, || async { (load.answered() >= 200).then_some(()) }).await;
    let mut took: Vec<Duration> = Vec::new();
    for n in 0..TAKEOVERS {
        let began = Instant::now();
        edge = lab.take_over(edge).await;
        took.push(began.elapsed());
        if n % 10 == 0 {
            load.timeline.begins(lab.other());
            let live = lab.switch(n).await;
            load.timeline.ended(live);
        }
    }
    let report = load.stop();
    took.sort_unstable();
    eprintln!(
        "{TAKEOVERS} takeovers under {} requests on 64 connections, {} of which were asked to close; from the start of one process to the end of the one before: {:?} in the middle, at most {:?}",
        report.answered,
        report.closed,
        took[took.len() / 2],
        took[took.len() - 1],
    );
    assert_eq!((report.failed, report.wrong), (0, 0), "{report:?}");
    assert!(report.answered > 1_000 && report.by_version.len() == 2, "{report:?}");
    drop(edge);
}
