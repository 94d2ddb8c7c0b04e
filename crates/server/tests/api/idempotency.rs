//! `Idempotency-Key`: a call that is repeated is done once, and answered the same each time.

use std::time::Duration;

use launcher_model::route::DeploymentKind;
use launcher_model::{VersionNumber, Weight};
use launcher_scheduler::fake::Script;
use launcher_store::{NewDeployment, NewVersion, Store};
use serde_json::{Value, json};

use crate::world::{Answer, WHO, World, new_deployment, new_version};

const VERSIONS: &str = "/api/v1/services/shop/versions";
const DEPLOYMENTS: &str = "/api/v1/services/shop/deployments";

async fn keyed(world: &World, key: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    world.call_with(method, path, body, &[("idempotency-key", key)]).await
}

async fn versions(world: &World) -> usize {
    world.get(VERSIONS).await.json()["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_launch_that_is_repeated_is_one_version() {
    let world = World::without_edge().await;
    world.service("shop").await;
    let body = || Some(json!({ "image": ":1" }));
    let first = keyed(&world, "k1", "POST", VERSIONS, body()).await.is(202);
    assert_eq!(first.header("idempotent-replayed"), "");
    for _ in 0..3 {
        let again = keyed(&world, "k1", "POST", VERSIONS, body()).await.is(202);
        assert_eq!((again.text(), again.header("idempotent-replayed")), (first.text(), "true"));
        assert_eq!(again.header("content-type"), first.header("content-type"));
    }
    assert_eq!(versions(&world).await, 1);
    keyed(&world, "k2", "POST", VERSIONS, body()).await.is(202);
    assert_eq!(versions(&world).await, 2);
}

#[tokio::test]
async fn a_key_belongs_to_one_call_of_one_token() {
    let world = World::without_edge().await;
    world.service("shop").await;
    keyed(&world, "k", "POST", VERSIONS, Some(json!({ "image": ":1" }))).await.is(202);
    for (path, body) in [
        (VERSIONS, json!({ "image": ":2" })),
        ("/api/v1/services/shop/versions?x=1", json!({ "image": ":1" })),
        ("/api/v1/services/shop/rollback", json!({ "image": ":1" })),
    ] {
        keyed(&world, "k", "POST", path, Some(body)).await.tells(422, "idempotency");
    }
    assert_eq!(versions(&world).await, 1);

    let made = world.call("POST", "/api/v1/tokens", json!({ "name": "ci" })).await.is(201).json();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let request = axum::http::Request::post(VERSIONS)
        .header("authorization", bearer)
        .header("idempotency-key", "k")
        .header("content-type", "application/json")
        .body(axum::body::Body::from(r#"{"image":":2"}"#));
    world.send(request.unwrap()).await.is(202);
    assert_eq!(versions(&world).await, 2);
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_refused() {
    let world = World::without_edge().await;
    world.service("shop").await;
    for key in ["", "   ", &"x".repeat(201)] {
        keyed(&world, key, "POST", VERSIONS, Some(json!({}))).await.tells(400, "malformed");
    }
    assert_eq!(versions(&world).await, 0);
}

#[tokio::test]
async fn calls_at_the_same_time_are_done_once() {
    let world = World::without_edge().await;
    world.service("shop").await;
    for round in 0..10 {
        let key = format!("k{round}");
        let calls = (0..8).map(|_| keyed(&world, &key, "POST", VERSIONS, Some(json!({}))));
        let answers = futures_util::future::join_all(calls).await;
        let done = answers.iter().filter(|answer| answer.status == 202).count();
        assert!(done >= 1);
        for answer in answers.iter().filter(|answer| answer.status != 202) {
            answer.tells(409, "idempotency");
        }
        assert_eq!(versions(&world).await, round + 1);
    }
}

#[tokio::test]
async fn a_refusal_stands_and_a_failure_of_the_server_does_not() {
    let world = World::without_edge().await;
    let shop = world.service("shop").await;
    world.script(&shop, "none", Script::new().unknown("no such tag"));
    let none = || Some(json!({ "image": ":none" }));
    let refused = keyed(&world, "k1", "POST", VERSIONS, none()).await;
    refused.tells(422, "image");
    world.script(&shop, "none", Script::new());
    let again = keyed(&world, "k1", "POST", VERSIONS, none()).await;
    again.tells(422, "image");
    assert_eq!((again.text(), again.header("idempotent-replayed")), (refused.text(), "true"));

    world.fake.go_away("it is upgraded");
    let body = || Some(json!({ "image": ":1" }));
    keyed(&world, "k2", "POST", VERSIONS, body()).await.tells(503, "engine-unreachable");
    world.fake.come_back();
    let done = keyed(&world, "k2", "POST", VERSIONS, body()).await.is(202);
    assert_eq!(done.header("idempotent-replayed"), "");
    assert_eq!(versions(&world).await, 1);
}

#[tokio::test]
async fn the_text_of_a_token_is_never_kept() {
    let world = World::without_edge().await;
    let body = || Some(json!({ "name": "ci" }));
    let made = keyed(&world, "k", "POST", "/api/v1/tokens", body()).await.is(201);
    let text = made.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(made.header("cache-control"), "no-store");
    assert!(!world.database_has(&text) && world.database_has("ci"));
    // The key is free, and the name is taken.
    keyed(&world, "k", "POST", "/api/v1/tokens", body()).await.tells(409, "refused");
    assert!(!world.get("/api/v1/tokens").await.text().contains(&text));
}

#[tokio::test]
async fn a_call_goes_on_when_its_caller_goes_away() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    world.script(&shop, "slow", Script::new().start_takes(Duration::from_millis(300)));
    let slow = world.ready(&shop, "slow").await;
    let path = format!("{VERSIONS}/{slow}/stop");
    world.call("POST", &path, None).await.is(202);
    world.reaches(&shop, slow, "stopped").await;
    let deploy = || {
        let body = Some(json!({ "version": slow }));
        keyed(&world, "k", "POST", "/api/v1/services/shop/deployments", body)
    };
    let gone = tokio::time::timeout(Duration::from_millis(50), deploy()).await;
    assert!(gone.is_err(), "it takes longer than that");
    crate::world::eventually("it is live", async || {
        !world.app.store.route(&shop).await.unwrap().weights.is_empty()
    })
    .await;
    crate::world::eventually("its answer is kept", async || deploy().await.status == 200).await;
    let answer = deploy().await;
    assert_eq!(answer.header("idempotent-replayed"), "true");
    assert_eq!(answer.json()["changed"], true);
    let all = world.get("/api/v1/deployments").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
}

/// Claims a key for a call as a server does that is killed before it answers; `made` is what it does
/// until then.
async fn killed<T>(
    world: &World,
    path: &str,
    body: &Value,
    made: impl AsyncFnOnce(&dyn Store, String) -> T,
) -> T {
    let (text, key) = (body.to_string(), format!("{WHO}\nk"));
    let parts = ["POST", path, "", &text].map(str::as_bytes);
    let (store, now) = (&*world.app.store, jiff::Timestamp::now());
    store.claim_key(&key, &world.app.vault.fingerprint(parts), now).await.unwrap();
    let made = made(store, key.clone()).await;
    store.release_key(&key).await.unwrap();
    made
}

#[tokio::test]
async fn a_launch_that_a_kill_left_unanswered_is_answered_with_its_version() {
    let world = World::without_edge().await;
    let shop = world.service("shop").await;
    let body = json!({ "image": ":1" });
    let number = killed(&world, VERSIONS, &body, async |store, key| {
        let new = NewVersion { key: Some(key), ..new_version(&world, &shop).await };
        store.create_version(new, jiff::Timestamp::now()).await.unwrap().0.number
    });
    let number = number.await;
    let again = keyed(&world, "k", "POST", VERSIONS, Some(body)).await.is(202).json();
    assert_eq!((&again["number"], versions(&world).await), (&json!(number), 1));
}

#[tokio::test]
async fn a_deployment_that_a_kill_left_unanswered_is_made_once() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let (one, two) = (world.ready(&shop, "1").await, world.ready(&shop, "2").await);
    let deploy = |version: u64| json!({ "version": version });
    world.call("POST", DEPLOYMENTS, deploy(one)).await.is(200);
    world.call("POST", DEPLOYMENTS, deploy(two)).await.is(200);

    // A second rollback would go on to where the first came from.
    const ROLLBACK: &str = "/api/v1/services/shop/rollback";
    let body = json!({});
    let id = killed(&world, ROLLBACK, &body, async |store, key| {
        let (one, two) = (VersionNumber(one as u32), VersionNumber(two as u32));
        let new = NewDeployment {
            kind: DeploymentKind::Rollback,
            from: [(two, Weight::ALL)].into(),
            to: [(one, Weight::ALL)].into(),
            key: Some(key),
            ..new_deployment(&shop)
        };
        let id = store.begin_deployment(new, &[], jiff::Timestamp::now()).await.unwrap().id;
        store.commit_route(id, jiff::Timestamp::now()).await.unwrap();
        id
    });
    let id = id.await;
    let again = keyed(&world, "k", "POST", ROLLBACK, Some(body)).await.is(200).json();
    assert_eq!(again["id"], json!(id));
    let shown = world.get("/api/v1/services/shop").await.is(200).json();
    assert_eq!(shown["live"], json!({ one.to_string(): 100 }));
}

#[tokio::test]
async fn a_deployment_that_a_kill_ended_before_it_was_decided_is_told_so() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let one = world.ready(&shop, "1").await;
    let body = json!({ "version": one });
    let begun = killed(&world, DEPLOYMENTS, &body, async |store, key| {
        let to = [(VersionNumber(one as u32), Weight::ALL)].into();
        let new = NewDeployment { to, key: Some(key), ..new_deployment(&shop) };
        store.begin_deployment(new, &[], jiff::Timestamp::now()).await.unwrap();
    });
    begun.await;
    keyed(&world, "k", "POST", DEPLOYMENTS, Some(body)).await.tells(409, "aborted");
    world.call("POST", DEPLOYMENTS, json!({ "version": one })).await.is(200);
}
