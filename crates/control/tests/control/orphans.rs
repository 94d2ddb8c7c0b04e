//! Containers that nobody wants any more.

use std::sync::Arc;
use std::time::Duration;

use launcher_control::Config;
use launcher_model::VersionNumber;
use launcher_scheduler::fake::{Fake, Verb};
use launcher_scheduler::{OneOff, OneOffRole, Placement, Scheduler};

use crate::world::{World, eventually};

/// Has an engine run two containers of this service and version.
async fn strew(engine: &Fake, world: &World, service: &str, number: u32) {
    engine.ensure(&stray(world, service, number).await).await.unwrap();
}

/// Two containers of a service and version that nobody knows of.
async fn stray(world: &World, service: &str, number: u32) -> Placement {
    let shop = "shop".parse().unwrap();
    let mut version = world.store.version(&shop, VersionNumber(1)).await.unwrap().unwrap();
    version.service = service.parse().unwrap();
    version.number = VersionNumber(number);
    Placement {
        version: Arc::new(version),
        replicas: 2,
        since: jiff::Timestamp::UNIX_EPOCH,
        variables: Arc::default(),
        avoid: Arc::default(),
        released: Default::default(),
    }
}

#[tokio::test]
async fn ours_that_no_record_explains_are_removed_and_those_of_others_never() {
    let world =
        World::with_config(Config { full_look: Duration::from_millis(50), ..Config::default() })
            .await;
    let edge = world.edge("a").await;
    let shop = world.service("shop", |_| {}).await;
    let live = world.live(&shop).await;
    let neighbour = world.fake.seen_by("somebody-else").unwrap();
    for (service, number) in [("shop", 77), ("gone", 3)] {
        strew(&world.fake, &world, service, number).await;
        strew(&neighbour, &world, service, number).await;
    }
    strew(&neighbour, &world, "shop", 1).await;
    eventually("only what is wanted is left", async || {
        let ours = world.fake.containers();
        ours.len() == 2 && ours.iter().all(|one| one.service == shop && one.version == live)
    })
    .await;
    let looks = world.fake.calls(Verb::Observe);
    eventually("it has looked again", async || world.fake.calls(Verb::Observe) > looks + 5).await;
    assert_eq!(neighbour.containers().len(), 6);
    assert!(neighbour.containers().iter().all(launcher_model::container::Container::is_running));
    assert_eq!(edge.endpoints(&shop, live), 2);
}

#[tokio::test]
async fn a_server_that_was_away_removes_what_was_destroyed_meanwhile() {
    let (mut world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (live, other) = (world.live(&shop).await, world.ready(&shop).await);
    world.fake.go_away("for maintenance");
    world.destroy(&shop, other).await.unwrap();
    world.kill().await;
    world.fake.come_back();
    world.start().await;
    eventually("it is gone", async || world.running(&shop, other).is_empty()).await;
    eventually("two are left", async || world.fake.containers().len() == 2).await;
    assert_eq!((edge.live(&shop), edge.endpoints(&shop, live)), (vec![live], 2));
}

#[tokio::test]
async fn what_no_look_at_containers_shows_is_removed_too() {
    let world =
        World::with_config(Config { full_look: Duration::from_millis(50), ..Config::default() })
            .await;
    let _edge = world.edge("a").await;
    let shop = world.service("shop", |_| {}).await;
    let live = world.live(&shop).await;
    let neighbour = world.fake.seen_by("somebody-else").unwrap();
    for (service, number) in [("shop", 77), ("gone", 3), ("shop", live.0)] {
        let Placement { version, variables, .. } = stray(&world, service, number).await;
        let release = OneOff {
            version,
            variables,
            command: vec!["migrate".to_owned()],
            role: OneOffRole::Release,
            timeout: Duration::from_secs(60),
        };
        for engine in [&world.fake, &neighbour] {
            drop(engine.run_once(&release).await.unwrap());
        }
    }
    eventually("only that of a version that is there is left", async || {
        world.fake.one_offs().len() == 1
    })
    .await;
    assert!(world.fake.one_offs()[0].contains(&format!("-shop-v{}-", live.0)));
    assert_eq!(neighbour.one_offs().len(), 3);
    assert_eq!(world.running(&shop, live).len(), 2);
}
