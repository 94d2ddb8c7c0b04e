//! What a switch costs the store: the five write transactions of a deployment, on a real file.
//!
//! `cargo bench -p launcher-store`; `STORE_BENCH_DIR` names the folder of the file, so that the disk that
//! matters is measured.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launcher_model::environment::EnvironmentState;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::image::PinnedImage;
use launcher_model::route::{DeploymentKind, DeploymentState, Receipt, Weights};
use launcher_model::service::ServiceSpec;
use launcher_model::{DeploymentId, ServiceName, VersionNumber, Weight};
use launcher_store::{EnvironmentChange, NewDeployment, NewVersion, Store, sqlite};

const ROUNDS: usize = 2_000;
const STEPS: [&str; 7] =
    ["begin", "preparing", "commit_route", "live", "done", "call to decision", "all of it"];

#[tokio::main]
async fn main() {
    let folder = std::env::var_os("STORE_BENCH_DIR").unwrap_or_else(|| "target".into());
    std::fs::create_dir_all(&folder).unwrap();
    let folder = tempfile::tempdir_in(folder).unwrap();
    let store = sqlite::open(&folder.path().join("store.db")).await.unwrap();
    let versions = [ready_version(&store).await, ready_version(&store).await];

    let mut taken: [Vec<Duration>; 7] = Default::default();
    let mut from = Weights::new();
    for round in 0..ROUNDS {
        let to = Weights::from([(versions[round % 2], Weight::ALL)]);
        let steps = switch(&store, &from, &to).await;
        for (all, one) in taken.iter_mut().zip(steps) {
            all.push(one);
        }
        from = to;
    }
    println!("{ROUNDS} switches, milliseconds");
    println!("{:>18} {:>8} {:>8} {:>8}", "step", "p50", "p99", "max");
    for (name, mut all) in STEPS.iter().zip(taken) {
        all.sort();
        let at =
            |share: usize| all[(all.len() * share / 1000).min(all.len() - 1)].as_secs_f64() * 1e3;
        println!("{name:>18} {:>8.3} {:>8.3} {:>8.3}", at(500), at(990), at(1000));
    }
}

async fn switch(store: &dyn Store, from: &Weights, to: &Weights) -> [Duration; 7] {
    let event = |kind| [NewEvent::new(kind, "a deployment of shop moved on")];
    let receipt = Receipt { switch_us: 4_000, edges: Vec::new(), ..Receipt::default() };
    let now = Timestamp::now();
    let start = Instant::now();
    let id = begin(store, from, to).await;
    let begun = start.elapsed();
    store.set_deployment_state(id, DeploymentState::Preparing).await.unwrap();
    let preparing = start.elapsed();
    store.commit_route(id, now).await.unwrap();
    let decided = start.elapsed();
    store.deployment_live(id, &receipt, &event(EventKind::DeploymentLive), now).await.unwrap();
    let live = start.elapsed();
    store.deployment_done(id, &receipt, &event(EventKind::DeploymentDrained), now).await.unwrap();
    let done = start.elapsed();
    [begun, preparing - begun, decided - preparing, live - decided, done - live, decided, done]
}

async fn begin(store: &dyn Store, from: &Weights, to: &Weights) -> DeploymentId {
    let new = NewDeployment {
        service: ServiceName::new("shop").unwrap(),
        kind: DeploymentKind::Deploy,
        state: DeploymentState::Starting,
        from: from.clone(),
        to: to.clone(),
        by: "bench".into(),
        automatic: false,
        note: None,
        key: None,
    };
    let event = NewEvent::new(EventKind::DeploymentStarted, "a deployment of shop began");
    store.begin_deployment(new, &[event], Timestamp::now()).await.unwrap().id
}

async fn ready_version(store: &dyn Store) -> VersionNumber {
    let spec: ServiceSpec =
        serde_json::from_str(r#"{"service": {"name": "shop", "port": 8080}}"#).unwrap();
    store.put_service(&spec, "bench", Timestamp::now()).await.unwrap();
    let image = format!("sha256:{}", "a".repeat(64));
    let new = NewVersion {
        image: PinnedImage {
            requested: image.parse().unwrap(),
            reference: image.parse().unwrap(),
            digest: image.try_into().unwrap(),
        },
        spec,
        secrets: BTreeMap::new(),
        commit: None,
        branch: None,
        subject: None,
        author: None,
        follows_branch: false,
        taken_labels: Vec::new(),
        replicas: None,
        build: None,
        followed: None,
        by: "bench".into(),
        key: None,
    };
    let (version, _) = store.create_version(new, Timestamp::now()).await.unwrap();
    let ready = EnvironmentChange { state: Some(EnvironmentState::Ready), ..Default::default() };
    store
        .change_environment(&version.service, version.number, ready, &[], Timestamp::now())
        .await
        .unwrap();
    version.number
}
