//! How long a build takes, beside `docker build` with the classic builder: after a change, and from the cache.
//!
//! `cargo bench -p launcher-scheduler --bench builds`; needs an engine, `docker` and `/bin/busybox`. All take
//! turns, so that what else the machine does meets all of them.

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

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use launcher_model::BuildId;
use launcher_scheduler::docker::ImageBuilder;
use launcher_scheduler::{BuildOrder, Builder, Building, Context};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::conformance::{Ground, shop};
use crate::ground::DockerGround;

const FILES: usize = 100;
const FILE: usize = 1 << 20;
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    let ground = DockerGround::prepare().await;
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path(), &ground);
    let ways = ["docker build", "ours, classic", "ours, BuildKit"];
    let (mut cold, mut warm) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
    for round in 0..=ROUNDS {
        for turn in 0..ways.len() {
            let way = (turn + round) % ways.len();
            change(folder.path(), round * ways.len() + way);
            let changed = build(way, folder.path(), &ground).await;
            let cached = build(way, folder.path(), &ground).await;
            // The first round warms the engine up.
            if round > 0 {
                println!("round {round}: {}: {changed:.2?}, cached {cached:.2?}", ways[way]);
                cold[way].push(changed);
                warm[way].push(cached);
            }
        }
    }
    for (what, took) in [("after a change", cold), ("from the cache", warm)] {
        let [cli, classic, buildkit] = took.map(median);
        println!(
            "{what}: docker build {cli:.2?}, classic {classic:.2?} (ratio {:.2}), BuildKit {buildkit:.2?} (ratio {:.2})",
            classic.as_secs_f64() / cli.as_secs_f64(),
            buildkit.as_secs_f64() / cli.as_secs_f64()
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

fn write_files(folder: &Path, ground: &DockerGround) {
    std::fs::copy("/bin/busybox", folder.join("busybox")).unwrap();
    std::fs::create_dir(folder.join("data")).unwrap();
    for file in 0..FILES {
        let content: Vec<u8> = (0..FILE / 16).flat_map(|_| rand::random::<[u8; 16]>()).collect();
        std::fs::write(folder.join(format!("data/{file}")), content).unwrap();
    }
    let dockerfile = format!(
        "FROM scratch\nLABEL launcher.test={}\nCOPY busybox /bin/busybox\nCOPY data /data\n\
         RUN [\"/bin/busybox\", \"sh\", \"-c\", \"/bin/busybox cat /data/change\"]\n",
        ground.installation()
    );
    std::fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
}

fn change(folder: &Path, number: usize) {
    std::fs::write(folder.join("data/change"), format!("{number}\n")).unwrap();
}

async fn build(way: usize, folder: &Path, ground: &DockerGround) -> Duration {
    let begun = Instant::now();
    match way {
        0 => docker_build(folder).await,
        1 => ours(ImageBuilder::Classic, folder, ground).await,
        _ => ours(ImageBuilder::BuildKit, folder, ground).await,
    }
    begun.elapsed()
}

async fn docker_build(folder: &Path) {
    let output = Command::new("docker")
        .env("DOCKER_BUILDKIT", "0")
        .args(["build", "--label", "launcher.test.build=12", "."])
        .current_dir(folder)
        .output();
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn ours(builder: ImageBuilder, folder: &Path, ground: &DockerGround) {
    let engine = ground.driver(|config| config.builder = builder);
    let order = BuildOrder {
        service: shop(),
        id: BuildId(12),
        settings: Arc::default(),
        labels: BTreeMap::new(),
        logins: HashMap::new(),
    };
    let mut told = engine.build(&order, archive(folder)).await.unwrap();
    while let Some(item) = told.next().await {
        if let Building::Built { .. } = item.unwrap() {
            return;
        }
    }
    panic!("the build ended without an image");
}

/// The folder, as `tar` writes it.
fn archive(folder: &Path) -> Context {
    let mut tar = Command::new("tar")
        .args(["-c", "."])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pipe = tar.stdout.take().unwrap();
    let next = async |(mut pipe, tar): (tokio::process::ChildStdout, tokio::process::Child)| {
        let mut piece = bytes::BytesMut::with_capacity(64 << 10);
        let length = pipe.read_buf(&mut piece).await?;
        Ok((length > 0).then(|| (piece.freeze(), (pipe, tar))))
    };
    stream::try_unfold((pipe, tar), next).boxed()
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}
