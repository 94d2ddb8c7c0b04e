//! Requests that wait, around a switch or without one.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::world::World;

const HOLD: &str = "/api/v1/services/shop/hold";
const DEPLOYMENTS: &str = "/api/v1/services/shop/deployments";

/// One that has a live version and one that is ready.
async fn world() -> (World, u64) {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let one = world.ready(&shop, "1").await;
    world.call("POST", DEPLOYMENTS, json!({ "version": one })).await.is(200);
    let two = world.ready(&shop, "2").await;
    (world, two)
}

/// A visit of production, from its first byte to the status of its answer.
async fn visit(world: &World) -> JoinHandle<String> {
    let edges = world.get("/api/v1/edges").await.is(200).json();
    let http: SocketAddr = edges["items"][0]["http"][0].as_str().unwrap().parse().unwrap();
    tokio::spawn(async move {
        let mut stream = TcpStream::connect(http).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    })
}

async fn events(world: &World) -> Vec<(Value, Value)> {
    let listed = world.get("/api/v1/events?limit=10").await.is(200).json();
    let items = listed["items"].as_array().unwrap().iter();
    let held = items.filter(|event| event["kind"].as_str().unwrap().starts_with("requests_"));
    held.map(|event| (event["kind"].clone(), event["text"].clone())).collect()
}

#[tokio::test]
async fn requests_wait_until_they_are_released() {
    let (world, _) = world().await;
    let held = world.call("POST", HOLD, json!({ "for": "30s" })).await.is(200).json();
    assert_eq!(held, json!({ "rested": true }));
    let visiting = visit(&world).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!visiting.is_finished(), "it waits");
    let told = world.call("POST", HOLD, json!({ "for": "30s" })).await.tells(409, "refused");
    assert!(told["detail"].as_str().unwrap().contains("launcher release shop"), "{told}");
    let released = world.call("DELETE", HOLD, None).await.is(200).json();
    assert_eq!((&released["requests"], &released["lapsed"]), (&json!(1), &json!(false)));
    assert!(released["longest_us"].as_u64().unwrap() >= 50_000, "{released}");
    assert_eq!(visiting.await.unwrap(), "HTTP/1.1 200 OK");
    let events = events(&world).await;
    assert_eq!(events.len(), 2, "{events:?}");
    let text = json!("mika holds new requests, for at most 30s");
    assert!(events.contains(&(json!("requests_held"), text)), "{events:?}");
}

#[tokio::test]
async fn a_switch_tells_how_they_waited() {
    let (world, two) = world().await;
    let body = json!({ "version": two, "hold": "5s" });
    let done = world.call("POST", DEPLOYMENTS, body).await.is(200).json();
    let hold = &done["receipt"]["hold"];
    assert_eq!((&hold["rested"], &hold["lapsed"]), (&json!(true), &json!(false)), "{done}");
    assert!(hold["requests"].is_u64() && hold["longest_us"].is_u64(), "{done}");
    let back = json!({ "hold": "5s" });
    let done = world.call("POST", "/api/v1/services/shop/rollback", back).await.is(200).json();
    assert_eq!(done["receipt"]["hold"]["rested"], true, "{done}");
    assert_eq!(visit(&world).await.await.unwrap(), "HTTP/1.1 200 OK", "nobody is left waiting");
}

#[tokio::test]
async fn a_time_that_is_too_long_is_refused() {
    let (world, two) = world().await;
    let told = world.call("POST", HOLD, json!({ "for": "2m" })).await.tells(422, "invalid");
    assert!(told["detail"].as_str().unwrap().contains("at most 1m"), "{told}");
    let body = json!({ "version": two, "hold": "2m" });
    world.call("POST", DEPLOYMENTS, body).await.tells(422, "invalid");
    world.call("POST", "/api/v1/services/blog/hold", json!({ "for": "2s" })).await.is(404);
    world.call("DELETE", "/api/v1/services/blog/hold", None).await.is(404);
}
