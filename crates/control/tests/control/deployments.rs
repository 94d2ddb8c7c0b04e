//! Switches that edges have nothing against, and what else may happen at the same time.

use std::time::Duration;

use launcher_control::{DeployRequest, Error, Target};
use launcher_model::VersionNumber;
use launcher_model::environment::EnvironmentState::{Creating, Destroyed, Ready, Stopped};
use launcher_model::route::{DeploymentKind, DeploymentState};
use launcher_scheduler::fake::Script;

use crate::acts::WHO;
use crate::edge::Reply;
use crate::world::{NOBODY, World, eventually};

#[tokio::test]
async fn a_version_goes_live_everywhere_and_the_receipt_says_how() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.ready(&shop).await;
    let deployed = world.deploy(&shop, one).await.unwrap();
    assert!(deployed.changed);
    assert_eq!((edge.live(&shop), world.route(&shop).await), (vec![one], vec![one]));
    let done = world.deployment_reaches(deployed.deployment.id, DeploymentState::Done).await;
    assert_eq!((done.kind, done.by.as_str()), (DeploymentKind::Deploy, WHO));
    let receipt = done.receipt.unwrap();
    assert_eq!((receipt.edges.len(), receipt.edges[0].checked), (1, 2));
    assert_eq!(receipt.edges[0].edge, edge.name);
    assert!(receipt.switch_us > 0 && receipt.start_ms == 0 && !receipt.recovered);

    let again = world.deploy(&shop, one).await.unwrap();
    assert_eq!((again.changed, again.deployment.id), (false, done.id));
}

#[tokio::test]
async fn going_back_is_a_switch_to_what_was_live_before() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let refused = world.deploying(&shop, Target::RollbackToPrevious).await.unwrap();
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let one = world.live(&shop).await;
    let two = world.live(&shop).await;
    for back_to in [one, two, one] {
        let back = world.deploying(&shop, Target::RollbackToPrevious).await.unwrap().unwrap();
        assert_eq!(back.deployment.kind, DeploymentKind::Rollback);
        assert_eq!((edge.live(&shop), world.route(&shop).await), (vec![back_to], vec![back_to]));
    }
}

#[tokio::test]
async fn a_service_is_taken_offline_as_by_any_deployment_and_goes_back_by_one() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let nothing = world.deploying(&shop, Target::Offline).await.unwrap().unwrap_err().to_string();
    assert!(nothing.contains("there is nothing to take offline"), "{nothing}");
    world.live(&shop).await;
    let two = world.live(&shop).await;
    let offline = world.deploying(&shop, Target::Offline).await.unwrap().unwrap();
    assert!(offline.changed);
    assert_eq!((edge.live(&shop), world.route(&shop).await), (vec![], vec![]));
    let id = offline.deployment.id;
    let done = world.deployment_reaches(id, DeploymentState::Done).await;
    assert_eq!((done.kind, done.by.as_str()), (DeploymentKind::Offline, WHO));
    assert_eq!(done.receipt.unwrap().edges.len(), 1);
    let events = world.events().await;
    let told = format!("{WHO} takes shop offline");
    assert!(events.iter().any(|event| event.text == told), "{events:?}");
    // It stays there, whatever the loop does, and its containers are kept.
    world.passes(&shop, 3).await;
    assert_eq!((world.route(&shop).await, world.running(&shop, two).len()), (vec![], 2));
    let again = world.deploying(&shop, Target::Offline).await.unwrap().unwrap();
    assert_eq!((again.changed, again.deployment.id), (false, id));

    let back = world.rollback(&shop).await.unwrap();
    assert_eq!(back.deployment.kind, DeploymentKind::Rollback);
    assert_eq!((edge.live(&shop), world.route(&shop).await), (vec![two], vec![two]));
    edge.is_unharmed();
}

#[tokio::test]
async fn a_stopped_version_is_started_first() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.live(&shop).await;
    let two = world.live(&shop).await;
    world.stop(&shop, one).await.unwrap();
    world.reaches(&shop, one, Stopped).await;
    let deployed = world.deploy(&shop, one).await.unwrap().deployment;
    assert_eq!((edge.live(&shop), edge.endpoints(&shop, one)), (vec![one], 2));
    assert_eq!(world.running(&shop, two).len(), 2);
    assert!(deployed.receipt.unwrap().edges[0].checked == 2);
}

#[tokio::test]
async fn a_version_that_is_being_stopped_is_never_live_without_containers() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let mut versions = [world.live(&shop).await, world.live(&shop).await];
    for _ in 0..20 {
        let [next, _] = versions;
        world.stop(&shop, next).await.unwrap();
        world.deploy(&shop, next).await.unwrap();
        assert_eq!(edge.live(&shop), [next]);
        world.passes(&shop, 2).await;
        assert_eq!((edge.endpoints(&shop, next), world.running(&shop, next).len()), (2, 2));
        versions.reverse();
    }
    edge.is_unharmed();
}

#[tokio::test]
async fn what_is_not_ready_cannot_be_live() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let live = world.live(&shop).await;
    world.fake.set_addresses(|_, _, _| NOBODY);
    let creating = world.launch(&shop, "2").await;
    assert_eq!(world.environment(&shop, creating).await.environment.state, Creating);
    let refused = world.deploy(&shop, creating).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let missing = world.deploy(&shop, VersionNumber(99)).await;
    assert!(matches!(missing, Err(Error::NoVersion(..))), "{missing:?}");
    let nobody = "nobody".parse().unwrap();
    let missing = world.deploy(&nobody, live).await;
    assert!(matches!(missing, Err(Error::NoService(_))), "{missing:?}");
    assert_eq!((edge.live(&shop), world.route(&shop).await), (vec![live], vec![live]));
}

#[tokio::test]
async fn a_sick_container_stands_in_the_way_of_a_switch() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.live(&shop).await;
    let two = world.ready(&shop).await;
    world.fake.set_address(&world.running(&shop, two)[0], NOBODY);
    eventually("it leaves the routes", async || edge.endpoints(&shop, two) == 1).await;
    let before = edge.table(&shop);
    let aborted = world.deploy(&shop, two).await.unwrap_err();
    let Error::Aborted { id, reason } = aborted else { panic!("{aborted}") };
    assert!(reason.starts_with("1 of 2 containers of v2 are healthy"), "{reason}");
    assert_eq!(world.deployment(id).await.state, DeploymentState::Aborted);
    assert_eq!((edge.table(&shop), world.route(&shop).await), (before, vec![one]));
}

#[tokio::test]
async fn of_two_at_once_one_is_told_of_the_other() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.ready(&shop).await, world.ready(&shop).await);
    edge.on_prepare(Reply::Held);
    let first = world.deploying(&shop, Target::Deploy(one));
    let id = world.under_way(DeploymentState::Preparing).await;
    eventually("the edge is asked", async || edge.state().prepared.contains_key(&id)).await;
    let second = world.deploying(&shop, Target::Deploy(two));
    edge.release();
    edge.on_prepare(Reply::Well);
    assert!(first.await.unwrap().unwrap().changed);
    // It waited for its turn, or came while the first had none.
    match second.await.unwrap() {
        Ok(second) => assert!(second.changed && edge.live(&shop) == [two]),
        Err(Error::Busy(other)) => assert!(other == id && edge.live(&shop) == [one]),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn while_one_starts_containers_another_is_refused() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.live(&shop).await, world.live(&shop).await);
    world.script(&shop, "slow", Script::new().start_takes(Duration::from_millis(500)));
    let slow = world.launch(&shop, "slow").await;
    world.reaches(&shop, slow, Ready).await;
    world.stop(&shop, slow).await.unwrap();
    world.reaches(&shop, slow, Stopped).await;
    let first = world.deploying(&shop, Target::Deploy(slow));
    let id = world.under_way(DeploymentState::Starting).await;
    // What is live still will not be for long: to say that it is live already would mislead.
    for other in [one, two] {
        let refused = world.deploy(&shop, other).await.unwrap_err();
        assert!(matches!(refused, Error::Busy(other) if other == id), "{refused}");
    }
    for refused in [world.stop(&shop, slow).await, world.destroy(&shop, slow).await] {
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    }
    assert_eq!(edge.live(&shop), [two]);
    let receipt = first.await.unwrap().unwrap().deployment.receipt.unwrap();
    assert!(receipt.start_ms >= 500, "{receipt:?}");
    assert!(receipt.switch_us < 500_000, "the start does not count: {receipt:?}");
    assert_eq!(edge.live(&shop), [slow]);
}

#[tokio::test]
async fn services_do_not_wait_for_each_other() {
    let (world, edge) = World::new().await;
    let (shop, blog) = (world.service("shop", |_| {}).await, world.service("blog", |_| {}).await);
    let (one, other) = (world.ready(&shop).await, world.ready(&blog).await);
    edge.on_prepare(Reply::Held);
    let held = world.deploying(&shop, Target::Deploy(one));
    let id = world.under_way(DeploymentState::Preparing).await;
    eventually("the edge is asked", async || edge.state().prepared.contains_key(&id)).await;
    edge.on_prepare(Reply::Well);
    assert!(world.deploy(&blog, other).await.unwrap().changed);
    assert!(!held.is_finished());
    edge.release();
    assert!(held.await.unwrap().unwrap().changed);
    assert_eq!((edge.live(&shop), edge.live(&blog)), (vec![one], vec![other]));
}

#[tokio::test]
async fn a_container_that_dies_in_the_middle_of_a_switch_is_out_of_the_table_soon_after() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (_, two) = (world.live(&shop).await, world.ready(&shop).await);
    edge.on_prepare(Reply::Held);
    let switch = world.deploying(&shop, Target::Deploy(two));
    let id = world.under_way(DeploymentState::Preparing).await;
    eventually("the edge is asked", async || edge.state().prepared.contains_key(&id)).await;
    let dead = world.running(&shop, two).remove(0);
    world.fake.kill(&dead, 1);
    edge.release();
    switch.await.unwrap().unwrap();
    assert_eq!(edge.live(&shop), [two]);
    eventually("it is replaced", async || {
        let table = edge.table(&shop).unwrap();
        let endpoints = &table.pools[&two].endpoints;
        endpoints.len() == 2 && !endpoints.contains_key(&dead)
    })
    .await;
    edge.is_unharmed();
}

#[tokio::test]
async fn a_stopped_version_that_is_about_to_be_destroyed_is_not_started() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.live(&shop).await, world.live(&shop).await);
    world.stop(&shop, one).await.unwrap();
    world.reaches(&shop, one, Stopped).await;
    world.fake.go_away("it cannot remove anything");
    world.destroy(&shop, one).await.unwrap();
    let refused = world.deploy(&shop, one).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused(why) if why.contains("destroyed")), "{refused}");
    world.fake.come_back();
    world.reaches(&shop, one, Destroyed).await;
    assert_eq!(edge.live(&shop), [two]);
}

#[tokio::test]
async fn either_a_version_is_destroyed_or_it_is_live() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |spec| spec.keep.running = 20).await;
    let mut live = world.live(&shop).await;
    for round in 0..10 {
        let next = world.ready(&shop).await;
        let deploying = world.deploying(&shop, Target::Deploy(next));
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        let destroyed = world.destroy(&shop, next).await;
        match (deploying.await.unwrap(), destroyed) {
            (Ok(_), Err(_)) => live = next,
            (Err(_), Ok(())) => drop(world.reaches(&shop, next, Destroyed).await),
            (deployed, destroyed) => panic!("both or neither: {deployed:?} {destroyed:?}"),
        }
        assert_eq!((edge.live(&shop), world.route(&shop).await), (vec![live], vec![live]));
        assert_eq!(world.running(&shop, live).len(), 2);
    }
    edge.is_unharmed();
}

#[tokio::test]
async fn a_switch_meanwhile_is_not_overruled_by_who_did_not_see_it() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let seen = {
        let one = world.ready(&shop).await;
        world.deploy(&shop, one).await.unwrap().deployment.generation
    };
    let (two, three) = (world.ready(&shop).await, world.ready(&shop).await);
    world.deploy(&shop, two).await.unwrap();
    let request =
        DeployRequest { seen, ..DeployRequest::new(shop.clone(), Target::Deploy(three), WHO) };
    let refused = world.control().deploy(request).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert_eq!((edge.live(&shop), world.route(&shop).await), (vec![two], vec![two]));
}
