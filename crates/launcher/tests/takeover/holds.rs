use std::time::{Duration, Instant};

use launcher_model::ServiceName;
use launcher_testkit::wait::{SOON, until};

use super::support::*;

async fn is_asked_for(lab: &Lab) {
    until("the takeover being asked for", SOON, || async {
        lab.log_text().contains("asks to take over").then_some(())
    })
    .await;
}

/// Requests that wait do so until they are released, and those that come meanwhile wait with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_hold_is_released_before_the_takeover() {
    let lab = Lab::new().await;
    let shop = ServiceName::new("shop").unwrap();
    let mut edge = lab.first_edge().await;
    let load = lab.load(16);
    until("load", SOON, || async { (load.answered() > 50).then_some(()) }).await;
    lab.hub.hold(&shop, Duration::from_secs(30)).await.unwrap();
    let before = load.answered();
    let mut next = lab.start_edge();
    is_asked_for(&lab).await;
    let began = Instant::now();
    let http = lab.http;
    let late = tokio::spawn(async move { get(http).await });
    // Longer than a takeover takes.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(edge.ended().is_none() && next.ended().is_none());
    assert!(!late.is_finished(), "it is held, too");
    assert_eq!(load.answered(), before, "nobody was let go");

    let outcome = lab.hub.release(&shop).await;
    let waited = Duration::from_micros(outcome.longest_us);
    assert!(
        outcome.requests > 16 && !outcome.lapsed && waited >= began.elapsed() / 2,
        "{outcome:?}"
    );
    assert_eq!(late.await.unwrap(), Ok(1));
    edge.has_ended_well().await;
    lab.is_led_by(&next).await;
    until("load", SOON, || async { (load.answered() > before + 100).then_some(()) }).await;
    // The next hold is the new process's.
    until("the predecessor's end being known", SOON, || async {
        lab.hub.hold(&shop, Duration::from_secs(10)).await.ok()
    })
    .await;
    lab.hub.release(&shop).await;
    let report = load.stop();
    assert_eq!((report.failed, report.wrong), (0, 0), "{report:?}");
}

/// A hold that nobody releases ends at its deadline, and the takeover goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_hold_that_lapses_does_not_bar_the_takeover() {
    let lab = Lab::new().await;
    let shop = ServiceName::new("shop").unwrap();
    let edge = lab.first_edge().await;
    let load = lab.load(16);
    until("load", SOON, || async { (load.answered() > 50).then_some(()) }).await;
    let began = Instant::now();
    lab.hub.hold(&shop, Duration::from_secs(3)).await.unwrap();
    let before = load.answered();
    let next = lab.start_edge();
    is_asked_for(&lab).await;
    lab.is_led_by(&next).await;
    assert!(began.elapsed() >= Duration::from_secs(3), "it was handed over before the deadline");
    edge.has_ended_well().await;
    until("load", SOON, || async { (load.answered() > before + 50).then_some(()) }).await;
    let report = load.stop();
    assert_eq!((report.failed, report.wrong), (0, 0), "{report:?}");
}
