//! How environments end, and what is left of them.

use std::time::{Duration, Instant};

use launcher_model::VersionNumber;
use launcher_scheduler::Scheduler;

use crate::busybox::command;
use crate::conformance::{Behaviour, Ground, eventually, place, running, settle, shop, version_of};
use crate::ground::SwarmGround;

pub(crate) async fn containers_end_within_the_grace_that_they_were_made_with(ground: &SwarmGround) {
    let deaf = command("trap '' TERM; while :; do busybox sleep 1; done");
    let image = ground.push("deaf", &deaf).await;
    let engine = ground.driver(|config| config.grace = Duration::from_secs(1));
    settle(&engine, &place(version_of("shop", 41, image), 2)).await;
    let began = Instant::now();
    engine.stop(&shop(), VersionNumber(41), Duration::from_secs(60)).await.unwrap();
    let took = began.elapsed();
    // The Swarm's own would be 10 s.
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(9), "{took:?}");
    assert!(running(&engine.observe(Some(&shop())).await.unwrap()).is_empty());
    engine.remove(&shop(), VersionNumber(41), Duration::ZERO).await.unwrap();
}

pub(crate) async fn what_has_no_container_is_told_of(ground: &SwarmGround) {
    let engine = ground.driver(|_| {});
    let image = ground.image(Behaviour::Runs).await;
    let environment = (shop(), VersionNumber(42));
    settle(&engine, &place(version_of("shop", 42, image), 1)).await;
    assert!(!engine.unseen().await.unwrap().contains(&environment));
    engine.stop(&shop(), VersionNumber(42), Duration::ZERO).await.unwrap();
    eventually("its service is left, and no container", async || {
        let seen = engine.observe(None).await.unwrap();
        assert!(ground.neighbour().unseen().await.unwrap().is_empty(), "it is not theirs");
        let gone = seen.iter().all(|container| container.version != environment.1);
        (gone && engine.unseen().await.unwrap().contains(&environment)).then_some(())
    })
    .await;
    engine.remove(&shop(), VersionNumber(42), Duration::ZERO).await.unwrap();
    assert!(engine.unseen().await.unwrap().is_empty());
}
