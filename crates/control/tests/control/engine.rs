//! The engine goes away, and comes back.

use launcher_control::{Error, Target};
use launcher_model::environment::EnvironmentState::{Ready, Stopped};
use launcher_model::event::EventKind;
use launcher_model::route::DeploymentState;

use crate::world::{NOBODY, World, eventually};

#[tokio::test]
async fn what_runs_is_served_on_while_it_is_away_and_can_be_switched() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.live(&shop).await, world.ready(&shop).await);
    world.fake.go_away("it is upgraded");
    world.told(EventKind::EngineLost, 1).await;
    eventually("it is known", async || world.control().engine().lost.is_some()).await;
    assert_eq!(world.control().engine().lost.unwrap().1, "it is upgraded");
    assert_eq!((edge.endpoints(&shop, one), edge.endpoints(&shop, two)), (2, 2));
    world.deploy(&shop, two).await.unwrap();
    world.deploying(&shop, Target::RollbackToPrevious).await.unwrap().unwrap();
    assert_eq!((edge.live(&shop), edge.endpoints(&shop, one)), (vec![one], 2));
    world.fake.come_back();
    world.told(EventKind::EngineBack, 1).await;
    eventually("it is known", async || world.control().engine().lost.is_none()).await;
    assert_eq!(world.count(EventKind::EngineLost).await, 1);
    edge.is_unharmed();
}

#[tokio::test]
async fn what_is_stopped_cannot_be_live_without_it_and_keeps_nobody_waiting() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.live(&shop).await, world.live(&shop).await);
    let three = world.ready(&shop).await;
    world.stop(&shop, one).await.unwrap();
    world.reaches(&shop, one, Stopped).await;
    // It goes away while the containers are waited for, and before.
    world.fake.set_addresses(|_, _, _| NOBODY);
    let waiting = world.deploying(&shop, Target::Deploy(one));
    world.under_way(DeploymentState::Starting).await;
    world.fake.go_away("it is upgraded");
    let before = waiting.await.unwrap();
    let after = world.deploy(&shop, one).await;
    for aborted in [before, after] {
        let Err(Error::Aborted { reason, .. }) = aborted else { panic!("{aborted:?}") };
        assert_eq!(reason, "v1 cannot be started: it is upgraded");
    }
    assert_eq!(edge.live(&shop), [two]);
    world.deploy(&shop, three).await.unwrap();
    assert_eq!(edge.live(&shop), [three]);
}

#[tokio::test]
async fn what_was_asked_for_meanwhile_is_done_when_it_is_back() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.ready(&shop).await;
    world.fake.go_away("no power");
    world.scale(&shop, one, 3).await.unwrap();
    assert!(world.try_launch(&shop, "2").await.is_err());
    world.fake.come_back();
    eventually("three run", async || world.running(&shop, one).len() == 3).await;
    assert_eq!(world.ready(&shop).await.0, 2);
}

#[tokio::test]
async fn containers_that_died_with_it_are_back_soon_after_it() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.live(&shop).await;
    world.fake.restart();
    eventually("none serves", async || edge.endpoints(&shop, one) == 0).await;
    eventually("all serve", async || edge.endpoints(&shop, one) == 2).await;
    assert_eq!(world.environment(&shop, one).await.environment.state, Ready);
    assert_eq!(edge.live(&shop), [one]);
}

#[tokio::test]
async fn a_server_that_starts_without_it_takes_nothing_from_edges() {
    let (mut world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.live(&shop).await;
    let welcomes = edge.state().welcomes;
    world.kill().await;
    world.fake.go_away("it is upgraded");
    world.start().await;
    world.told(EventKind::EngineLost, 1).await;
    assert_eq!(edge.state().welcomes, welcomes);
    world.fake.come_back();
    eventually("the edge is welcomed", async || edge.state().welcomes > welcomes).await;
    assert_eq!((edge.live(&shop), edge.endpoints(&shop, one)), (vec![one], 2));
    edge.is_unharmed();
}
