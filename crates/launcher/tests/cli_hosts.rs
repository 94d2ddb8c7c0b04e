//! How the command line drains a host, and waits for that.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli_support;

use cli_support::{Stub, answer, problem, run, unexpected};
use serde_json::{Value, json};

/// The host `alpha` with so many containers of v3, and why their successors wait.
fn host(state: &str, running: usize, waits: Option<&str>) -> Value {
    let of_shop = json!({ "service": "shop", "version": 3, "running": running, "waits": waits });
    json!({
        "name": "alpha", "address": "10.0.0.5", "engine": "Docker 20.10.24", "cpus": 8, "memory": 17_179_869_184_u64,
        "running": running, "usable": state != "down", "state": state, "labels": {},
        "promised": { "milli_cpus": 0, "memory": 0 }, "free": { "milli_cpus": 8000, "memory": 17_179_869_184_u64 },
        "containers": if running == 0 { json!([]) } else { json!([of_shop]) },
    })
}

/// A server that says these things of the host, one after the other, when it is drained and looked at.
async fn drains(told: Vec<Value>) -> Stub {
    Stub::start(move |call, before| match call.line.as_str() {
        "POST /api/v1/hosts/alpha/drain" => answer(200, &told[0]),
        "GET /api/v1/hosts/alpha" => answer(200, &told[(before + 1).min(told.len() - 1)]),
        _ => unexpected(call),
    })
    .await
}

#[tokio::test]
async fn a_drain_is_waited_for_and_each_change_told_once() {
    let why = "no host will do: 2 hosts without 2 CPUs free";
    let stub = drains(vec![
        host("draining", 2, None),
        host("draining", 2, None),
        host("draining", 1, Some(why)),
        host("drained", 0, None),
    ])
    .await;
    let ran = run(&stub.url, &["hosts", "drain", "alpha", "--wait"]).await;
    let said = format!(
        "alpha is being drained: 2 still there: 2 of shop v3\n\
         alpha is being drained: 1 still there: 1 of shop v3 ({why})\n\
         alpha: it is drained: no container of ours runs there\n"
    );
    assert_eq!((ran.status, ran.stderr.as_str(), ran.stdout.as_str()), (0, &*said, ""), "{ran:?}");
    assert_eq!(stub.calls()[0].header("idempotency-key").len(), 32);
    assert_eq!(stub.lines().len(), 4);

    let ran = run(&stub.url, &["hosts", "alpha", "--json"]).await;
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (printed["state"].as_str(), printed["containers"].as_array().unwrap().len()),
        (Some("drained"), 0)
    );
}

#[tokio::test]
async fn without_waiting_what_is_left_is_told() {
    let stub = drains(vec![host("draining", 2, None)]).await;
    let ran = run(&stub.url, &["hosts", "drain", "alpha"]).await;
    let said = "alpha is being drained: 2 still there: 2 of shop v3; `launcher hosts alpha` shows what is still there\n";
    assert_eq!((ran.status, ran.stderr.as_str()), (0, said), "{ran:?}");
}

#[tokio::test]
async fn a_drain_that_somebody_takes_back_ends_the_wait() {
    let stub = drains(vec![host("draining", 2, None), host("ready", 2, None)]).await;
    let ran = run(&stub.url, &["hosts", "drain", "alpha", "--wait"]).await;
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.ends_with("somebody has opened or closed it\n"), "{ran:?}");
}

#[tokio::test]
async fn what_is_refused_is_told() {
    let why = "no other host takes containers than alpha";
    let stub = Stub::start(move |_, _| problem(409, "refused", why)).await;
    let ran = run(&stub.url, &["hosts", "drain", "alpha", "--wait"]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{ran:?}");
    assert!(ran.stderr.contains(why), "{ran:?}");
}
