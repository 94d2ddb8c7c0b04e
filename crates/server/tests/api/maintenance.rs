//! Services that are closed to their users.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::World;

const MAINTENANCE: &str = "/api/v1/services/shop/maintenance";
const PAGE: &str = "<!doctype html><p>Back soon.</p>";

async fn world() -> World {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let one = world.ready(&shop, "1").await;
    let body = json!({ "version": one });
    world.call("POST", "/api/v1/services/shop/deployments", body).await.is(200);
    world
}

/// A visit of production: its answer as it comes.
async fn visit(world: &World) -> String {
    let edges = world.get("/api/v1/edges").await.is(200).json();
    let http = edges["items"][0]["http"][0].as_str().unwrap().to_owned();
    let mut stream = TcpStream::connect(http).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn events(world: &World) -> Vec<(Value, Value, Value)> {
    let listed = world.get("/api/v1/events?service=shop&limit=50").await.is(200).json();
    let items = listed["items"].as_array().unwrap().iter();
    let own = items.filter(|event| event["kind"].as_str().unwrap().starts_with("maintenance_"));
    own.map(|event| (event["kind"].clone(), event["by"].clone(), event["text"].clone())).collect()
}

#[tokio::test]
async fn production_shows_the_teams_page_until_it_is_opened_again() {
    let world = world().await;
    let shown = world.get(MAINTENANCE).await.is(200).json();
    assert_eq!(shown, json!({ "on": null, "page": null }));
    let body = json!({ "page": PAGE, "retry_after": "10m", "note": "a new disk" });
    let done = world.call("PUT", MAINTENANCE, body.clone()).await.is(200).json();
    assert_eq!((&done["changed"], &done["page_bytes"]), (&json!(true), &json!(PAGE.len())));
    assert_eq!(done["edges"].as_array().unwrap().len(), 1, "{done}");
    assert!(done["edges"][0]["missing"].is_null(), "{done}");
    let answer = visit(&world).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with(PAGE), "{answer}");
    assert!(answer.to_lowercase().contains("\r\nretry-after: 600\r\n"), "{answer}");

    let shown = world.get(MAINTENANCE).await.is(200).json();
    assert_eq!((&shown["page"], &shown["on"]), (&json!(PAGE), &done["on"]));
    let service = world.get("/api/v1/services/shop").await.is(200).json();
    assert_eq!(service["maintenance"], done["on"]);
    let on = &done["on"];
    assert_eq!((&on["by"], &on["note"]), (&json!("mika"), &json!("a new disk")), "{on}");
    assert_eq!(on["retry_after"], "10m");
    let again = world.call("PUT", MAINTENANCE, body).await.is(200).json();
    assert_eq!((&again["changed"], &again["on"]), (&json!(false), on));

    let opened = world.call("DELETE", MAINTENANCE, None).await.is(200).json();
    assert_eq!((&opened["changed"], &opened["on"]), (&json!(true), &Value::Null));
    assert!(visit(&world).await.starts_with("HTTP/1.1 200 OK"));
    let service = world.get("/api/v1/services/shop").await.is(200).json();
    assert!(service["maintenance"].is_null());
    let opened = world.call("DELETE", MAINTENANCE, None).await.is(200).json();
    assert_eq!(opened["changed"], json!(false));

    // The page is shown again without being given again.
    world.call("PUT", MAINTENANCE, json!({})).await.is(200);
    let answer = visit(&world).await;
    assert!(answer.ends_with(PAGE), "{answer}");
    assert!(answer.to_lowercase().contains("\r\nretry-after: 300\r\n"), "{answer}");
    world.call("PUT", MAINTENANCE, json!({ "page": "" })).await.is(200);
    assert!(visit(&world).await.contains("Service shop is being maintained."));
    let event = |kind: &str, text: &str| (json!(kind), json!("mika"), json!(text));
    let mut told = events(&world).await;
    told.sort_by_key(|(_, _, text)| text.to_string());
    assert_eq!(
        told,
        [
            event("maintenance_on", "mika changed the maintenance"),
            event("maintenance_off", "mika turned maintenance off"),
            event("maintenance_on", "mika turned maintenance on"),
            event("maintenance_on", "mika turned maintenance on: a new disk"),
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused() {
    let world = world().await;
    let page = "\u{e4}".repeat((128 << 10) + 1);
    let told = world.call("PUT", MAINTENANCE, json!({ "page": page })).await.tells(422, "invalid");
    assert!(told["detail"].as_str().unwrap().contains("at most 256KiB"), "{told}");
    let body = json!({ "page": "a\u{0}b" });
    let told = world.call("PUT", MAINTENANCE, body).await.tells(422, "invalid");
    assert!(told["detail"].as_str().unwrap().contains("U+0000"), "{told}");
    let body = json!({ "retry_after": "10ms" });
    let told = world.call("PUT", MAINTENANCE, body).await.tells(422, "invalid");
    assert!(told["detail"].as_str().unwrap().contains("1s to 720h"), "{told}");
    world.call("PUT", MAINTENANCE, json!({ "text": "no" })).await.tells(422, "malformed");
    for method in ["GET", "PUT", "DELETE"] {
        let body = (method == "PUT").then(|| json!({}));
        world.call(method, "/api/v1/services/blog/maintenance", body).await.is(404);
    }
    // The longest page that is taken goes through, whatever is in it.
    let page = "\"\n".repeat(128 << 10);
    world.call("PUT", MAINTENANCE, json!({ "page": page })).await.is(200);
    assert!(visit(&world).await.ends_with(&page));
    assert!(events(&world).await.len() == 1, "what was refused has left nothing behind");
}
