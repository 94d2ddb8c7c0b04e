//! A service is deleted with everything that it has: offline first, destroyed when nothing is in flight.

use jiff::SignedDuration;
use launcher_control::{Config, Control, Error, Target};
use launcher_edge::protocol::DrainOutcome;
use launcher_model::environment::EnvironmentState::{Ready, Stopped};
use launcher_model::event::EventKind;
use launcher_model::route::{DeploymentKind, DeploymentState};
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::fake::Script;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::acts::WHO;
use crate::edge::{Edge, Reply};
use crate::world::{World, eventually};

/// Version 1 is live; version 2, which is pinned, was before.
async fn live() -> (World, Edge, ServiceName, VersionNumber) {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.ready(&shop).await;
    let two = world.live(&shop).await;
    world.pin(&shop, two, true).await.unwrap();
    world.deploy(&shop, one).await.unwrap();
    // What these have left drains for a moment, and is not what the tests look for.
    eventually("nothing is under way", async || {
        world.store.unfinished_deployments().await.unwrap().is_empty()
    })
    .await;
    (world, edge, shop, one)
}

async fn delete(world: &World, shop: &ServiceName) -> Result<(), Error> {
    let shop = shop.clone();
    world.ask(async move |control: Control| control.destroy_service(&shop, WHO).await).await
}

/// It is gone everywhere, and what there was of it stays on record.
async fn is_gone(world: &World, edge: &Edge, shop: &ServiceName, versions: usize) {
    eventually("the service is gone", async || {
        world.store.service(shop).await.unwrap().is_none() && edge.table(shop).is_none()
    })
    .await;
    assert!(world.fake.containers().is_empty(), "{:?}", world.fake.containers());
    assert_eq!(world.route(shop).await, []);
    assert_eq!(world.store.environments(shop, true).await.unwrap().len(), versions);
    assert_eq!(world.count(EventKind::ServiceDeleted).await, 1);
    edge.is_unharmed();
}

#[tokio::test]
async fn a_live_service_goes_offline_drains_and_is_gone() {
    let (world, edge, shop, one) = live().await;
    let before = world.store.route(&shop).await.unwrap().generation;
    edge.on_drain(None);
    delete(&world, &shop).await.unwrap();
    let id = world.under_way(DeploymentState::Draining).await;
    assert_eq!((edge.live(&shop), world.route(&shop).await), (vec![], vec![]));
    assert_eq!(world.store.route(&shop).await.unwrap().generation, before.next());
    world.passes(&shop, 2).await;
    assert_eq!(world.running(&shop, one).len(), 2, "something is in flight on it");

    // Nothing comes to it any more.
    let launched = world.try_launch(&shop, "late").await.map(drop);
    let deployed = world.deploy(&shop, one).await.map(drop);
    for refused in [launched, deployed] {
        let refused = refused.unwrap_err().to_string();
        assert_eq!(refused, "the service shop is being deleted");
    }
    delete(&world, &shop).await.unwrap();

    edge.drained(id, DrainOutcome { drained: 3, ..DrainOutcome::default() });
    is_gone(&world, &edge, &shop, 2).await;
    let offline = world.deployment(id).await;
    assert_eq!((offline.kind, offline.state), (DeploymentKind::Offline, DeploymentState::Done));
    assert_eq!(offline.receipt.unwrap().drained, 3);
    let events = world.events().await;
    let told = events.iter().rfind(|event| event.kind == EventKind::DeploymentLive).unwrap();
    assert!(told.text.starts_with("v1 is not live any more, switched in "), "{}", told.text);
    assert_eq!(world.count(EventKind::ServiceDeleting).await, 1);
    let missing = delete(&world, &shop).await;
    assert!(matches!(missing, Err(Error::NoService(_))), "{missing:?}");

    // One of the same name goes on counting, and has nothing to go back to.
    world.service("shop", |_| {}).await;
    let refused = world.rollback(&shop).await.unwrap_err().to_string();
    assert!(refused.starts_with("nothing was live before"), "{refused}");
    assert_eq!(world.live(&shop).await, VersionNumber(3));
    assert_eq!(world.store.route(&shop).await.unwrap().generation, before.next().next());
}

#[tokio::test]
async fn what_was_never_live_and_what_nothing_carries_is_gone_too() {
    let world = World::without_edge().await;
    let shop = world.service("shop", |_| {}).await;
    world.ready(&shop).await;
    world.launch(&shop, "2").await;
    delete(&world, &shop).await.unwrap();
    let blog = world.service("blog", |_| {}).await;
    delete(&world, &blog).await.unwrap();
    eventually("both are gone", async || world.store.services().await.unwrap().is_empty()).await;
    assert!(world.fake.containers().is_empty());

    let shop = world.service("shop", |_| {}).await;
    let edge = world.edge("a").await;
    world.live(&shop).await;
    edge.leave();
    eventually("the edge is gone", async || world.control().hub().edges().is_empty()).await;
    delete(&world, &shop).await.unwrap();
    eventually("it is gone", async || world.store.services().await.unwrap().is_empty()).await;
    assert!(world.fake.containers().is_empty());
}

#[tokio::test]
async fn an_edge_that_does_not_prepare_is_asked_again() {
    let (world, edge, shop, _) = live().await;
    edge.on_prepare(Reply::Refuse("not now".to_owned()));
    delete(&world, &shop).await.unwrap();
    world.told(EventKind::DeploymentAborted, 2).await;
    assert_eq!(world.route(&shop).await, [VersionNumber(1)]);
    edge.on_prepare(Reply::Well);
    is_gone(&world, &edge, &shop, 2).await;
}

#[tokio::test]
async fn a_deployment_under_way_ends_first() {
    let (world, edge, shop, _) = live().await;
    world.script(&shop, "slow", Script::new().start_takes(Duration::from_millis(300)));
    let slow = world.launch(&shop, "slow").await;
    world.reaches(&shop, slow, Ready).await;
    world.stop(&shop, slow).await.unwrap();
    world.reaches(&shop, slow, Stopped).await;
    let deploying = world.deploying(&shop, Target::Deploy(slow));
    world.under_way(DeploymentState::Starting).await;
    delete(&world, &shop).await.unwrap();
    assert!(deploying.await.unwrap().unwrap().changed);
    is_gone(&world, &edge, &shop, 3).await;
}

#[tokio::test]
async fn a_server_that_is_killed_before_it_was_offline_goes_on() {
    let (mut world, edge, shop, _) = live().await;
    edge.on_prepare(Reply::Silent);
    delete(&world, &shop).await.unwrap();
    let id = world.under_way(DeploymentState::Preparing).await;
    eventually("the edge is asked", async || edge.state().prepared.contains_key(&id)).await;
    world.kill().await;
    edge.on_prepare(Reply::Well);
    world.start().await;
    is_gone(&world, &edge, &shop, 2).await;
    assert_eq!(world.deployment(id).await.state, DeploymentState::Aborted);
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_drains_goes_on() {
    let (mut world, edge, shop, one) = live().await;
    edge.on_drain(None);
    delete(&world, &shop).await.unwrap();
    let id = world.under_way(DeploymentState::Draining).await;
    world.restart().await;
    eventually("the edge is back", async || !world.control().hub().edges().is_empty()).await;
    world.passes(&shop, 2).await;
    assert_eq!(world.running(&shop, one).len(), 2, "something is in flight on it");
    edge.drained(id, DrainOutcome::default());
    is_gone(&world, &edge, &shop, 2).await;
}

#[tokio::test]
async fn a_server_that_is_killed_at_any_moment_goes_on() {
    for moment in 0..16 {
        let config = Config { full_look: Duration::from_millis(50), ..World::calm() };
        let mut world = World::with_config(config).await;
        let edge = world.edge("a").await;
        let shop = world.service("shop", |_| {}).await;
        world.live(&shop).await;
        delete(&world, &shop).await.unwrap();
        tokio::time::sleep(Duration::from_millis(moment)).await;
        world.restart().await;
        // Nobody reports what a server decided that died before it heard: it is waited for, for long.
        let minutes = AtomicI64::new(0);
        eventually("the service is gone", async || {
            let later = minutes.fetch_sub(10, Ordering::Relaxed);
            world.set_back(SignedDuration::from_mins(later));
            world.store.service(&shop).await.unwrap().is_none()
        })
        .await;
        is_gone(&world, &edge, &shop, 1).await;
    }
}
