//! Maintenance under load, with real containers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::time::Duration;

use launcher_testkit::load::{CLOSED, Plan};
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Engine, Installation, Load};
use reqwest::Method;
use serde_json::json;

const ROUNDS: u64 = 20;
const PATH: &str = "/services/shop/maintenance";

/// From the answer to the call on, no request reaches a container until the service is opened again; no
/// request fails, and no connection is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_maintenance_keeps_every_request_from_the_containers() {
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
    let mut live = 1;
    let load = Load::start(Plan {
        edge: installation.http,
        host: "shop.example.com".to_owned(),
        connections: 32,
        sockets: 8,
        pause: Duration::from_millis(5),
        live,
    });
    let more = async |than: u64| {
        until("more answers", SOON, || async { (load.answered() > than + 64).then_some(()) }).await;
    };
    until("all connections being open", SOON, || async {
        (load.answered() >= 32 && load.echoed() >= 8).then_some(())
    })
    .await;
    for round in 0..ROUNDS {
        load.timeline.begins(CLOSED);
        let body = json!({ "page": CLOSED.to_string(), "note": format!("round {round}") });
        let closed = api.call(Method::PUT, PATH, Some(body)).await;
        load.timeline.ended(CLOSED);
        assert_eq!(closed["changed"], json!(true), "{closed}");
        assert_eq!(closed["edges"].as_array().unwrap().len(), 1, "{closed}");
        assert!(closed["edges"][0]["missing"].is_null(), "{closed}");
        more(load.answered()).await;
        // A switch meanwhile shows no user the version, and opens nothing.
        if round % 4 == 3 {
            live = 3 - live;
            assert_eq!(api.deploy("shop", live).await["changed"], json!(true));
            more(load.answered()).await;
        }
        load.timeline.begins(live);
        let opened = api.call(Method::DELETE, PATH, None).await;
        load.timeline.ended(live);
        assert_eq!(opened["changed"], json!(true), "{opened}");
        more(load.answered()).await;
    }
    let report = load.stop();
    assert_eq!(report.failed, 0, "{report:?}");
    assert_eq!((report.closed, report.sockets_closed), (0, 0), "{report:?}");
    assert_eq!(report.wrong, 0, "{report:?}");
    assert!(report.by_version[&CLOSED] > ROUNDS * 64, "{report:?}");
    assert!(report.by_version[&1] > 64 && report.by_version[&2] > 64, "{report:?}");
}
