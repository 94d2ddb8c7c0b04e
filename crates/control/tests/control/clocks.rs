//! The clock is set back by hours: deadlines hold, and nothing waits for that time to come again.

use std::time::Duration;

use jiff::SignedDuration;
use launcher_control::Config;
use launcher_edge::protocol::DrainOutcome;
use launcher_model::Span;
use launcher_model::environment::EnvironmentState::{Creating, Failed, Ready, Stopped};
use launcher_model::route::DeploymentState;
use launcher_scheduler::fake::{Script, Verb};

use crate::world::{NOBODY, World, eventually};

const FIVE_HOURS: SignedDuration = SignedDuration::from_hours(5);

#[tokio::test]
async fn an_environment_that_is_being_created_still_has_a_deadline() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |spec| spec.health.start_period = Span::millis(500)).await;
    world.fake.set_addresses(|_, _, _| NOBODY);
    let number = world.launch(&shop, "1").await;
    eventually("its containers run", async || world.running(&shop, number).len() == 2).await;
    assert_eq!(world.environment(&shop, number).await.environment.state, Creating);
    world.set_back(FIVE_HOURS);
    world.reaches(&shop, number, Failed).await;
}

#[tokio::test]
async fn an_environment_that_is_being_created_becomes_ready() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let script = Script::new().start_takes(Duration::from_millis(100));
    world.script(&shop, "1", script);
    let number = world.launch(&shop, "1").await;
    eventually("its containers are asked for", async || world.fake.calls(Verb::Ensure) > 0).await;
    world.set_back(FIVE_HOURS);
    world.reaches(&shop, number, Ready).await;
}

#[tokio::test]
async fn a_dead_container_is_replaced() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let number = world.live(&shop).await;
    let victim = world.running(&shop, number).remove(0);
    let asked = world.fake.calls(Verb::Ensure);
    world.fake.kill(&victim, 1);
    // Its replacement is delayed now, until a time that is about to be far away.
    eventually("it is asked for", async || world.fake.calls(Verb::Ensure) > asked).await;
    world.set_back(FIVE_HOURS);
    eventually("it is replaced", async || world.running(&shop, number).len() == 2).await;
    eventually("both serve", async || edge.endpoints(&shop, number) == 2).await;
}

#[tokio::test]
async fn what_failed_is_tried_again() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let number = world.live(&shop).await;
    world.fake.go_away("it is upgraded");
    let asked = world.fake.calls(Verb::Ensure);
    world.scale(&shop, number, 3).await.unwrap();
    eventually("it was tried", async || world.fake.calls(Verb::Ensure) > asked).await;
    world.set_back(FIVE_HOURS);
    world.fake.come_back();
    eventually("three serve", async || edge.endpoints(&shop, number) == 3).await;
}

#[tokio::test]
async fn a_drain_ends_and_its_deadline_holds() {
    let world =
        World::with_config(Config { full_look: Duration::from_millis(50), ..Config::default() })
            .await;
    let edge = world.edge("a").await;
    let shop = world.service("shop", |spec| spec.traffic.drain = Span::secs(60)).await;
    let (one, two) = (world.live(&shop).await, world.ready(&shop).await);
    edge.on_drain(None);
    let reported = world.deploy(&shop, two).await.unwrap().deployment.id;
    world.set_back(FIVE_HOURS);
    edge.drained(reported, DrainOutcome::default());
    world.deployment_reaches(reported, DeploymentState::Done).await;

    world.set_back(SignedDuration::ZERO);
    let silent = world.deploy(&shop, one).await.unwrap().deployment.id;
    world.set_back(FIVE_HOURS);
    let looks = world.fake.calls(Verb::Hosts);
    eventually("drains are looked at", async || world.fake.calls(Verb::Hosts) > looks + 1).await;
    assert_eq!(world.deployment(silent).await.state, DeploymentState::Draining);
    // Two minutes after it was set back, the minute of the drain and the grace of an edge are over.
    world.set_back(FIVE_HOURS - SignedDuration::from_mins(2));
    world.deployment_reaches(silent, DeploymentState::Done).await;
    assert_eq!(edge.live(&shop), [one]);
}

#[tokio::test]
async fn a_whole_life_goes_on_in_the_past() {
    let (mut world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.live(&shop).await;
    world.set_back(FIVE_HOURS);
    let two = world.live(&shop).await;
    world.stop(&shop, one).await.unwrap();
    world.reaches(&shop, one, Stopped).await;
    world.restart().await;
    world.deploy(&shop, one).await.unwrap();
    assert_eq!((edge.live(&shop), edge.endpoints(&shop, one)), (vec![one], 2));
    let numbers: Vec<_> = world.events().await.into_iter().map(|event| event.id).collect();
    assert!(numbers.is_sorted());
    assert_eq!(world.running(&shop, two).len(), 2);
}
