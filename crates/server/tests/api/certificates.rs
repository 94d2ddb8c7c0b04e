//! Certificates: what there is of them, and having one ordered anew.

use std::time::Duration;

use launcher_edge::{CertificateFiles, Config, ControlPlane, Daemon, Https};
use launcher_model::{EdgeName, ServiceName};
use launcher_store::CertificateRecord;
use serde_json::{Value, json};

use crate::world::{WHO, World, eventually};

async fn listed(world: &World) -> Vec<Value> {
    let all = world.get("/api/v1/certificates").await.is(200).json();
    all["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn another_one_is_asked_for_until_an_order_has_an_outcome() {
    let world = World::without_edge().await;
    let shop = world.service("shop").await;
    let renew = "/api/v1/certificates/shop/renew";
    let refused = world.call("POST", renew, None).await.tells(404, "not-found");
    let why = refused["detail"].as_str().unwrap();
    assert!(why.contains("no certificate is ordered for shop"), "{why}");
    let names = vec!["shop.example.com".to_owned()];
    let (issued, failure, asked_at) = (None, None, None);
    let record = CertificateRecord { service: shop, names, issued, failure, asked_at };
    world.app.store.keep_certificate(&record, &[], world.app.now()).await.unwrap();
    let asked = world.call("POST", renew, None).await.is(202).json();
    assert_eq!((&asked["service"], &asked["state"]), (&json!("shop"), &json!("missing")));
    assert!(asked["asked_at"].is_string(), "{asked}");
    assert_eq!(listed(&world).await, [asked]);
    let events = world.get("/api/v1/events?kind=certificate").await.json();
    let event = &events["items"][0];
    assert_eq!((&event["kind"], &event["by"]), (&json!("certificate_asked"), &json!(WHO)));
    world.app.store.keep_certificate(&record, &[], world.app.now()).await.unwrap();
    assert_eq!(listed(&world).await[0].get("asked_at"), None);
}

#[tokio::test]
async fn what_an_edge_cannot_read_is_listed_with_the_reason() {
    let world = World::without_edge().await;
    let certificate = world.folder.join("shop.pem");
    let files = CertificateFiles { key: world.folder.join("shop.key"), certificate };
    let config = Config {
        name: EdgeName::new("north").unwrap(),
        http: vec!["127.0.0.1:0".parse().unwrap()],
        https: Https { certificates: vec![files.clone()], ..Https::default() },
        threads: 1,
        data_dir: world.folder.join("edge"),
        control: ControlPlane::Local(world.folder.join("edge.sock")),
        limits: launcher_edge::Limits::default(),
        access: None,
        stop_within: Duration::ZERO,
    };
    std::fs::create_dir(&config.data_dir).unwrap();
    let edge = tokio::spawn(Daemon::start(config).unwrap().run(std::future::pending()));
    eventually("it is told", async || !listed(&world).await.is_empty()).await;
    let one = listed(&world).await.remove(0);
    let file = json!({ "edge": "north", "path": files.certificate });
    assert_eq!((&one["file"], &one["state"]), (&file, &json!("missing")));
    let why = one["refused"].as_str().unwrap();
    assert!(why.starts_with("cannot read ") && why.contains("No such file"), "{why}");
    assert_eq!(one.get("service"), None);
    edge.abort();
}

#[tokio::test]
async fn a_service_that_is_not_there_has_none() {
    let world = World::without_edge().await;
    assert!(listed(&world).await.is_empty());
    let nothing = ServiceName::new("nothing").unwrap();
    world.call("POST", &format!("/api/v1/certificates/{nothing}/renew"), None).await.is(404);
}
