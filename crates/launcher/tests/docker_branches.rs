//! Environments of branches with a real engine: replaced under load, put to sleep, woken by a request,
//! gone with their branch; and a server that is killed in the middle.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use launcher_testkit::load::Plan;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Engine, Installation, Load};
use reqwest::Method;
use serde_json::{Value, json};

fn service(sleep_after: &str, idle: &str) -> Value {
    json!({
        "service": { "name": "shop", "hosts": ["shop.example.com"], "port": 8080 },
        "health": { "path": "/healthz", "interval": "1s" },
        "branches": { "match": ["*"], "sleep_after": sleep_after, "idle": idle },
    })
}

async fn push(api: &Api, branch: &str, image: &str) -> u64 {
    let made =
        api.post("/services/shop/versions", json!({ "image": image, "branch": branch })).await;
    made["number"].as_u64().unwrap()
}

async fn branch(api: &Api, name: &str) -> Option<Value> {
    let listed = api.insist_get("/services/shop/branches").await;
    listed["items"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned()
}

async fn is_so(api: &Api, name: &str, version: u64, state: &str) {
    until(&format!("{name} v{version} being {state}"), SOON, || async {
        let branch = branch(api, name).await?;
        (branch["version"] == version && branch["state"] == state).then_some(())
    })
    .await;
}

fn load(installation: &Installation, host: &str) -> Load {
    Load::start(Plan {
        edge: installation.http,
        host: host.to_owned(),
        connections: 16,
        sockets: 0,
        pause: Duration::from_millis(5),
        live: 1,
    })
}

async fn visit(installation: &Installation, host: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/version", installation.http);
    let answer = client.get(url).header("host", host).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_branches_are_replaced_sleep_wake_and_go() {
    let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
    let engine = Engine::local();
    let images = [1, 2, 3].map(|version| engine.build(program, version, &[]));
    let mut installation = Installation::new(program, &engine);
    let api = installation.start().await;
    api.put_service(service("1h", "7d")).await;
    let login = push(&api, "feature/login", &images[0].id).await;
    let cart = push(&api, "cart", &images[2].id).await;
    is_so(&api, "feature/login", login, "running").await;
    is_so(&api, "cart", cart, "running").await;
    let host = "feature-login.shop.localhost";
    assert_eq!(visit(&installation, "cart.shop.localhost").await, (200, "3".to_owned()));

    let under = load(&installation, host);
    until("the load", SOON, || async { (under.answered() > 100).then_some(()) }).await;
    let mut before = login;
    for turn in 0..4 {
        let image = usize::from(turn % 2 == 0);
        under.timeline.begins(image as u64 + 1);
        let next = push(&api, "feature/login", &images[image].id).await;
        is_so(&api, "feature/login", next, "running").await;
        api.wait_for_state("shop", before, "destroyed").await;
        under.timeline.ended(image as u64 + 1);
        before = next;
    }
    let report = under.stop();
    assert_eq!((report.failed, report.wrong, report.closed), (0, 0, 0), "{report:?}");
    assert_eq!(report.by_version.len(), 2, "{report:?}");

    api.put_service(service("1s", "7d")).await;
    is_so(&api, "feature/login", before, "asleep").await;
    api.wait_for_state("shop", before, "stopped").await;
    let began = Instant::now();
    let answer = visit(&installation, host).await;
    let woken = began.elapsed();
    assert_eq!(answer, (200, "1".to_owned()));
    println!("woken by the first request in {woken:?}");
    is_so(&api, "feature/login", before, "running").await;

    let path = "/services/shop/branches/feature%2Flogin";
    assert_eq!(api.try_call(Method::DELETE, path, None).await.unwrap().status, 204);
    api.wait_for_state("shop", before, "destroyed").await;
    let gone = async || visit(&installation, host).await.0;
    until("the name leading nowhere", SOON, || async { (gone().await == 404).then_some(()) }).await;
    api.put_service(service("1s", "2s")).await;
    api.wait_for_state("shop", cart, "destroyed").await;
    assert!(branch(&api, "cart").await.is_none());
}

/// At each point at which the name, or what it led to before, is changed.
#[cfg(feature = "fault-points")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_server_that_dies_while_a_branch_is_replaced_loses_no_request() {
    let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
    let engine = Engine::local();
    let images = [1, 2].map(|version| engine.build(program, version, &[]));
    let mut installation = Installation::new(program, &engine);
    let fault = installation.scratch().join("fault");
    installation.set("LAUNCHER_FAULT_FILE", fault.to_str().unwrap());
    let mut api = installation.start().await;
    api.put_service(service("1h", "7d")).await;
    let mut before = push(&api, "login", &images[0].id).await;
    is_so(&api, "login", before, "running").await;
    let under = load(&installation, "login.shop.localhost");
    under.timeline.begins(2);
    let points = [
        "branch.before_move",
        "branch.moved",
        "branch.followed",
        "branch.before_replaced",
        "branch.replaced",
    ];
    for (turn, point) in points.into_iter().enumerate() {
        std::fs::write(&fault, point).unwrap();
        let next = push(&api, "login", &images[(turn + 1) % 2].id).await;
        until(&format!("the server dying at {point}"), SOON, || async {
            (!fault.exists()).then_some(())
        })
        .await;
        until("the end of the server", SOON, || {
            let ended = installation.server_has_ended();
            async move { ended.then_some(()) }
        })
        .await;
        installation.start_server();
        api = installation.wait_for_server().await;
        is_so(&api, "login", next, "running").await;
        api.wait_for_state("shop", before, "destroyed").await;
        before = next;
    }
    let report = under.stop();
    assert_eq!((report.failed, report.closed), (0, 0), "{report:?}");
}
