//! The main job: image → environment → preview → live → back, and what falls out is retired.

use std::collections::BTreeMap;
use std::time::Duration;

use launcher_testkit::load::Plan;
use launcher_testkit::wait::{SOON, until, until_ok};
use launcher_testkit::{Api, Installation, Load};
use reqwest::Method;
use serde_json::{Value, json};

use crate::ground::Ground;

const HOST: &str = "shop.example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_story_of_a_service() {
    tell(Ground::docker()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_swarm_story_of_a_service() {
    tell(Ground::swarm().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_marathon_story_of_a_service() {
    tell(Ground::marathon().await).await;
}

async fn tell(mut ground: Ground) {
    let one = ground.image(1, &[]).await;
    let two = ground.image(2, &[]).await;
    let broken = ground.image(3, &[("SAMPLE_BROKEN", "exit")]).await;
    let mut installation = ground.installation();
    let api = installation.start().await;
    api.put_service(shop()).await;

    // Nothing is live yet: production says so, and the preview is there all the same.
    assert_eq!(api.launch_ready("shop", &one).await, 1);
    assert_eq!(version_at(&installation, HOST).await.0, 503);
    assert_eq!(version_at(&installation, "v1.shop.localhost").await, (200, "1".to_owned()));

    api.deploy("shop", 1).await;
    let load = load(&installation);
    api.launch_ready("shop", &two).await;
    assert_eq!(version_at(&installation, "v2.shop.localhost").await, (200, "2".to_owned()));
    assert_eq!(version_at(&installation, HOST).await, (200, "1".to_owned()));
    let deployed = deploy(&api, &load, 2).await;
    assert_eq!((&deployed["changed"], &deployed["generation"]), (&json!(true), &json!(2)));
    assert_eq!(version_at(&installation, HOST).await, (200, "2".to_owned()));
    // Pressed twice: nothing is done twice.
    let again = api.deploy("shop", 2).await;
    assert_eq!((&again["changed"], &again["id"]), (&json!(false), &deployed["id"]));

    fails_without_harm(&api, &ground, &installation, &broken).await;

    load.timeline.begins(1);
    let back = api.post("/services/shop/rollback", json!({})).await;
    load.timeline.ended(1);
    assert_eq!((&back["kind"], &back["receipt"]["start_ms"]), (&json!("rollback"), &json!(0)));
    assert_eq!(version_at(&installation, HOST).await, (200, "1".to_owned()));

    refuses_what_would_harm(&api).await;
    rolls_back_to_a_stopped_one(&api, &load, &ground, &installation).await;
    retires_what_falls_out(&api, &load, &ground, &installation, &one).await;

    let report = load.stop();
    assert_eq!((report.failed, report.closed, report.wrong), (0, 0, 0), "{report:?}");
    assert!(report.answered > 100, "{report:?}");
}

fn shop() -> Value {
    json!({
        "service": { "name": "shop", "hosts": [HOST], "replicas": 2, "port": 8080 },
        "health": { "path": "/healthz", "interval": "200ms", "start_period": "30s" },
        // The WebSockets of the load would stay for longer.
        "traffic": { "drain": "1s" },
    })
}

/// While version 1 is live.
fn load(installation: &Installation) -> Load {
    Load::start(Plan {
        edge: installation.http,
        host: HOST.to_owned(),
        connections: 8,
        sockets: 2,
        pause: Duration::from_millis(2),
        live: 1,
    })
}

async fn version_at(installation: &Installation, host: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/version", installation.http);
    let answer = client.get(url).header("host", host).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The sample of version 3 is broken, so those launched later answer with another number than theirs.
async fn deploy(api: &Api, load: &Load, number: u64) -> Value {
    let answers = if number == 4 { 1 } else { number };
    load.timeline.begins(answers);
    let deployed = api.deploy("shop", number).await;
    load.timeline.ended(answers);
    deployed
}

async fn fails_without_harm(api: &Api, ground: &Ground, installation: &Installation, broken: &str) {
    // What ends again and again is not waited for to the end of this.
    let mut patient = shop();
    patient["health"]["start_period"] = json!("10m");
    api.put_service(patient).await;
    let number = api.launch("shop", broken).await;
    api.put_service(shop()).await;
    let failed = until("the broken version failing", SOON, || async {
        let version = api.version("shop", number).await;
        (version["environment"]["state"] == "failed").then_some(version)
    })
    .await;
    let failure = &failed["environment"]["failure"];
    let reason = failure["reason"].as_str().unwrap();
    let (code, times) =
        (" exited with status 1: ", " have ended in its place, and no other is healthy");
    assert!(reason.contains(code) && reason.ends_with(times), "{reason}");
    let log = failure["log"].to_string();
    assert!(log.contains("database") || !ground.tells_logs(), "{failure}");
    let refused = api
        .try_call(Method::POST, "/services/shop/deployments", Some(&json!({ "version": number })))
        .await
        .unwrap();
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body["detail"].as_str().unwrap().contains("failed"), "{}", refused.body);
    assert_eq!(version_at(installation, HOST).await, (200, "2".to_owned()));
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
    ground: &Ground,
    installation: &Installation,
) {
    let before = api.version("shop", 2).await["containers"].clone();
    api.post("/services/shop/versions/2/stop", json!({})).await;
    let stopped = api.wait_for_state("shop", 2, "stopped").await;
    assert_eq!(stopped["environment"]["healthy"], json!(0));
    let kept = ground.keeps_stopped().then_some(2);
    assert_eq!(ground.containers(installation.id()).await.get("shop/2").copied(), kept);
    load.timeline.begins(2);
    let path = "/services/shop/rollback";
    let back = api.post(path, json!({ "version": 2, "note": "v1 is slow" })).await;
    load.timeline.ended(2);
    assert!(back["receipt"]["start_ms"].as_u64().unwrap() > 0, "{back}");
    assert_eq!(back["note"], json!("v1 is slow"));
    assert_eq!(version_at(installation, HOST).await, (200, "2".to_owned()));
    let after = api.version("shop", 2).await["containers"].clone();
    assert_eq!(ids(&before) == ids(&after), ground.keeps_stopped(), "{before} {after}");
}

fn ids(containers: &Value) -> Vec<&str> {
    let containers = containers.as_array().unwrap().iter();
    containers.map(|container| container["id"].as_str().unwrap()).collect()
}

async fn retires_what_falls_out(
    api: &Api,
    load: &Load,
    ground: &Ground,
    installation: &Installation,
    image: &str,
) {
    let mut spec = shop();
    spec["keep"] = json!({ "running": 0, "stopped": 1 });
    api.put_service(spec).await;
    api.launch_ready("shop", image).await;
    deploy(api, load, 4).await;
    // 4 is live, 2 was before it, 1 falls out.
    api.wait_for_state("shop", 2, "stopped").await;
    api.wait_for_state("shop", 1, "destroyed").await;
    let mut wanted = BTreeMap::from([("shop/4".to_owned(), 2)]);
    if ground.keeps_stopped() {
        wanted.insert("shop/2".to_owned(), 2);
    }
    until_ok("the engine having what is wanted alone", SOON, async || {
        let mut there = ground.containers(installation.id()).await;
        // What failed may be kept, to be looked at.
        there.remove("shop/3");
        if there == wanted { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await;
}
