use std::time::{Duration, Instant};

use launcher_model::Span;
use launcher_testkit::wait::{SOON, until};

use super::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_switch_that_is_prepared_is_made_before_the_takeover() {
    let mut lab = Lab::new().await;
    let mut edge = lab.first_edge().await;
    let prepared = lab.prepare(1).await.unwrap();
    let mut next = lab.start_edge();
    until("the takeover being asked for", SOON, || async {
        lab.log_text().contains("asks to take over").then_some(())
    })
    .await;
    // Nothing happens as long as the switch is in the air.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(edge.ended().is_none() && next.ended().is_none());
    let committed = lab.commit(1, prepared).await;
    assert!(committed[0].flip.is_ok(), "{committed:?}");
    edge.has_ended_well().await;
    assert_eq!(get(lab.http).await, Ok(2));
    assert_eq!(lab.switch(2).await, 1);
    assert_eq!(get(lab.http).await, Ok(1));
    assert!(next.ended().is_none());
}

/// A client that was quiet during the takeover is answered by what is live when it asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_connections_of_the_one_before_follow_the_switches() {
    let mut lab = Lab::new().await;
    let edge = lab.first_edge().await;
    let mut quiet = Client::connect(lab.http).await.unwrap();
    assert_eq!(quiet.ask().await, Ok((1, false)));
    let next = lab.start_edge();
    lab.is_led_by(&next).await;
    lab.switch(1).await;
    assert_eq!(quiet.ask().await, Ok((2, true)));
    edge.has_ended_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_switches_all_the_time_and_takeovers_all_the_time() {
    let mut lab = Lab::new().await;
    let mut edge = lab.first_edge().await;
    let load = lab.load(8);
    let hub = lab.hub.clone();
    for id in 1..=20 {
        let next = lab.start_edge();
        load.timeline.begins(lab.other());
        hub.wait_for_an_edge(SOON).await;
        let prepared = lab.prepare(id).await.expect("no switch is refused for a takeover");
        for committed in lab.commit(id, prepared).await {
            committed.flip.expect("no edge is fenced for a takeover");
        }
        load.timeline.ended(3 - lab.other());
        edge.has_ended_well().await;
        edge = next;
    }
    for id in 1..=20 {
        let outcome = lab.drained(id).await;
        assert_eq!((outcome.failed, outcome.cut), (0, 0), "{id}: {outcome:?}");
    }
    let report = load.stop();
    assert_eq!((report.failed, report.wrong), (0, 0), "{report:?}");
}

/// Those that send nothing are closed one by one, and are not waited for until the deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_connections_that_stay_idle_are_closed_at_times_of_their_own() {
    let lab = Lab::with_drain(Span::secs(8)).await;
    let edge = lab.first_edge().await;
    let mut idle = Vec::new();
    for _ in 0..16 {
        let mut client = Client::connect(lab.http).await.unwrap();
        client.ask().await.unwrap();
        idle.push(client);
    }
    let began = Instant::now();
    let next = lab.start_edge();
    lab.is_led_by(&next).await;
    let closed = idle.iter_mut().map(|client| async move {
        client.is_closed().await;
        began.elapsed()
    });
    let mut closed = futures_util::future::join_all(closed).await;
    closed.sort_unstable();
    edge.has_ended_well().await;
    assert!(closed[0] >= Duration::from_millis(1_900), "{closed:?}");
    assert!(closed[15] - closed[0] >= Duration::from_millis(900), "{closed:?}");
    assert!(closed[15] <= Duration::from_millis(7_900), "{closed:?}");
}
