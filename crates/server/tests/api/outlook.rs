//! What a deployment would do.

use serde_json::{Value, json};

use crate::world::World;

async fn outlook(world: &World, version: u64, query: &str) -> Value {
    let path = format!("/api/v1/services/shop/versions/{version}/outlook{query}");
    world.get(&path).await.is(200).json()
}

#[tokio::test]
async fn what_a_deployment_would_do_is_told_and_not_done() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let (one, two) = (world.ready(&shop, "1").await, world.ready(&shop, "2").await);
    let told = outlook(&world, one, "").await;
    assert_eq!((&told["from"], &told["to"]), (&json!({}), &json!({ "1": 100 })), "{told}");
    assert_eq!((&told["takes"], &told["live_already"]), (&json!("instant"), &json!(false)));
    assert!(told["held"].is_null(), "{told}");
    let deployments = "/api/v1/services/shop/deployments";
    world.call("POST", deployments, json!({ "version": one })).await.is(200);

    let told = outlook(&world, two, "?weight=25").await;
    assert_eq!(told["to"], json!({ "1": 75, "2": 25 }), "{told}");
    assert_eq!(told["versions"][0]["version"], 2, "{told}");
    let about: Vec<&Value> =
        told["evidence"].as_array().unwrap().iter().map(|one| &one["about"]).collect();
    assert_eq!(about, ["containers", "tests", "image", "settings", "secrets"]);
    assert_eq!(outlook(&world, one, "").await["live_already"], true);
    world.call("POST", "/api/v1/services/shop/versions/2/stop", json!({})).await.is(202);
    let told = outlook(&world, two, "").await;
    assert_eq!(told["takes"], "starts 1 container first", "{told}");
    assert_eq!(told["starts"], json!([{ "version": 2, "containers": 1 }]));

    let list = world.get(deployments).await.is(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "nothing was done: {list}");
    for (path, status, kind) in [
        ("9/outlook", 404, "not-found"),
        ("2/outlook?weight=10&back=true", 422, "invalid"),
        ("2/outlook?weight=101", 400, "malformed"),
        ("2/outlook?wait=yes", 400, "malformed"),
    ] {
        let path = format!("/api/v1/services/shop/versions/{path}");
        world.get(&path).await.tells(status, kind);
    }
}

#[tokio::test]
async fn what_a_rollback_and_going_offline_would_do_is_told_and_not_done() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let (one, two) = (world.ready(&shop, "1").await, world.ready(&shop, "2").await);
    let path = "/api/v1/services/shop/outlook";
    world.get(&format!("{path}?kind=rollback")).await.tells(409, "refused");
    let deployments = "/api/v1/services/shop/deployments";
    for version in [one, two] {
        world.call("POST", deployments, json!({ "version": version })).await.is(200);
    }
    let told = world.get(&format!("{path}?kind=rollback")).await.is(200).json();
    assert_eq!((&told["kind"], &told["to"]), (&json!("rollback"), &json!({ "1": 100 })), "{told}");
    let told = world.get(&format!("{path}?kind=offline")).await.is(200).json();
    assert_eq!((&told["kind"], &told["to"]), (&json!("offline"), &json!({})), "{told}");
    assert_eq!((&told["from"], &told["evidence"]), (&json!({ "2": 100 }), &json!([])), "{told}");
    assert!(told["held"].is_null() && told["live_already"] == false, "{told}");
    let list = world.get(deployments).await.is(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2, "nothing was done: {list}");
    for (query, status, kind) in
        [("?kind=deploy", 422, "invalid"), ("", 400, "malformed"), ("?kind=up", 400, "malformed")]
    {
        world.get(&format!("{path}{query}")).await.tells(status, kind);
    }

    let offline = json!({ "offline": true, "note": "the warehouse burns" });
    let done = world.call("POST", deployments, offline).await.is(200).json();
    assert_eq!((&done["kind"], &done["changed"]), (&json!("offline"), &json!(true)), "{done}");
    assert_eq!(done["note"], "the warehouse burns");
    let both = json!({ "offline": true, "version": 1 });
    world.call("POST", deployments, both).await.tells(422, "invalid");
    let told = world.get(&format!("{path}?kind=offline")).await.is(200).json();
    assert_eq!(told["live_already"], true, "{told}");
    let back = world.call("POST", "/api/v1/services/shop/rollback", json!({})).await.is(200).json();
    assert_eq!(back["to"], json!({ "2": 100 }), "{back}");
}
