//! Who is told what happens, and trying it out.

use serde_json::json;

use crate::world::{NOBODY, World, eventually};

#[tokio::test]
async fn a_target_that_cannot_be_told_says_so_and_not_where_it_is() {
    let world = World::without_edge().await;
    world.service("shop").await;
    eventually("the target fails", async || {
        let targets = world.get("/api/v1/notifications").await.is(200).json();
        targets["items"][0]["last_error"].is_string()
    })
    .await;
    let answer = world.get("/api/v1/notifications").await.is(200);
    let target = &answer.json()["items"][0];
    assert_eq!((&target["name"], &target["kind"]), (&json!("chat"), &json!("slack")));
    assert_eq!((&target["services"], &target["events"]), (&json!(["*"]), &json!(["all"])));
    assert_eq!(target["told_up_to"], json!(0));
    assert!(target["waiting"].as_u64().unwrap() > 0 && target["failing_since"].is_string());
    let secret = NOBODY.rsplit('/').next().unwrap();
    assert!(!answer.text().contains(secret), "{}", answer.text());
}

#[tokio::test]
async fn a_test_says_how_it_went() {
    let world = World::without_edge().await;
    let tested = world.call("POST", "/api/v1/notifications/chat/test", None).await.is(200).json();
    assert_eq!((&tested["told"], &tested["took_ms"]), (&json!(false), &json!(null)));
    assert!(tested["why"].as_str().unwrap().contains("cannot be reached"), "{tested}");
    world.call("POST", "/api/v1/notifications/nobody/test", None).await.tells(404, "not-found");
}
