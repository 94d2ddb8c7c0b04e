//! `kill -9` at every step of a takeover, on either side: one edge serves, and follows the control plane.

use launcher_testkit::wait::{SOON, until};

use super::support::*;

/// An edge that is to die at a point.
fn doomed(lab: &Lab, point: &str) -> Edge {
    let fault = lab.dir.path().join(format!("{point}.fault"));
    std::fs::write(&fault, point).unwrap();
    let mut command = lab.command(&[lab.http]);
    command.env("LAUNCHER_FAULT_FILE", fault);
    Edge::spawn(command, lab.log())
}

/// A whole switch soon after an edge has died. One that begins before the hub knows of the death is
/// refused, as it must be, and is asked for again.
async fn switch_after_a_death(lab: &mut Lab, id: i64) -> u64 {
    loop {
        lab.hub.wait_for_an_edge(SOON).await;
        match lab.prepare(id).await {
            Ok(prepared) => return lab.commit_everywhere(id, prepared).await,
            Err(why) => assert!(why.ends_with("it lost its connection"), "{why}"),
        }
    }
}

async fn serves_and_follows(lab: &mut Lab, id: i64) {
    until("serving", SOON, || async { get(lab.http).await.ok() }).await;
    let live = switch_after_a_death(lab, id).await;
    assert_eq!(get(lab.http).await, Ok(live));
    assert_eq!(lab.hub.edges().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_successor_killed_before_it_is_ready_costs_nothing() {
    let mut lab = Lab::new().await;
    let mut edge = lab.first_edge().await;
    let load = lab.load(16);
    for point in ["edge.takeover_asks", "edge.takeover_handed"] {
        assert!(!doomed(&lab, point).has_ended().await.success());
        assert_eq!(get(lab.http).await, Ok(1), "{point}");
        assert!(edge.ended().is_none(), "{point}");
    }
    let report = load.stop();
    assert_eq!((report.failed, report.closed, report.wrong), (0, 0, 0), "{report:?}");
    serves_and_follows(&mut lab, 1).await;
    // A takeover still can be had.
    let _next = lab.take_over(edge).await;
    serves_and_follows(&mut lab, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_successor_killed_once_it_serves_leaves_the_one_before() {
    for point in ["edge.takeover_open", "edge.takeover_ready"] {
        let mut lab = Lab::new().await;
        let mut edge = lab.first_edge().await;
        // Has the one that is taken over from live on.
        let mut idle = Client::connect(lab.http).await.unwrap();
        assert_eq!(idle.ask().await, Ok((1, false)));
        assert!(!doomed(&lab, point).has_ended().await.success());
        serves_and_follows(&mut lab, 1).await;
        assert!(edge.ended().is_none(), "{point}");
        assert_eq!(idle.ask().await, Ok((2, false)), "{point}");
        drop(idle);
        let _next = lab.take_over(edge).await;
        serves_and_follows(&mut lab, 2).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_owner_killed_as_it_hands_over_leaves_the_successor() {
    for point in ["edge.handover_disowned", "edge.handover_handed", "edge.handover_done"] {
        let mut lab = Lab::new().await;
        let edge = doomed(&lab, point);
        until("the edge serving", SOON, || async { get(lab.http).await.ok() }).await;
        lab.switch(1).await;
        let mut next = lab.start_edge();
        assert!(!edge.has_ended().await.success(), "{point}");
        assert_eq!(get(lab.http).await, Ok(2), "{point}");
        serves_and_follows(&mut lab, 2).await;
        assert!(next.ended().is_none(), "{point}");
    }
}
