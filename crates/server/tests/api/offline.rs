//! A service that is taken offline by a deployment to nothing.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_service_is_taken_offline_and_brought_back() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let deployments = "/api/v1/services/shop/deployments";
    let offline = json!({ "offline": true });
    let refused = world.call("POST", deployments, offline.clone()).await.is(409).text();
    assert!(refused.contains("nothing to take offline"), "{refused}");
    world.ready(&shop, "1").await;
    let deploy = json!({ "version": 1 });
    world.call("POST", deployments, deploy).await.is(200);
    let why = json!({ "offline": true, "note": "a leak" });
    let taken = world.call("POST", deployments, why).await.is(200).json();
    assert_eq!((&taken["changed"], &taken["kind"]), (&json!(true), &json!("offline")));
    assert_eq!((&taken["to"], &taken["note"]), (&json!({}), &json!("a leak")));
    let service = world.get("/api/v1/services/shop").await.json();
    assert_eq!(service["live"], json!({}));
    let again = world.call("POST", deployments, offline).await.is(200).json();
    assert_eq!((&again["changed"], &again["id"]), (&json!(false), &taken["id"]));
    world.call("POST", "/api/v1/services/shop/rollback", json!({ "version": 1 })).await.is(200);
    let service = world.get("/api/v1/services/shop").await.json();
    assert_eq!(service["live"], json!({ "1": 100 }));
}
