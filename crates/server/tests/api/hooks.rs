//! What a registry tells, with one that does.

use launcher_control::Pushed;
use launcher_model::role::{Role, Roles};
use launcher_server::TokenText;
use launcher_store::NewToken;
use launcher_testkit::{Registry, RegistrySetup};
use serde_json::json;
use tokio::sync::broadcast;

use crate::world::World;

const HOOK: &str = "/api/v1/hooks/registry";
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// The next that was pushed.
async fn next(pushes: &mut broadcast::Receiver<Pushed>) -> (String, String) {
    let waited = tokio::time::timeout(std::time::Duration::from_secs(30), pushes.recv()).await;
    let pushed = waited.expect("nothing was told").unwrap();
    (pushed.path, pushed.tag)
}

fn told(path: &str, tag: &str) -> (String, String) {
    (path.to_owned(), tag.to_owned())
}

async fn registry(world: &mut World, token: &str) -> Registry {
    let url = format!("http://{}{HOOK}", world.listen().await);
    let notify = Some((url, token.to_owned()));
    Registry::start(RegistrySetup { notify, ..Default::default() }).await
}

#[tokio::test]
async fn a_real_registry_tells_of_pushes_and_of_much_that_is_none() {
    let mut world = World::without_edge().await;
    let mut pushes = world.app.control.pushes();
    let token = world.token.clone();
    let registry = registry(&mut world, &token).await;
    let digest = registry.push("team/shop", "main-1", json!({}), None).await;
    assert_eq!(next(&mut pushes).await, told("team/shop", "main-1"));
    // A look, a deletion (which is told once for the digest and once for each tag, without one), and a push
    // behind them: events come in their order.
    assert!(registry.has("team/shop", "main-1").await);
    registry.delete("team/shop", &digest).await;
    assert!(!registry.has("team/shop", "main-1").await);
    registry.push("team/shop", "main-2", json!({"n": "2"}), None).await;
    assert_eq!(next(&mut pushes).await, told("team/shop", "main-2"));
    assert!(pushes.try_recv().is_err());
}

#[tokio::test]
async fn an_event_that_was_not_let_in_comes_again() {
    let mut world = World::without_edge().await;
    let mut pushes = world.app.control.pushes();
    let text = TokenText::random();
    let registry = registry(&mut world, text.expose()).await;
    registry.push("shop", "1", json!({}), None).await;
    registry.push("shop", "2", json!({"n": "2"}), None).await;
    tokio::time::timeout(std::time::Duration::from_millis(500), pushes.recv()).await.unwrap_err();
    let token = NewToken {
        name: "registry".into(),
        hash: text.hash(),
        roles: Roles::everywhere(Role::Admin),
    };
    world.app.store.create_token(token, "test", world.app.now()).await.unwrap();
    assert_eq!(next(&mut pushes).await, told("shop", "1"));
    assert_eq!(next(&mut pushes).await, told("shop", "2"));
}

#[tokio::test]
async fn whatever_is_no_push_of_a_tagged_manifest_is_passed_over() {
    let world = World::without_edge().await;
    let mut pushes = world.app.control.pushes();
    let event = |action: &str, media_type: &str, tag: serde_json::Value| {
        let target = json!({"mediaType": media_type, "repository": "shop", "tag": tag});
        json!({"action": action, "target": target})
    };
    let events = json!({"events": [
        event("pull", MANIFEST, json!("a")),
        event("push", "application/octet-stream", json!("b")),
        event("push", "application/vnd.cncf.helm.chart.v1", json!("c")),
        event("push", MANIFEST, json!(null)),
        event("push", MANIFEST, json!("")),
        event("mount", MANIFEST, json!("d")),
        {"action": "delete", "target": {"repository": "shop", "tags": null}},
        {"action": "push", "target": {"mediaType": MANIFEST, "repository": "shop", "tag": "f", "digest": "sha256:0"}},
        {}, null, "push", 7, [],
        event("push", MANIFEST, json!("e")),
        event("push", MANIFEST, json!("e")),
    ]});
    let answer = world.call("POST", HOOK, events).await.is(202);
    assert!(answer.text().is_empty());
    assert_eq!(next(&mut pushes).await, told("shop", "e"));
    assert_eq!(next(&mut pushes).await, told("shop", "e"));
    assert!(pushes.try_recv().is_err());
    world.call("POST", HOOK, json!({"events": []})).await.is(202);
    for nonsense in [json!({}), json!({"events": null}), json!([]), json!("push")] {
        world.call("POST", HOOK, nonsense).await.tells(422, "malformed");
    }
}

#[tokio::test]
async fn too_much_at_once_is_refused() {
    let world = World::without_edge().await;
    let events = json!({"events": ["x".repeat(launcher_server::MAX_BODY)]});
    world.call("POST", HOOK, events).await.tells(413, "malformed");
}
