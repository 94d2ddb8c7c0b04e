//! Tokens and what hangs on them.

use axum::body::Body;
use axum::http::Request;
use launcher_server::TokenText;
use launcher_server::access::Caller;
use launcher_store::Owner;
use serde_json::json;

use crate::world::{WHO, World};

async fn with(world: &World, token: &str) -> u16 {
    let request =
        Request::get("/api/v1/server").header("authorization", format!("bearer  {token}"));
    world.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
}

#[tokio::test]
async fn a_token_is_shown_once_works_at_once_and_ends_at_once() {
    let world = World::without_edge().await;
    let made = world.call("POST", "/api/v1/tokens", json!({ "name": "ci" })).await.is(201).json();
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("rl_") && token.len() > 40);
    assert_eq!(with(&world, token).await, 200);
    let list = world.get("/api/v1/tokens").await.is(200);
    assert!(!list.text().contains(token));
    let names: Vec<_> =
        list.json()["items"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert!(names.contains(&json!("ci")) && names.contains(&json!(WHO)));

    world.call("POST", "/api/v1/tokens", json!({ "name": "ci" })).await.tells(409, "refused");
    world.call("DELETE", "/api/v1/tokens/ci", None).await.is(204);
    assert_eq!(with(&world, token).await, 401);
    world.call("DELETE", "/api/v1/tokens/ci", None).await.tells(404, "not-found");
    let events = world.get("/api/v1/events").await.text();
    assert!(events.contains("token_created") && events.contains("token_revoked"));
    assert!(!events.contains(token));
    // The name may be used again, by another text.
    let again = world.call("POST", "/api/v1/tokens", json!({ "name": "ci" })).await.is(201).json();
    assert_ne!(again["token"], token);
    assert_eq!(with(&world, token).await, 401);
}

#[tokio::test]
async fn sessions_and_links_die_with_their_token() {
    let world = World::without_edge().await;
    world.call("POST", "/api/v1/tokens", json!({ "name": "ci" })).await.is(201);
    let owner = || Owner::Token("ci".to_owned());
    let session = world.app.begin_session(owner(), &Caller::default()).await.unwrap().cookie;
    let link = world.app.one_time_link("ci").await.unwrap();
    assert!(world.app.session(&session).await.unwrap().is_some());
    world.call("DELETE", "/api/v1/tokens/ci", None).await.is(204);
    assert!(world.app.session(&session).await.unwrap().is_none());
    assert!(world.app.redeem_link(&link, &Caller::default()).await.unwrap().is_none());
    assert!(world.app.begin_session(owner(), &Caller::default()).await.is_err());
}

#[tokio::test]
async fn a_link_is_good_for_one_session() {
    let world = World::without_edge().await;
    let link = world.app.one_time_link(WHO).await.unwrap();
    assert!(world.app.session(&link).await.unwrap().is_none(), "it is no session itself");
    assert!(world.app.redeem_link(&link, &Caller::default()).await.unwrap().is_some());
    assert!(world.app.redeem_link(&link, &Caller::default()).await.unwrap().is_none());
    assert!(
        world.app.redeem_link(&TokenText::random(), &Caller::default()).await.unwrap().is_none()
    );
}

#[tokio::test]
async fn what_is_done_with_a_token_bears_its_name() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let number = world.ready(&shop, "1").await;
    let body = json!({ "version": number, "note": "first" });
    let path = "/api/v1/services/shop/deployments";
    let deployed = world.call("POST", path, body).await.is(200).json();
    assert_eq!((&deployed["by"], &deployed["note"]), (&json!(WHO), &json!("first")));
    let server = world.get("/api/v1/server").await.is(200).json();
    assert_eq!(server["you"], WHO);
    for name in ["", "  ", "a\nb", &"x".repeat(81)] {
        world.call("POST", "/api/v1/tokens", json!({ "name": name })).await.tells(422, "invalid");
    }
}
