//! What becomes of an environment that something is wrong with: failed, with the reason, and no harm done.

use std::time::Duration;

use launcher_control::Error;
use launcher_model::Span;
use launcher_model::environment::EnvironmentState::{Destroyed, Failed, Ready, Stopped};
use launcher_model::environment::{Failure, Wanted};
use launcher_model::event::EventKind;
use launcher_model::service::ServiceSpec;
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::fake::{Command, Script, Verb};

use crate::edge::Edge;
use crate::world::{NOBODY, World, eventually};

/// A world with version 1 live, and the failure of version 2, whose image behaves so.
async fn fails(
    script: Script,
    change: impl FnOnce(&mut launcher_model::service::ServiceSpec),
) -> (World, Edge, ServiceName, VersionNumber, Failure) {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let live = world.live(&shop).await;
    world.service("shop", change).await;
    world.script(&shop, "bad", script);
    let number = world.launch(&shop, "bad").await;
    let view = world.reaches(&shop, number, Failed).await;
    assert_eq!(view.environment.wanted, Wanted::Stopped);
    assert_eq!(world.route(&shop).await, [live]);
    assert_eq!((edge.live(&shop), edge.endpoints(&shop, live)), (vec![live], 2));
    edge.is_unharmed();
    eventually("its containers are stopped", async || world.running(&shop, number).is_empty())
        .await;
    let refused = world.deploy(&shop, number).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused(why) if why.contains("has failed")), "{refused}");
    assert_eq!(world.count(EventKind::EnvironmentFailed).await, 1);
    (world, edge, shop, number, view.environment.failure.unwrap())
}

#[tokio::test]
async fn one_that_is_not_healthy_in_time_tells_what_the_check_said() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let live = world.live(&shop).await;
    world.service("shop", |spec| spec.health.start_period = Span::millis(300)).await;
    world.fake.set_addresses(|_, _, _| NOBODY);
    let number = world.launch(&shop, "2").await;
    let view = world.reaches(&shop, number, Failed).await;
    let reason = view.environment.failure.unwrap().reason;
    assert!(
        reason.starts_with("0 of 2 containers were healthy within 300ms: container "),
        "{reason}"
    );
    assert!(reason.contains("failed its health check: "), "{reason}");
    assert_eq!(edge.live(&shop), [live]);
}

#[tokio::test]
async fn one_whose_containers_die_tells_their_status_and_their_last_words() {
    let script = Script::new().prints("out of luck").exits(Duration::ZERO, 3);
    let health = |spec: &mut ServiceSpec| {
        spec.health.start_period = Span::millis(300);
        // However late the end of a container is told: it has not become ready before.
        spec.health.healthy_after = 1000;
    };
    let (.., failure) = fails(script, health).await;
    assert!(failure.reason.ends_with(" exited with status 3"), "{}", failure.reason);
    assert_eq!(failure.log, ["out of luck"]);
}

#[tokio::test]
async fn the_last_end_of_a_version_that_fails_is_not_said_to_be_replaced() {
    let (world, _edge) = World::new().await;
    let never_ready = |spec: &mut ServiceSpec| {
        spec.service.replicas = 1;
        spec.health.start_period = Span::secs(60);
        spec.health.healthy_after = 1000;
    };
    let shop = world.service("shop", never_ready).await;
    let number = world.launch(&shop, "1").await;
    let running = async || {
        let view = world.environment(&shop, number).await;
        view.containers.into_iter().find(|checked| checked.container.is_running())
    };
    for ends in 1..=3 {
        eventually("it is seen to run", async || running().await.is_some()).await;
        world.fake.kill(&running().await.unwrap().container.id, 3);
        world.told(EventKind::ContainerLost, ends).await;
    }
    world.reaches(&shop, number, Failed).await;
    let events = world.events().await.into_iter();
    let lost = events.filter(|event| event.kind == EventKind::ContainerLost);
    let lost: Vec<_> = lost.map(|event| event.text).collect();
    let replaced = "container 1 of v1 exited with status 3; it is replaced";
    assert_eq!(lost, [replaced, replaced, "container 1 of v1 exited with status 3"]);
}

#[tokio::test]
async fn one_that_cannot_be_started_fails_at_once() {
    let script = Script::new().unstartable("/no/such/program: no such file");
    let (.., failure) = fails(script, |_| {}).await;
    assert!(failure.reason.contains("cannot be started: /no/such/program"), "{}", failure.reason);
}

#[tokio::test]
async fn one_whose_image_cannot_be_pulled_fails_at_once_and_can_be_destroyed() {
    let script = Script::new().unpullable("manifest unknown");
    let (world, _edge, shop, number, failure) = fails(script, |_| {}).await;
    assert!(failure.reason.contains("cannot be had: manifest unknown"), "{}", failure.reason);
    world.destroy(&shop, number).await.unwrap();
    world.reaches(&shop, number, Destroyed).await;
}

#[tokio::test]
async fn an_image_that_is_unknown_is_refused_before_anything_is_created() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    world.script(&shop, "none", Script::new().unknown("no such tag"));
    let refused = world.try_launch(&shop, "none").await.unwrap_err();
    assert!(matches!(refused, Error::Scheduler(_)), "{refused}");
    assert_eq!(world.launch(&shop, "1").await.0, 1);
}

#[tokio::test]
async fn one_whose_release_command_fails_has_no_containers() {
    let script = Script::new().commands(|_| Command {
        prints: vec!["no such column".to_owned()],
        code: 4,
        ..Command::default()
    });
    let (world, _edge, shop, number, failure) =
        fails(script, |spec| spec.hooks.release = Some(vec!["bin/migrate".to_owned()])).await;
    assert_eq!(failure.reason, "the release command exited with status 4");
    assert_eq!(failure.log, ["no such column"]);
    let containers = world.fake.containers();
    assert!(containers.iter().all(|one| one.version != number), "{containers:?}");
    assert_eq!(world.fake.one_offs().len(), 1);
    world.destroy(&shop, number).await.unwrap();
    world.reaches(&shop, number, Destroyed).await;
    assert!(world.fake.one_offs().is_empty(), "{:?}", world.fake.one_offs());
}

#[tokio::test]
async fn one_whose_release_command_hangs_fails_when_its_time_is_over() {
    let script = Script::new()
        .commands(|_| Command { takes: Duration::from_secs(3600), ..Command::default() });
    let (.., failure) = fails(script, |spec| {
        spec.hooks.release = Some(vec!["bin/migrate".to_owned()]);
        spec.hooks.release_timeout = Span::secs(1);
    })
    .await;
    assert!(failure.reason.contains("did not end within 1 s"), "{}", failure.reason);
}

#[tokio::test]
async fn what_takes_long_is_given_up_when_it_is_not_wanted_any_more() {
    let (world, _edge) = World::new().await;
    let long = Duration::from_secs(3600);
    let pulls = Script::new().pull_takes(long);
    let hangs = Script::new().commands(move |_| Command { takes: long, ..Command::default() });
    let shop = world
        .service("shop", |spec| spec.hooks.release = Some(vec!["bin/migrate".to_owned()]))
        .await;
    for (tag, script, verb) in [("pulls", pulls, Verb::Fetch), ("hangs", hangs, Verb::RunOnce)] {
        world.script(&shop, tag, script);
        for destroy in [true, false] {
            let asked = world.fake.calls(verb);
            let number = world.launch(&shop, tag).await;
            eventually("it has begun", async || world.fake.calls(verb) > asked).await;
            if destroy {
                world.destroy(&shop, number).await.unwrap();
                world.reaches(&shop, number, Destroyed).await;
                assert!(world.fake.one_offs().is_empty(), "{:?}", world.fake.one_offs());
            } else {
                world.stop(&shop, number).await.unwrap();
                world.reaches(&shop, number, Stopped).await;
            }
        }
    }
}

#[tokio::test]
async fn a_failed_environment_is_neither_started_again_nor_scaled() {
    let script = Script::new().unstartable("no");
    let (world, _edge, shop, number, _) = fails(script, |_| {}).await;
    for refused in [world.begin(&shop, number).await, world.scale(&shop, number, 3).await] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("has failed"), "{refused}");
        assert!(refused.contains("launch its image again"), "{refused}");
    }
}

#[tokio::test]
async fn one_that_was_ready_and_cannot_be_repaired_tells_why_until_it_can() {
    let (mut world, _edge) = World::new().await;
    world.set_secret("shop/url", "hunter2").await;
    let secret = |spec: &mut launcher_model::service::ServiceSpec| {
        spec.secrets.insert("URL".to_owned(), "shop/url".parse().unwrap());
    };
    let shop = world.service("shop", secret).await;
    let number = world.live(&shop).await;
    world.use_key("another.key");
    world.restart().await;
    world.fake.kill(&world.running(&shop, number)[0], 1);
    world.told(EventKind::EnvironmentTroubled, 1).await;
    let view = world.environment(&shop, number).await;
    let trouble = view.trouble.unwrap();
    assert!(trouble.contains("put back the key file"), "{trouble}");
    assert_eq!(view.environment.state, Ready);
    assert_eq!(world.running(&shop, number).len(), 1, "what runs is left");
    world.passes(&shop, 3).await;
    assert_eq!(world.count(EventKind::EnvironmentTroubled).await, 1, "it is told once");

    world.use_key("secret.key");
    world.restart().await;
    eventually("it is whole again", async || world.running(&shop, number).len() == 2).await;
    eventually("nothing is told any more", async || {
        world.environment(&shop, number).await.trouble.is_none()
    })
    .await;
}
