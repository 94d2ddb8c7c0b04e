//! What was in flight at a switch, until it has run out.

use launcher_control::Config;
use launcher_edge::protocol::DrainOutcome;
use launcher_model::Span;
use launcher_model::event::EventKind;
use launcher_model::route::DeploymentState;
use std::time::Duration;

use crate::world::{World, eventually};

fn outcome(drained: u64, failed: u64, cut: u64, took_ms: u64) -> DrainOutcome {
    DrainOutcome { drained, failed, cut, took_ms, ..DrainOutcome::default() }
}

#[tokio::test]
async fn what_edges_report_is_summed_up_and_they_may_forget_it() {
    let (world, a) = World::new().await;
    let b = world.edge("b").await;
    let shop = world.service("shop", |_| {}).await;
    world.live(&shop).await;
    let two = world.ready(&shop).await;
    [&a, &b].iter().for_each(|edge| edge.on_drain(None));
    let id = world.deploy(&shop, two).await.unwrap().deployment.id;
    a.drained(id, outcome(5, 1, 0, 40));
    // Said twice, counted once.
    a.drained(id, outcome(5, 1, 0, 40));
    eventually("one has reported", async || a.state().draining[&id].is_some()).await;
    assert_eq!(world.deployment(id).await.state, DeploymentState::Draining);
    b.drained(id, DrainOutcome { superseded: true, moved: 3, ..outcome(7, 0, 2, 30) });
    let receipt = world.deployment_reaches(id, DeploymentState::Done).await.receipt.unwrap();
    assert_eq!((receipt.drained, receipt.failed, receipt.cut), (12, 1, 2));
    assert_eq!(receipt.moved, 3);
    assert_eq!((receipt.drain_ms, receipt.superseded), (Some(40), true));
    eventually("both forget", async || {
        [&a, &b].iter().all(|edge| !edge.state().draining.contains_key(&id))
    })
    .await;
    assert_eq!(world.count(EventKind::DeploymentDrained).await, 2);
}

#[tokio::test]
async fn an_edge_that_was_away_reports_when_it_is_back_and_one_that_forgot_is_not_waited_for() {
    let (world, a) = World::new().await;
    let b = world.edge("b").await;
    let shop = world.service("shop", |_| {}).await;
    world.live(&shop).await;
    let two = world.ready(&shop).await;
    [&a, &b].iter().for_each(|edge| edge.on_drain(None));
    let id = world.deploy(&shop, two).await.unwrap().deployment.id;
    a.leave();
    b.leave();
    eventually("both are gone", async || world.control().hub().edges().is_empty()).await;
    a.state().draining.insert(id, Some(outcome(3, 0, 0, 9)));
    b.state().draining.clear();
    a.come_back();
    b.come_back();
    let receipt = world.deployment_reaches(id, DeploymentState::Done).await.receipt.unwrap();
    assert_eq!((receipt.drained, receipt.drain_ms), (3, Some(9)));
}

#[tokio::test]
async fn a_new_switch_does_not_wait_for_the_drain_of_the_one_before() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.live(&shop).await;
    let two = world.ready(&shop).await;
    edge.on_drain(None);
    let mut ids = Vec::new();
    for version in [two, one, two] {
        ids.push(world.deploy(&shop, version).await.unwrap().deployment.id);
    }
    for (id, successor) in ids.iter().zip(&ids[1..]) {
        edge.drained(*id, DrainOutcome { superseded: true, ..outcome(1, 0, 0, 1) });
        let done = world.deployment_reaches(*id, DeploymentState::Done).await;
        let receipt = done.receipt.unwrap();
        assert!(receipt.superseded);
        assert_eq!(receipt.superseded_by, Some(*successor));
    }
    let events = world.events().await;
    let told = format!(
        "deployment {} took over what deployment {} drained: until then 1 ended by themselves, 0 failed, 0 cut; 0 went on",
        ids[1], ids[0]
    );
    assert!(events.iter().any(|event| event.text == told), "{events:?}");
    assert_eq!(world.deployment(ids[2]).await.state, DeploymentState::Draining);
    edge.drained(ids[2], outcome(1, 0, 0, 1));
    world.deployment_reaches(ids[2], DeploymentState::Done).await;
}

#[tokio::test]
async fn an_edge_that_never_reports_is_not_waited_for_for_ever() {
    let world =
        World::with_config(Config { full_look: Duration::from_millis(50), ..Config::default() })
            .await;
    let edge = world.edge("a").await;
    let shop = world.service("shop", |spec| spec.traffic.drain = Span::secs(60)).await;
    world.live(&shop).await;
    let two = world.ready(&shop).await;
    edge.on_drain(None);
    let id = world.deploy(&shop, two).await.unwrap().deployment.id;
    world.passes(&shop, 2).await;
    assert_eq!(world.deployment(id).await.state, DeploymentState::Draining);
    world.set_back(jiff::SignedDuration::from_secs(-100));
    world.deployment_reaches(id, DeploymentState::Done).await;
}
