//! How little Marathon is asked when nothing changes.

use std::time::Duration;

use futures_util::StreamExt;
use launcher_scheduler::{Change, Scheduler};

use crate::conformance::{Behaviour, Ground, eventually, place, running, until, version_of};
use crate::ground::{LATEST, MarathonGround, in_a_lab, on_version};

/// So much of a minute is watched.
const WATCHED: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_marathon_is_asked_little_when_nothing_changes() {
    let story = async {
        for services in [1, 20] {
            let ground = MarathonGround::prepare().await;
            let calls = calls_while_idle(&ground, services).await;
            assert!(calls <= 5, "{calls} calls in half a minute, with {services} services");
            // Else nothing was counted.
            assert!(calls > 0, "it is looked at now and then");
        }
    };
    in_a_lab(on_version(LATEST, story)).await;
}

/// How often Marathon is asked while that many services run and each is asked for again and again.
async fn calls_while_idle(ground: &MarathonGround, services: u32) -> u64 {
    let engine = ground.driver(|_| {});
    let image = ground.image(Behaviour::Runs).await;
    let names: Vec<String> = (1..=services).map(|number| format!("idle-{number}")).collect();
    for name in &names {
        engine.ensure(&place(version_of(name, 1, image.clone()), 1)).await.unwrap();
    }
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    let watcher = tokio::spawn(async move { while changes.next().await.is_some() {} });
    eventually("all run", async || {
        (running(&engine.observe(None).await.unwrap()).len() == names.len()).then_some(())
    })
    .await;
    eventually("it has come to rest", async || {
        let before = ground.standin().calls();
        tokio::time::sleep(Duration::from_secs(3)).await;
        (ground.standin().calls() == before).then_some(())
    })
    .await;
    let before = ground.standin().calls();
    let end = tokio::time::Instant::now() + WATCHED;
    while tokio::time::Instant::now() < end {
        for name in &names {
            engine.observe(Some(&name.parse().unwrap())).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    watcher.abort();
    ground.standin().calls() - before
}
