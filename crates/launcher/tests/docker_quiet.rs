//! How little the whole server asks of its engine while nothing changes, whatever the number of services.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, reason = "only what comes through it counts here")]
#[path = "../../scheduler/tests/shared/switch.rs"]
mod switch;

use std::path::Path;
use std::time::{Duration, Instant};

use launcher_testkit::wait::until;
use launcher_testkit::{Engine, Installation};
use serde_json::json;
use switch::Switch;

/// So much of a minute is watched: the time from one look at everything to the next.
const WATCHED: Duration = Duration::from_secs(30);
/// As many as would show if each of them cost a call.
const SERVICES: usize = 6;
/// So many calls are allowed in that time.
const MOST: usize = 5;
/// Nothing is under way when no call has come for so long.
const QUIET: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_is_asked_little_by_a_server_at_rest() {
    let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
    let engine = Engine::local();
    let image = engine.build(program, 1, &[]);
    let switch = Switch::install("launcher-quiet-", engine.host().trim_start_matches("unix://"));
    let mut installation = Installation::new(program, &engine);
    installation.set("LAUNCHER_DOCKER_HOST", switch.host());
    let api = installation.start().await;
    for number in 1..=SERVICES {
        let name = format!("idle-{number}");
        api.put_service(json!({
            "service": { "name": name, "replicas": 1, "port": 8080 },
            "health": { "path": "/healthz", "interval": "1s" },
        }))
        .await;
        api.launch_ready(&name, &image.id).await;
    }
    rest(&switch).await;
    let before = switch.asked();
    // What is measured is how little happens in this time.
    tokio::time::sleep(WATCHED).await;
    let calls = switch.asked() - before;
    println!("{SERVICES} services: {calls} calls in {WATCHED:?}");
    assert!(calls >= 1, "it does not look at all");
    assert!(calls <= MOST, "{calls} calls in {WATCHED:?} with {SERVICES} services");
}

/// Waits until no call has come for a while.
async fn rest(switch: &Switch) {
    let mut last = (switch.asked(), Instant::now());
    until("no calls for a while", PATIENCE, || {
        if switch.asked() != last.0 {
            last = (switch.asked(), Instant::now());
        }
        let is_quiet = last.1.elapsed() >= QUIET;
        async move { is_quiet.then_some(()) }
    })
    .await;
}
