//! Mistakes in a call are told in words that need no knowledge of the program.

use serde_json::{Value, json};

use crate::world::{World, spec};

const SCALE: &str = "/api/v1/services/shop/versions/1/scale";
const DEPLOYMENTS: &str = "/api/v1/services/shop/deployments";
const HOLD: &str = "/api/v1/services/shop/hold";
const EXEC: &str = "/api/v1/services/shop/versions/1/exec";

/// The settings of a service, one of them changed.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = serde_json::to_value(spec("shop")).unwrap();
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

#[tokio::test]
async fn a_body_says_which_value_is_wrong_and_what_it_takes() {
    let world = World::without_edge().await;
    let u16 = "a whole number from 0 to 65535";
    let u32 = "a whole number from 0 to 4294967295";
    for (path, body, key, takes) in [
        (SCALE, json!({ "replicas": 70000 }), "replicas", u16),
        (SCALE, json!({ "replicas": -1 }), "replicas", u16),
        (SCALE, json!({ "replicas": "3" }), "replicas", u16),
        (DEPLOYMENTS, json!({ "version": "v1" }), "version", u32),
        (HOLD, json!({ "for": true }), "for", "a string"),
        (EXEC, json!({ "command": "ls" }), "command", "a list, such as [\"a\", \"b\"]"),
        (EXEC, json!({ "command": ["ls"], "slot": 70000 }), "slot", u16),
    ] {
        let told = world.call("POST", path, body).await.tells(422, "malformed");
        says(&told, key, takes);
    }
    let hold = json!({ "version": 1, "hold": 5 });
    let told = world.call("POST", DEPLOYMENTS, hold).await.tells(422, "malformed");
    let detail = told["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("hold: \"5\" is not a duration: write a number and a unit"),
        "{detail}"
    );
    for (pointer, value, key, takes) in [
        ("/health/healthy_after", json!(70000), "health.healthy_after", u16),
        ("/resources", json!({ "cpus": "x" }), "resources.cpus", "a number"),
        ("/env", json!([]), "env", "an object"),
        ("/keep", json!(7), "keep", "an object"),
        ("/health", json!({ "tcp": "x" }), "health.tcp", "true or false"),
    ] {
        let body = with(pointer, value);
        let told = world.call("PUT", "/api/v1/services/shop", body).await.tells(422, "malformed");
        says(&told, key, takes);
    }
}

#[tokio::test]
async fn so_do_a_path_and_a_query() {
    let world = World::without_edge().await;
    let told = world.call("POST", "/api/v1/services/shop/versions/x/start", None).await;
    let told = told.tells(400, "malformed")["detail"].to_string();
    assert!(told.contains("`x` as a whole number from 0 to 4294967295"), "{told}");
    let told = world.get("/api/v1/services?limit=x").await.tells(400, "malformed");
    assert_eq!(told["detail"], "limit: expected a whole number, 0 or greater");
}

fn says(told: &Value, key: &str, takes: &str) {
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.starts_with(&format!("{key}: ")), "{detail}");
    assert!(detail.contains(&format!("expected {takes} at line 1")), "{detail}");
}
