//! Images on their way through a registry.

use launcher_testkit::{Checkout, Registry};
use reqwest::Method;
use serde_json::json;

use crate::shop::{Shop, states};

/// The application, kept in this registry.
fn application(registry: &Registry, page: &str) -> Checkout {
    let checkout = Checkout::web("shop", page);
    let settings = launcher_testkit::checkout::settings("shop");
    let image = format!("build = \".\"\nimage = \"{}\"", registry.name("shop"));
    checkout.write("launcher.toml", settings.replace("build = \".\"", &image).as_bytes());
    checkout.commit("Keep it in a registry");
    checkout
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_an_image_is_pushed_under_its_commit_and_its_number() {
    let registry = Registry::open().await;
    let shop = Shop::open().await;
    let checkout = application(&registry, "kept");
    let _ = checkout.push(&[&shop.remote, "main"]).taken();
    let build = shop.ended().await;
    assert_eq!(
        states(&build),
        ["source passed", "build passed", "test skipped", "push passed", "launch passed"],
        "{build}"
    );
    let commit = build["commit"].as_str().unwrap();
    assert!(registry.has("shop", &commit[..12]).await);
    assert!(registry.has("shop", "v1").await);
    let version = shop.api.version("shop", 1).await;
    let digest = version["image"]["digest"].as_str().unwrap();
    assert!(registry.has("shop", digest).await, "the digest is the registry's: {version}");
    assert_eq!(shop.page(1).await.as_deref(), Some("kept"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_registry_that_is_down_fails_the_push_until_it_is_back() {
    let mut registry = Registry::open().await;
    let shop = Shop::open().await;
    let checkout = application(&registry, "kept");
    registry.stop().await;
    let told = checkout.push(&[&shop.remote, "main"]).taken();
    assert!(told.contains("remote: build 1: push failed:"), "{told}");
    let build = shop.ended().await;
    assert_eq!(
        states(&build),
        ["source passed", "build passed", "test skipped", "push failed"],
        "{build}"
    );
    assert!(build["reason"].as_str().unwrap().contains("connection refused"), "{build}");
    registry.resume().await;
    let again = shop.api.call(Method::POST, "/builds/1/retry", None).await;
    assert_eq!(again["id"], json!(2));
    assert_eq!(shop.ended().await["state"], "passed");
    assert_eq!(shop.page(1).await.as_deref(), Some("kept"));
}
