//! A path of one service is answered by another one, whose switches lose nothing.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::time::Duration;

use launcher_testkit::load::Plan;
use launcher_testkit::{Engine, Installation, Load};
use reqwest::Method;
use serde_json::{Value, json};

const SWITCHES: u64 = 40;

fn service(name: &str, paths: &Value) -> Value {
    json!({
        "service": { "name": name, "hosts": [format!("{name}.example.com")], "port": 8080 },
        "health": { "path": "/healthz", "interval": "1s" },
        "paths": paths,
    })
}

/// Requests for the shop's hostname that the other service answers: none fails while that is switched,
/// none reaches a version that was not live, and each switch waits for what came by the path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_path_s_service_is_switched_and_nothing_is_lost() {
    let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
    let engine = Engine::local();
    let images = [1, 2, 3].map(|version| engine.build(program, version, &[]));
    let mut installation = Installation::new(program, &engine);
    let api = installation.start().await;
    api.put_service(service("api", &json!({}))).await;
    // What the load asks for, and where its WebSockets are.
    api.put_service(service("shop", &json!({ "/version": "api", "/ws": "api" }))).await;
    for image in &images[..2] {
        api.launch_ready("api", &image.id).await;
    }
    api.launch_ready("shop", &images[2].id).await;
    api.deploy("api", 1).await;
    api.deploy("shop", 1).await;
    let load = Load::start(Plan {
        edge: installation.http,
        host: "shop.example.com".to_owned(),
        connections: 32,
        sockets: 8,
        pause: Duration::from_millis(10),
        live: 1,
    });
    launcher_testkit::wait::until(
        "all connections being open",
        Duration::from_secs(30),
        || async { (load.answered() >= 32 && load.echoed() >= 8).then_some(()) },
    )
    .await;
    for switch in 0..SWITCHES {
        let number = if switch % 2 == 0 { 2 } else { 1 };
        load.timeline.begins(number);
        let deployed = api.deploy("api", number).await;
        load.timeline.ended(number);
        let receipt = &deployed["receipt"]["edges"][0];
        assert!(receipt["fenced"].is_null(), "{deployed}");
        if switch == 0 {
            assert_eq!(deployed["receipt"]["in_flight_connections"], 8, "{deployed}");
        }
    }
    let report = load.stop();
    assert_eq!((report.failed, report.wrong), (0, 0), "{report:?}");
    assert_eq!((report.closed, report.sockets_closed), (0, 0), "{report:?}");
    // None of them was answered by the shop, whose only image says 3.
    assert_eq!(report.by_version.keys().collect::<Vec<_>>(), [&1, &2], "{report:?}");
    assert!(report.answered > SWITCHES, "{report:?}");

    let refused = api.try_call(Method::DELETE, "/services/api?destroy=true", None).await.unwrap();
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.body["detail"].as_str().unwrap().contains("/version of shop"), "{refused:?}");
}
