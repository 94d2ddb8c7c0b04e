//! How long an environment of ten containers takes, beside ten `docker run` at once.
//!
//! `cargo bench -p launcher-scheduler --bench ten_containers`; needs an engine and `/bin/busybox`. The two take
//! turns, so that what else the machine does meets both.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    dead_code
)]

#[path = "../tests/shared/busybox.rs"]
mod busybox;
#[path = "../tests/conformance/mod.rs"]
mod conformance;
#[path = "../tests/docker/ground.rs"]
mod ground;
#[path = "../tests/shared/switch.rs"]
mod switch;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use launcher_model::VersionNumber;
use launcher_model::image::PinnedImage;
use tokio::process::Command;

use crate::conformance::{Behaviour, Ground, place, running, shop, version_of};
use crate::ground::DockerGround;

const CONTAINERS: u16 = 10;
const ROUNDS: usize = 9;

#[tokio::main]
async fn main() {
    let ground = DockerGround::prepare().await;
    let image = ground.image(Behaviour::Runs).await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (driver, cli) = if round % 2 == 0 {
            let driver = ensure(&ground, &image).await;
            (driver, docker_run(&ground, &image).await)
        } else {
            let cli = docker_run(&ground, &image).await;
            (ensure(&ground, &image).await, cli)
        };
        // The first round warms the engine up.
        if round > 0 {
            println!("round {round}: ensure {driver:.2?}, docker run {cli:.2?}");
            ours.push(driver);
            theirs.push(cli);
        }
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("median: ensure {ours:.2?}, docker run {theirs:.2?}, ratio {ratio:.2}");
}

async fn ensure(ground: &DockerGround, image: &PinnedImage) -> Duration {
    let engine = ground.engine();
    let placement = place(version_of("shop", 1, image.clone()), CONTAINERS);
    let begun = Instant::now();
    engine.ensure(&placement).await.unwrap();
    let took = begun.elapsed();
    let containers = engine.observe(Some(&shop())).await.unwrap();
    assert_eq!(running(&containers).len(), usize::from(CONTAINERS));
    engine.remove(&shop(), VersionNumber(1), Duration::from_secs(5)).await.unwrap();
    took
}

async fn docker_run(ground: &DockerGround, image: &PinnedImage) -> Duration {
    let label = format!("launcher.installation={}", ground.installation());
    let image = image.reference.to_string();
    let begun = Instant::now();
    let runs = (0..CONTAINERS)
        .map(|_| Command::new("docker").args(["run", "-d", "--label", &label, &image]).output());
    let ran = join_all(runs).await;
    let took = begun.elapsed();
    let ids: Vec<_> = ran
        .into_iter()
        .map(|output| {
            let output = output.expect("no docker command");
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        })
        .collect();
    join_all(ids.iter().map(|id| ground.remove_by_hand(id))).await;
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
