//! A real registry beside a real engine: what is pushed becomes a version, what no version has any more goes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Checkout, Engine, Installation, Registry, RegistrySetup};
use serde_json::{Value, json};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_launcher"))
}

async fn versions(api: &Api) -> Vec<Value> {
    let listed = api.get("/services/shop/versions").await;
    let mut items = listed["items"].as_array().unwrap().clone();
    items.reverse();
    items
}

/// Waits until the shop has so many versions, all ready.
async fn ready(api: &Api, number: usize) -> Vec<Value> {
    until("the version being there", SOON, || async {
        (versions(api).await.len() >= number).then_some(())
    })
    .await;
    api.wait_for_state("shop", number as u64, "ready").await;
    versions(api).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_what_is_pushed_to_a_registry_becomes_a_version() {
    let engine = Engine::local();
    let [one, two, three] = [1, 2, 3].map(|version| engine.build(program(), version, &[]));
    let mut installation = Installation::new(program(), &engine);
    let api = installation.start().await;
    let token = std::fs::read_to_string(installation.data().join("admin-token")).unwrap();
    let url = format!("http://{}/api/v1/hooks/registry", installation.listen);
    let notify = Some((url, token.trim().to_owned()));
    let registry = Registry::start(RegistrySetup { notify, ..Default::default() }).await;
    let name = registry.name("team/shop");
    api.put_service(json!({
        "service": { "name": "shop", "image": name, "replicas": 1, "port": 8080 },
        "health": { "path": "/healthz", "interval": "200ms" },
        "follow": { "tag": "main-*", "every": "1h" },
    }))
    .await;

    one.push(&name, "main-1").await;
    let first = ready(&api, 1).await.remove(0);
    assert_eq!(first["image"]["requested"], format!("{name}:main-1"), "{first}");
    // The same under another name, and what is not followed.
    one.push(&name, "main-1-again").await;
    two.push(&name, "dev-2").await;

    // Pushed while the server is away: the registry keeps its event, and the server looks for itself.
    installation.kill_server();
    two.push(&name, "main-2").await;
    installation.start_server();
    let api = installation.wait_for_server().await;
    let known = ready(&api, 2).await;
    assert_eq!(known[1]["image"]["requested"], format!("{name}:main-2"), "{known:?}");

    three.push(&name, "main-3").await;
    let known = ready(&api, 3).await;
    assert_eq!(known.len(), 3, "{known:?}");
    let events = api.get("/events?limit=100").await.to_string();
    assert!(events.contains("main-3 was pushed, and became v3 of shop"), "{events}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_the_image_of_a_build_goes_with_its_version() {
    let mut installation = Installation::new(program(), &Engine::local());
    let api = installation.start().await;
    let registry = Registry::open().await;
    let name = registry.name("shop");
    api.put_service(json!({
        "service": { "name": "shop", "image": name, "port": 8080, "build": "." },
    }))
    .await;
    let remote = installation.remote("shop");
    let checkout = Checkout::web("shop", "the first page");
    let settings = std::fs::read_to_string(checkout.path().join("launcher.toml")).unwrap();
    let settings = settings.replacen("[service]", &format!("[service]\nimage = {name:?}"), 1);
    checkout.write("launcher.toml", settings.as_bytes());
    checkout.commit("Say where images go");
    let _ = checkout.push(&[&remote, "main"]).taken();
    let _ = ready(&api, 1).await;
    checkout.write("www/index.html", b"the second page");
    checkout.commit("The second page");
    let _ = checkout.push(&[&remote, "main"]).taken();
    let known = ready(&api, 2).await;
    let digest = |version: &Value| version["image"]["digest"].as_str().unwrap().to_owned();
    let (first, second) = (digest(&known[0]), digest(&known[1]));
    assert!(registry.has("shop", &first).await && registry.has("shop", &second).await);

    api.call(reqwest::Method::DELETE, "/services/shop/versions/1", None).await;
    api.wait_for_state("shop", 1, "destroyed").await;
    until("the first image being gone", SOON, || async {
        (!registry.has("shop", &first).await).then_some(())
    })
    .await;
    assert!(registry.has("shop", &second).await);
    until("that being told", SOON, || async {
        let events = api.get("/events?limit=100").await.to_string();
        events.contains("image_removed").then_some(())
    })
    .await;
}
