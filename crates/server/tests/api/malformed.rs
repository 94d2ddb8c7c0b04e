//! What cannot be understood is answered with a problem that says so, and changes nothing.

use axum::body::Body;
use axum::http::header;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::bodies::{Odd, malformed, odd_segment};
use crate::world::{Answer, World, spec};

/// As many of each kind.
const CASES: u32 = 200;

fn for_each<S: Strategy>(strategy: &S, check: &impl AsyncFn(&World, S::Value) -> Answer) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(async {
        let world = World::without_edge().await;
        let shop = world.service("shop").await;
        world.ready(&shop, "1").await;
        world
    });
    let before = runtime.block_on(world.kept());
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let outcome = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
        let answer = runtime.block_on(check(&world, value));
        prop_assert!(answer.status.is_client_error(), "{:?}", answer);
        answer.problem();
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(runtime.block_on(world.kept()), before, "something was changed");
    runtime.block_on(async { drop(world) });
}

fn for_each_body(method: &str, path: &str, valid: &Value, required: &'static [&'static str]) {
    let bodies = (malformed(valid.clone(), required), any::<Option<u64>>());
    for_each(&bodies, &async |world: &World, (Odd { kind, bytes }, key)| {
        let mut request = world.request(method, path);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind.as_bytes());
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        world.send(request.body(Body::from(bytes)).unwrap()).await
    });
}

fn settings(name: &str) -> Value {
    let mut valid = serde_json::to_value(spec(name)).unwrap();
    valid["env"] = json!({ "LOG_LEVEL": "info" });
    valid["secrets"] = json!({ "DATABASE_URL": "shop/database-url" });
    valid["resources"] = json!({ "cpus": 0.5, "memory": "256MiB" });
    valid["hooks"]["release"] = json!(["bin/migrate"]);
    valid
}

#[test]
fn services_to_create() {
    let required = &["service", "service.name", "service.port"];
    for_each_body("POST", "/api/v1/services", &settings("blog"), required);
}

#[test]
fn services_to_change() {
    let required = &["service", "service.name", "service.port"];
    for_each_body("PUT", "/api/v1/services/shop", &settings("shop"), required);
}

#[test]
fn images_to_launch() {
    // Nothing in it is required: what is taken away here is the whole.
    let valid = json!({ "image": ":2", "commit": "8f31c0a", "branch": "main" });
    let bodies = malformed(valid, &["image"]).prop_filter("valid", |odd: &Odd| {
        let whole = serde_json::from_slice::<Value>(&odd.bytes).ok();
        let known = ["image", "commit", "branch"];
        let only_known = |map: &serde_json::Map<String, Value>| {
            map.iter().all(|(key, value)| known.contains(&key.as_str()) && value.is_string())
        };
        odd.kind != Some("application/json")
            || !whole.is_some_and(|whole| whole.as_object().is_some_and(only_known))
            || odd.bytes.len() > launcher_server::MAX_BODY
    });
    for_each(&bodies, &async |world: &World, Odd { kind, bytes }| {
        let mut request = world.request("POST", "/api/v1/services/shop/versions");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind.as_bytes());
        }
        world.send(request.body(Body::from(bytes)).unwrap()).await
    });
}

#[test]
fn switches() {
    let valid = json!({ "version": 1, "note": "why" });
    for_each_body("POST", "/api/v1/services/shop/deployments", &valid, &["version"]);
}

#[test]
fn holds() {
    for_each_body("POST", "/api/v1/services/shop/hold", &json!({ "for": "2s" }), &["for"]);
}

#[test]
fn switches_back() {
    // A valid one is refused too, as nothing was live before.
    let valid = json!({ "version": 7, "note": "why" });
    for_each_body("POST", "/api/v1/services/shop/rollback", &valid, &["version"]);
}

#[test]
fn numbers_of_containers() {
    let path = "/api/v1/services/shop/versions/1/scale";
    for_each_body("POST", path, &json!({ "replicas": 2 }), &["replicas"]);
}

#[test]
fn commands() {
    for verb in ["exec", "run"] {
        let path = format!("/api/v1/services/shop/versions/1/{verb}");
        for_each_body("POST", &path, &json!({ "command": ["ls", "-l"] }), &["command"]);
    }
}

#[test]
fn secrets() {
    let path = "/api/v1/secrets/shop%2Fdatabase-url";
    for_each_body("PUT", path, &json!({ "value": "postgres://" }), &["value"]);
}

#[test]
fn tokens() {
    for_each_body("POST", "/api/v1/tokens", &json!({ "name": "ci" }), &["name"]);
}

/// Every path that has a parameter, with one of them odd.
#[test]
fn paths() {
    let calls: Vec<(&str, &str, Option<Value>)> = vec![
        ("GET", "/api/v1/services/@", None),
        ("PUT", "/api/v1/services/@", Some(settings("shop"))),
        ("DELETE", "/api/v1/services/@", None),
        ("GET", "/api/v1/services/@/versions", None),
        ("POST", "/api/v1/services/@/versions", Some(json!({}))),
        ("GET", "/api/v1/services/shop/versions/@", None),
        ("DELETE", "/api/v1/services/shop/versions/@", None),
        ("POST", "/api/v1/services/shop/versions/@/start", None),
        ("POST", "/api/v1/services/@/versions/1/stop", None),
        ("POST", "/api/v1/services/shop/versions/@/scale", Some(json!({ "replicas": 2 }))),
        ("POST", "/api/v1/services/shop/versions/@/pin", None),
        ("POST", "/api/v1/services/@/versions/1/unpin", None),
        ("GET", "/api/v1/services/shop/versions/@/logs", None),
        ("POST", "/api/v1/services/shop/versions/@/exec", Some(json!({ "command": ["ls"] }))),
        ("POST", "/api/v1/services/@/versions/1/run", Some(json!({ "command": ["ls"] }))),
        ("POST", "/api/v1/services/@/deployments", Some(json!({ "version": 1 }))),
        ("GET", "/api/v1/services/shop/deployments/@", None),
        ("POST", "/api/v1/services/@/rollback", Some(json!({}))),
        ("POST", "/api/v1/services/@/hold", Some(json!({ "for": "2s" }))),
        ("DELETE", "/api/v1/services/@/hold", None),
        ("PUT", "/api/v1/secrets/@", Some(json!({ "value": "x" }))),
        ("DELETE", "/api/v1/secrets/@", None),
        ("DELETE", "/api/v1/tokens/@", None),
    ];
    let calls = (prop::sample::select(calls), odd_segment());
    for_each(&calls, &async |world: &World, ((method, path, body), segment)| {
        world.call(method, &path.replace('@', &segment), body).await
    });
}

#[test]
fn queries() {
    let paths = prop::sample::select(vec![
        "/api/v1/services",
        "/api/v1/services/shop/versions",
        "/api/v1/services/shop/deployments",
        "/api/v1/deployments",
        "/api/v1/events",
    ]);
    let queries = prop_oneof![
        prop::sample::select(vec![
            "0",
            "501",
            "-1",
            "1.5",
            "",
            "99999999999999999999",
            "all",
            "%FF"
        ])
        .prop_map(|limit| format!("limit={limit}")),
        "[a-z]{3,9}".prop_map(|key| format!("x{key}=1")),
        Just("limit=1&limit=2".to_owned()),
    ];
    for_each(&(paths, queries), &async |world: &World, (path, query)| {
        world.get(&format!("{path}?{query}")).await
    });
}

#[tokio::test]
async fn settings_that_make_no_sense_are_named() {
    let world = World::without_edge().await;
    let mut body = serde_json::to_value(spec("shop")).unwrap();
    body["service"]["port"] = json!(0);
    body["health"]["tcp"] = json!(true);
    body["env"] = json!({ "1ST": "x" });
    let problem = world.call("POST", "/api/v1/services", body).await.tells(422, "invalid");
    let detail = problem["detail"].as_str().unwrap();
    for part in ["service.port: a port from 1 to 65535", "health: only one of", "env.1ST: name"] {
        assert!(detail.contains(part), "{detail}");
    }
    let port = json!({ "service": { "name": "shop", "port": 70000 } });
    let problem = world.call("POST", "/api/v1/services", port).await.tells(422, "malformed");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("service.port") && detail.contains("70000"), "{detail}");
    let list = world.call("POST", "/api/v1/services", json!([])).await.tells(422, "malformed");
    assert!(list["detail"].as_str().unwrap().contains("expected an object"), "{list}");
}
