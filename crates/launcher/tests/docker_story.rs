//! What an environment is kept as: retention, repair, health, secrets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::time::Duration;

use launcher_testkit::load::Plan;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Engine, Installation, Load};
use reqwest::Method;
use serde_json::{Value, json};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_launcher"))
}

fn shop(replicas: u16, keep: &Value) -> Value {
    json!({
        "service": { "name": "shop", "hosts": ["shop.example.com"], "replicas": replicas, "port": 8080 },
        "health": { "path": "/healthz", "interval": "200ms", "start_period": "20s" },
        "keep": keep,
    })
}

fn load(installation: &Installation, connections: usize, sockets: usize) -> Load {
    Load::start(Plan {
        edge: installation.http,
        host: "shop.example.com".to_owned(),
        connections,
        sockets,
        pause: Duration::from_millis(2),
        live: 1,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_retention_stops_and_destroys_what_falls_out() {
    let engine = Engine::local();
    let image = engine.build(program(), 1, &[]);
    let mut installation = Installation::new(program(), &engine);
    let api = installation.start().await;
    api.put_service(shop(1, &json!({ "running": 1, "stopped": 1 }))).await;
    for number in 1..=5 {
        assert_eq!(api.launch_ready("shop", &image.id).await, number);
        if number == 1 {
            api.post("/services/shop/versions/1/pin", json!({})).await;
        }
        api.deploy("shop", number).await;
    }
    // 5 is live, 4 stays warm, 3 is stopped, 2 falls out, 1 is pinned.
    for (number, state) in
        [(5, "ready"), (4, "ready"), (3, "stopped"), (2, "destroyed"), (1, "ready")]
    {
        api.wait_for_state("shop", number, state).await;
    }
    let left = engine.containers(installation.id()).await.len();
    assert_eq!(left, 4);
    api.post("/services/shop/versions/1/unpin", json!({})).await;
    api.wait_for_state("shop", 1, "destroyed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_environments_are_repaired() {
    let engine = Engine::local();
    let image = engine.build(program(), 1, &[]);
    let mut installation = Installation::new(program(), &engine);
    let api = installation.start().await;
    api.put_service(shop(3, &json!({}))).await;
    api.launch_ready("shop", &image.id).await;
    api.deploy("shop", 1).await;
    let load = load(&installation, 8, 0);

    let before = engine.containers(installation.id()).await;
    engine.kill(&before[0]).await;
    engine.remove(&before[1]).await;
    until("three other containers serving", SOON, || async {
        let version = api.version("shop", 1).await;
        let whole = version["environment"]["healthy"] == json!(3);
        let replaced = !version["containers"].to_string().contains(&before[1]);
        (whole && replaced).then_some(())
    })
    .await;
    let events = api.get("/events?service=shop").await.to_string();
    assert!(events.contains("container_lost"), "{events}");
    let report = load.stop();
    // What was in flight on the two is lost with them; everything else is not.
    assert!(report.failed <= 8, "{report:?}");
    assert_eq!((report.closed, report.wrong), (0, 0), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_an_unhealthy_container_takes_no_requests() {
    let engine = Engine::local();
    let image = engine.build(program(), 1, &[]);
    let mut installation = Installation::new(program(), &engine);
    let api = installation.start().await;
    api.put_service(shop(2, &json!({}))).await;
    let version = {
        api.launch_ready("shop", &image.id).await;
        api.deploy("shop", 1).await;
        api.version("shop", 1).await
    };
    let address = version["containers"][0]["address"].as_str().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let healthy = async |wanted: u64| {
        until("the number of healthy containers", SOON, || async {
            let now = api.version("shop", 1).await["environment"]["healthy"].clone();
            (now == json!(wanted)).then_some(())
        })
        .await;
    };
    client.post(format!("http://{address}/health/fail")).send().await.unwrap();
    healthy(1).await;
    let name = |answer: &reqwest::Response| answer.headers()["x-container"].clone();
    let mut answered_by = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let url = format!("http://{}/version", installation.http);
        let answer = client.get(url).header("host", "shop.example.com").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answered_by.insert(name(&answer).to_str().unwrap().to_owned());
    }
    assert_eq!(answered_by.len(), 1, "{answered_by:?}");
    client.post(format!("http://{address}/health/pass")).send().await.unwrap();
    healthy(2).await;
}

/// Values that stand nowhere by chance.
const FIRST: &str = "postgres://first-c41f7a";
const SECOND: &str = "postgres://second-9be203";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_release_command_and_secrets() {
    let engine = Engine::local();
    let image = engine.build(program(), 1, &[]);
    let mut installation = Installation::new(program(), &engine);
    let api = installation.start().await;
    let mut spec = shop(1, &json!({}));
    spec["secrets"] = json!({ "DATABASE_URL": "shop/database-url" });
    spec["hooks"] = json!({ "release": ["/launcher", "sample", "migrate"] });
    spec["env"] = json!({ "SAMPLE_MIGRATE_EXIT": "7" });
    api.put_service(spec.clone()).await;

    let path = "/services/shop/versions";
    let body = json!({ "image": image.id });
    let refused = api.try_call(Method::POST, path, Some(&body)).await.unwrap();
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(
        refused.body["detail"].as_str().unwrap().contains("launcher secret set"),
        "{}",
        refused.body
    );

    let secret = "/secrets/shop%2Fdatabase-url";
    api.call(Method::PUT, secret, Some(json!({ "value": FIRST }))).await;
    let number = api.launch("shop", &image.id).await;
    let failed = until("the release command failing", SOON, || async {
        let version = api.version("shop", number).await;
        (version["environment"]["state"] == "failed").then_some(version)
    })
    .await;
    let failure = failed["environment"]["failure"].to_string();
    assert!(failure.contains("release command exited with status 7"), "{failure}");
    assert_eq!(
        failed["containers"],
        json!([]),
        "nothing is created when the release command fails"
    );

    spec["env"] = json!({});
    api.put_service(spec).await;
    let first = api.launch_ready("shop", &image.id).await;
    api.call(Method::PUT, secret, Some(json!({ "value": SECOND }))).await;
    let second = api.launch_ready("shop", &image.id).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (number, value) in [(first, FIRST), (second, SECOND)] {
        let url = format!("http://{}/env?name=DATABASE_URL", installation.http);
        let host = format!("v{number}.shop.localhost");
        let answer = client.get(url).header("host", host).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap().trim(), value);
    }
    // Nothing that can be asked shows a value, and nothing logged it.
    let shown = [
        api.get("/secrets").await,
        api.get("/services/shop").await,
        api.get("/services/shop/versions").await,
        api.get("/events").await,
    ];
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(installation.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            kept.push(String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
        }
    }
    assert!(kept.len() >= 3, "database, key and token are there");
    kept.extend([json!(shown).to_string(), installation.log()]);
    for value in [FIRST, SECOND] {
        assert!(kept.iter().all(|text| !text.contains(value)), "a secret's value is shown");
    }
}
