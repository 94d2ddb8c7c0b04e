//! New requests that wait around a switch, or without one.

use std::time::Duration;

use launcher_control::{Config, Control, Error, Target};
use launcher_edge::protocol::HoldOutcome;
use launcher_model::event::EventKind;
use launcher_model::route::{DeploymentState, HoldReceipt};
use launcher_model::{ServiceName, Span, VersionNumber};

use crate::edge::{Edge, Reply};
use crate::world::{World, eventually};

const FIVE: Duration = Duration::from_secs(5);

/// Two edges, a live version and one that is ready.
async fn world() -> (World, [Edge; 2], ServiceName, VersionNumber, VersionNumber) {
    let world = World::with_config(Config {
        full_look: Duration::from_secs(3600),
        commit_within: Duration::from_millis(500),
        ..Config::default()
    })
    .await;
    let edges = [world.edge("a").await, world.edge("b").await];
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.live(&shop).await, world.ready(&shop).await);
    eventually("both know both", async || edges.iter().all(|e| e.endpoints(&shop, two) == 2)).await;
    edges.iter().for_each(|edge| edge.state().asked.clear());
    (world, edges, shop, one, two)
}

fn waited(edge: &Edge, requests: u64, longest_us: u64) {
    edge.state().waited = HoldOutcome { requests, longest_us, lapsed: false };
}

async fn hold(world: &World, shop: &ServiceName, within: Span) -> launcher_control::Result<bool> {
    let shop = shop.clone();
    world.ask(async move |control: Control| control.hold(&shop, within, "tester").await).await
}

async fn release(world: &World, shop: &ServiceName) -> HoldOutcome {
    let shop = shop.clone();
    let asked = world.ask(async move |control: Control| control.release(&shop, "tester").await);
    asked.await.unwrap()
}

#[tokio::test]
async fn a_switch_holds_everywhere_before_it_decides_and_releases_after_all_flipped() {
    let (world, [a, b], shop, one, two) = world().await;
    waited(&a, 7, 1_500);
    waited(&b, 5, 9_500);
    b.on_hold(Reply::Held);
    let deploying = world.deploying_with(&shop, Target::Deploy(two), Some(FIVE));
    eventually("b holds", async || b.state().holds.contains(&shop)).await;
    eventually("a holds", async || a.state().holds.contains(&shop)).await;
    assert_eq!(world.route(&shop).await, [one], "nothing is decided before all hold");
    b.release();
    let deployed = deploying.await.unwrap().unwrap().deployment;
    let hold = HoldReceipt { requests: 12, longest_us: 9_500, rested: false, lapsed: false };
    assert_eq!(deployed.receipt.unwrap().hold, Some(hold));
    for edge in [&a, &b] {
        assert_eq!(edge.state().asked, ["prepare", "hold", "commit", "release"]);
        assert!(edge.state().holds.is_empty());
        assert_eq!(edge.live(&shop), [two]);
    }
    let stored = world.deployment(deployed.id).await;
    assert_eq!(stored.receipt.unwrap().hold, Some(hold));
    // One without says nothing of it.
    let deployed = world.deploy(&shop, one).await.unwrap().deployment;
    assert_eq!(deployed.receipt.unwrap().hold, None);
}

#[tokio::test]
async fn an_edge_that_cannot_hold_aborts_the_switch_and_all_are_released() {
    let (world, [a, b], shop, one, two) = world().await;
    for (reply, words) in [
        (Reply::Refuse("its driver cannot".to_owned()), "its driver cannot"),
        (Reply::Silent, "it did not answer within"),
        (Reply::HangUp, "it lost its connection"),
    ] {
        b.on_hold(reply);
        let within = Some(Duration::from_millis(200));
        let deploying = world.deploying_with(&shop, Target::Deploy(two), within);
        let Err(Error::Aborted { id, reason }) = deploying.await.unwrap() else { panic!() };
        assert!(reason.starts_with("the edge b cannot hold requests: "), "{reason}");
        assert!(reason.contains(words), "{reason}");
        assert_eq!(world.deployment(id).await.state, DeploymentState::Aborted);
        assert_eq!(world.route(&shop).await, [one]);
        assert!(a.state().holds.is_empty(), "those who wait are let go");
        eventually("it is forgotten", async || a.state().prepared.is_empty()).await;
        eventually("both are there", async || world.control().hub().edges().len() == 2).await;
    }
    b.on_hold(Reply::Well);
    let deploying = world.deploying_with(&shop, Target::Deploy(two), Some(FIVE));
    assert!(deploying.await.unwrap().unwrap().changed);
}

#[tokio::test]
async fn an_edge_that_does_not_flip_keeps_nobody_waiting() {
    let (world, [a, b], shop, _, two) = world().await;
    waited(&a, 3, 400_000);
    b.on_commit(Reply::Silent);
    let deploying = world.deploying_with(&shop, Target::Deploy(two), Some(FIVE));
    let receipt = deploying.await.unwrap().unwrap().deployment.receipt.unwrap();
    assert!(receipt.edges.iter().any(|edge| edge.edge == b.name && edge.fenced.is_some()));
    assert_eq!(receipt.hold.map(|hold| hold.requests), Some(3));
    assert!(a.state().holds.is_empty());
    eventually("b catches up", async || b.live(&shop) == [two]).await;
}

#[tokio::test]
async fn without_a_switch_requests_wait_until_they_are_released() {
    let (world, [a, b], shop, one, two) = world().await;
    waited(&a, 2, 300);
    assert!(hold(&world, &shop, Span::secs(30)).await.unwrap());
    assert!(a.state().holds.contains(&shop) && b.state().holds.contains(&shop));
    let late = world.edge("c").await;
    eventually("one that comes late holds too", async || late.state().holds.contains(&shop)).await;
    // Twice at once is a mistake, also of a switch, and does not end the first.
    let Err(Error::Refused(why)) = hold(&world, &shop, Span::secs(30)).await else { panic!() };
    assert!(why.contains("held already"), "{why}");
    let deploying = world.deploying_with(&shop, Target::Deploy(two), Some(FIVE));
    let Err(Error::Aborted { reason, .. }) = deploying.await.unwrap() else { panic!() };
    assert!(reason.contains("held already"), "{reason}");
    assert_eq!(world.route(&shop).await, [one]);
    // One that holds nothing itself goes on under it.
    world.deploy(&shop, two).await.unwrap();
    assert!(a.state().holds.contains(&shop) && b.state().holds.contains(&shop));
    let outcome = release(&world, &shop).await;
    assert_eq!((outcome.requests, outcome.longest_us), (2, 300));
    assert!([&a, &b, &late].iter().all(|edge| edge.state().holds.is_empty()));
    assert_eq!(release(&world, &shop).await, HoldOutcome::default());
    assert!(hold(&world, &shop, Span::secs(1)).await.unwrap(), "it can be done again");
    assert_eq!(world.count(EventKind::RequestsHeld).await, 2);
    assert_eq!(world.count(EventKind::RequestsReleased).await, 2);
}

#[tokio::test]
async fn a_time_that_makes_no_sense_is_refused_before_anything_is_done() {
    let (world, [a, _], shop, _, two) = world().await;
    for within in [Span::secs(0), Span::secs(61)] {
        let Err(Error::Invalid(why)) = hold(&world, &shop, within).await else { panic!() };
        assert!(why.contains("at most 1m"), "{why}");
        let hold = Some(within.duration());
        let deploying = world.deploying_with(&shop, Target::Deploy(two), hold).await.unwrap();
        assert!(matches!(deploying, Err(Error::Invalid(_))), "{deploying:?}");
    }
    let nobody = ServiceName::new("nobody").unwrap();
    let asked = hold(&world, &nobody, Span::secs(1)).await;
    assert!(matches!(asked, Err(Error::NoService(_))), "{asked:?}");
    assert_eq!(a.state().asked, [""; 0]);
}
