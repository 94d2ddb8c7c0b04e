//! A thousand switches under load.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::time::Duration;

use launcher_testkit::load::Plan;
use launcher_testkit::{Engine, Installation, Load};
use serde_json::json;

const SWITCHES: u64 = 1000;

/// No request fails, no connection is closed, and nobody is answered by a version that was not live.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_thousand_switches_lose_nothing() {
    let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
    let engine = Engine::local();
    let images = [engine.build(program, 1, &[]), engine.build(program, 2, &[])];
    let mut installation = Installation::new(program, &engine);
    let api = installation.start().await;
    api.put_service(json!({
        "service": { "name": "shop", "hosts": ["shop.example.com"], "replicas": 2, "port": 8080 },
        "health": { "path": "/healthz", "interval": "1s" },
    }))
    .await;
    for image in &images {
        api.launch_ready("shop", &image.id).await;
    }
    api.deploy("shop", 1).await;
    let load = Load::start(Plan {
        edge: installation.http,
        host: "shop.example.com".to_owned(),
        connections: 64,
        sockets: 16,
        pause: Duration::from_millis(20),
        live: 1,
    });
    launcher_testkit::wait::until(
        "all connections being open",
        Duration::from_secs(30),
        || async { (load.answered() >= 64 && load.echoed() >= 16).then_some(()) },
    )
    .await;
    for switch in 0..SWITCHES {
        let number = if switch % 2 == 0 { 2 } else { 1 };
        load.timeline.begins(number);
        let deployed = api.deploy("shop", number).await;
        load.timeline.ended(number);
        assert_eq!(deployed["changed"], json!(true), "{deployed}");
        assert!(deployed["receipt"]["edges"][0]["fenced"].is_null(), "{deployed}");
    }
    let route = api.get("/services/shop").await["generation"].clone();
    assert_eq!(route, json!(SWITCHES + 1));
    let report = load.stop();
    assert_eq!(report.failed, 0, "{report:?}");
    assert_eq!((report.closed, report.sockets_closed), (0, 0), "{report:?}");
    assert_eq!(report.wrong, 0, "{report:?}");
    assert!(report.by_version.len() == 2 && report.answered > SWITCHES, "{report:?}");
}
