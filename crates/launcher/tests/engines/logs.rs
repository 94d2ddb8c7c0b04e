//! What containers print is there as long as their environment is, on every engine that tells it.

use std::process::Command;

use launcher_testkit::wait::{SOON, until_ok};
use launcher_testkit::{Api, Installation};
use serde_json::{Value, json};

use crate::ground::{Ground, program};

const PREVIEW: &str = "v1.shop.localhost";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_logs_outlast_containers() {
    tell(Ground::docker()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_swarm_logs_outlast_containers() {
    tell(Ground::swarm().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_marathon_logs_outlast_containers() {
    tell(Ground::marathon_with_engines().await).await;
}

async fn tell(mut ground: Ground) {
    let image = ground.image(1, &[]).await;
    let mut installation = ground.installation();
    let api = installation.start().await;
    api.put_service(json!({
        "service": { "name": "shop", "hosts": ["shop.example.com"], "replicas": 1, "port": 8080 },
        "health": { "path": "/healthz", "interval": "200ms", "start_period": "30s" },
    }))
    .await;
    api.launch_ready("shop", &image).await;
    // Three containers one after the other, of which the engine has two at the most.
    for round in 0..3 {
        ask(&installation, PREVIEW, &format!("/print?lines=500&from={}", round * 500)).await;
        let first = running(&api).await.unwrap();
        let _ = get(&installation, PREVIEW, "/exit?code=3").await;
        until_ok("another container serving", SOON, || async {
            let version = api.version("shop", 1).await;
            let another = running(&api).await.is_some_and(|id| id != first);
            let healthy = version["environment"]["healthy"] == json!(1);
            if another && healthy { Ok(()) } else { Err(version.to_string()) }
        })
        .await;
    }
    ask(&installation, PREVIEW, "/print?lines=500&from=1500&stream=stderr").await;
    api.post("/services/shop/versions/1/stop", json!({})).await;
    api.wait_for_state("shop", 1, "stopped").await;
    let all: Vec<u64> = (0..2000).collect();
    until_ok("all lines being there", SOON, || async {
        let (numbers, told) = numbers(&installation, 1);
        assert!(
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            "repeated, or out of order: {numbers:?}"
        );
        if numbers == all { Ok(()) } else { Err(format!("{} lines; {told}", numbers.len())) }
    })
    .await;
    let kept = installation.data().join("logs/shop/v1");
    assert!(kept.exists(), "the first container is gone, its log is not");
    api.call(reqwest::Method::DELETE, "/services/shop/versions/1", None).await;
    api.wait_for_state("shop", 1, "destroyed").await;
    assert!(!kept.exists());
}

async fn running(api: &Api) -> Option<Value> {
    let version = api.version("shop", 1).await;
    let containers = version["containers"].as_array()?;
    let running = containers.iter().find(|one| one["phase"]["phase"] == "running")?;
    Some(running["id"].clone())
}

async fn get(
    installation: &Installation,
    host: &str,
    path: &str,
) -> reqwest::Result<reqwest::Response> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}{path}", installation.http);
    client.get(url).header("host", host).send().await?.error_for_status()
}

/// The container that was there may just have gone.
pub(crate) async fn ask(installation: &Installation, host: &str, path: &str) {
    until_ok("the container printing", SOON, || async {
        get(installation, host, path).await.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;
}

/// The numbers that a version has printed, as they are told, and what is told beside.
pub(crate) fn numbers(installation: &Installation, version: u64) -> (Vec<u64>, String) {
    let mut command = Command::new(program());
    command.args(["logs", "shop", &version.to_string(), "--tail", "all", "--json"]);
    let output = command.env("LAUNCHER_DATA", installation.data()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let numbers = String::from_utf8(output.stdout).unwrap();
    let numbers = numbers.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["text"].as_str().unwrap().strip_prefix("number ")?.parse().ok()
    });
    (numbers.collect(), told)
}
