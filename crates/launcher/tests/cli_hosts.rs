//! How the command line drains a host, waits for that, and shows what a host uses.

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

#[tokio::test]
async fn what_a_host_uses_is_asked_for_and_drawn() {
    let line = |measure: &str, unit: &str, values: Value| json!({ "measure": measure, "unit": unit, "values": values });
    let measured = json!({
        "from": 1_800_000_000, "until": 1_800_000_030, "step": 10,
        "lines": [
            line("cpu", "processors", json!([1.0, null, 2.0])),
            line("cpus", "processors", json!([4.0, null, 4.0])),
        ],
    });
    let nothing = json!({
        "from": 0, "until": 10, "step": 10, "lines": [line("cpu", "processors", json!([null]))],
    });
    let stub = Stub::start(move |call, _| match &*call.line {
        line if line.contains("measures=") || !line.contains("step=") => answer(200, &measured),
        _ => answer(200, &nothing),
    })
    .await;
    let asked = ["metrics", "--host", "web 1", "--measure", "cpu", "--measure", "cpus"];
    let ran = run(&stub.url, &asked).await;
    let drawn =
        "MEASURE  MEAN  MOST  OVER TIME\ncpu      1.5   2     ▅ █\ncpus     4     4     █ █\n";
    assert_eq!((ran.status, ran.stdout.as_str()), (0, drawn), "{ran:?}");
    let ran = run(&stub.url, &["metrics", "--host", "web 1", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["lines"][1]["values"][2], 4.0);
    let ran = run(&stub.url, &["metrics", "--host", "web 1"]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert!(
        ran.stderr.starts_with("nothing was measured of web 1 in whole steps of that time: "),
        "{ran:?}"
    );
    let path = "GET /api/v1/hosts/web%201/metrics?from=-15m";
    let lines = stub.lines();
    assert_eq!(lines[0], format!("{path}&measures=cpu%2Ccpus&step=30s"));
    assert_eq!(lines[1], path);
    for wrong in [&["metrics"][..], &["metrics", "shop", "--host", "web1"]] {
        assert_eq!(run(&stub.url, wrong).await.status, 2, "{wrong:?}");
    }
    for short in ["0s", "999ms"] {
        let ran = run(&stub.url, &["metrics", "shop", "--for", short]).await;
        assert!(ran.status == 2 && ran.stderr.contains("give 1s or more"), "{ran:?}");
    }
}
