//! The main job on a real engine: image → environment → preview → live → back.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::time::Duration;

use launcher_testkit::load::Plan;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Engine, Image, Installation, Load};
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
    })
}

async fn version_at(installation: &Installation, host: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/version", installation.http);
    let answer = client.get(url).header("host", host).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn deploy(api: &Api, load: &Load, number: u64) -> Value {
    load.timeline.begins(number);
    let deployed = api.deploy("shop", number).await;
    load.timeline.ended(number);
    deployed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_story_of_a_service() {
    let engine = Engine::local();
    let one = engine.build(program(), 1, &[]);
    let two = engine.build(program(), 2, &[]);
    let broken = engine.build(program(), 3, &[("SAMPLE_BROKEN", "exit")]);
    let mut installation = Installation::new(program(), &engine);
    let api = installation.start().await;
    api.put_service(shop(2, &json!({}))).await;

    // Nothing is live yet: production says so, and the preview is there all the same.
    assert_eq!(api.launch_ready("shop", &one.id).await, 1);
    assert_eq!(version_at(&installation, "shop.example.com").await.0, 503);
    assert_eq!(version_at(&installation, "v1.shop.localhost").await, (200, "1".to_owned()));

    api.deploy("shop", 1).await;
    let load = load(&installation, 8, 2);
    load.timeline.begins(1);
    load.timeline.ended(1);

    api.launch_ready("shop", &two.id).await;
    assert_eq!(version_at(&installation, "v2.shop.localhost").await, (200, "2".to_owned()));
    assert_eq!(version_at(&installation, "shop.example.com").await, (200, "1".to_owned()));
    let deployed = deploy(&api, &load, 2).await;
    assert_eq!((&deployed["changed"], &deployed["generation"]), (&json!(true), &json!(2)));
    assert_eq!(version_at(&installation, "shop.example.com").await, (200, "2".to_owned()));
    // Pressed twice: nothing is done twice.
    let again = api.deploy("shop", 2).await;
    assert_eq!((&again["changed"], &again["id"]), (&json!(false), &deployed["id"]));

    fails_without_harm(&api, &installation, &broken).await;

    load.timeline.begins(1);
    let back = api.post("/services/shop/rollback", json!({})).await;
    load.timeline.ended(1);
    assert_eq!((&back["kind"], &back["receipt"]["start_ms"]), (&json!("rollback"), &json!(0)));
    assert_eq!(version_at(&installation, "shop.example.com").await, (200, "1".to_owned()));

    refuses_what_would_harm(&api).await;
    rolls_back_to_a_stopped_one(&api, &load, &engine, &installation).await;

    let report = load.stop();
    assert_eq!((report.failed, report.closed, report.wrong), (0, 0, 0), "{report:?}");
    assert!(report.answered > 100, "{report:?}");
}

async fn fails_without_harm(api: &Api, installation: &Installation, broken: &Image) {
    let number = api.launch("shop", &broken.id).await;
    let failed = until("the broken version failing", SOON, || async {
        let version = api.version("shop", number).await;
        (version["environment"]["state"] == "failed").then_some(version)
    })
    .await;
    let failure = &failed["environment"]["failure"];
    let reason = failure["reason"].as_str().unwrap();
    assert!(reason.contains("exited with status 1"), "{reason}");
    assert!(failure["log"].to_string().contains("database"), "{failure}");
    let refused = api
        .try_call(Method::POST, "/services/shop/deployments", Some(&json!({ "version": number })))
        .await
        .unwrap();
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body["detail"].as_str().unwrap().contains("failed"), "{}", refused.body);
    assert_eq!(version_at(installation, "shop.example.com").await, (200, "2".to_owned()));
}

async fn refuses_what_would_harm(api: &Api) {
    for (method, path) in [
        (Method::POST, "/services/shop/versions/1/stop"),
        (Method::DELETE, "/services/shop/versions/1"),
        (Method::DELETE, "/services/shop"),
    ] {
        let refused = api.try_call(method.clone(), path, None).await.unwrap();
        assert_eq!(refused.status, 409, "{method} {path}: {}", refused.body);
    }
}

async fn rolls_back_to_a_stopped_one(
    api: &Api,
    load: &Load,
    engine: &Engine,
    installation: &Installation,
) {
    api.post("/services/shop/versions/2/stop", json!({})).await;
    let stopped = api.wait_for_state("shop", 2, "stopped").await;
    assert_eq!(stopped["environment"]["healthy"], json!(0));
    let kept = engine.containers(installation.id()).await.len();
    load.timeline.begins(2);
    let path = "/services/shop/rollback";
    let back = api.post(path, json!({ "version": 2, "note": "v1 is slow" })).await;
    load.timeline.ended(2);
    assert!(back["receipt"]["start_ms"].as_u64().unwrap() > 0, "{back}");
    assert_eq!(back["note"], json!("v1 is slow"));
    assert_eq!(version_at(installation, "shop.example.com").await, (200, "2".to_owned()));
    // The same containers were started again.
    assert_eq!(engine.containers(installation.id()).await.len(), kept);
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
    load.timeline.begins(1);
    load.timeline.ended(1);

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
