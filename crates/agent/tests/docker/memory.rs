use std::time::Duration;

use launcher_agent::Sampler;

use crate::ground::{Ground, docker, until};

/// More than it may have, where it counts: in memory, and not on a disk.
const TOO_MUCH: &str = "dd if=/dev/zero of=/dev/shm/much bs=1M count=64";
const LITTLE: [&str; 6] = ["--memory", "16m", "--memory-swap", "16m", "--shm-size", "64m"];

/// How many were ended for want of memory, in samples until there was one, and in three more.
async fn oom_kills(ground: &Ground, sampler: &mut Sampler) -> u64 {
    let kills = async |sampler: &mut Sampler| -> u64 {
        let report = ground.sample(sampler).await;
        report.containers.iter().map(|one| one.usage.oom_kills).sum()
    };
    let mut all = until("the end of one", async || {
        let kills = kills(sampler).await;
        (kills > 0).then_some(kills)
    })
    .await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        all += kills(sampler).await;
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_process_that_memory_runs_out_for_is_counted_once() {
    let ground = Ground::new();
    let command = format!("{TOO_MUCH}; sleep 1000");
    let mut sampler = ground.sampler().await;
    let survives = ground.run(&LITTLE, &["sh", "-c", &command]);
    assert_eq!(oom_kills(&ground, &mut sampler).await, 1);
    assert_eq!(docker(["inspect", "-f", "{{.State.Running}}", &survives.id]), "true");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_container_that_memory_runs_out_for_is_counted_once_though_it_is_gone() {
    let ground = Ground::new();
    let command = format!("sleep 1; exec {TOO_MUCH}");
    let mut sampler = ground.sampler().await;
    let dies = ground.run(&LITTLE, &["sh", "-c", &command]);
    ground.until_seen(&mut sampler, &[&dies]).await;
    assert_eq!(oom_kills(&ground, &mut sampler).await, 1);
    assert_eq!(docker(["inspect", "-f", "{{.State.OOMKilled}}", &dies.id]), "true");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_container_that_the_engine_starts_again_is_counted_as_restarted() {
    let ground = Ground::new();
    let mut sampler = ground.sampler().await;
    let again = ground.run(&["--restart", "on-failure:3"], &["sh", "-c", "sleep 1; exit 3"]);
    let mut restarts = 0;
    until("three restarts", async || {
        let report = ground.sample(&mut sampler).await;
        let own = report.containers.iter().filter(|one| one.container == again.id);
        restarts += own.map(|one| one.usage.restarts).sum::<u64>();
        let told = docker(["inspect", "-f", "{{.State.Status}} {{.RestartCount}}", &again.id]);
        (told == "exited 3").then_some(())
    })
    .await;
    assert_eq!(restarts, 3);
}
