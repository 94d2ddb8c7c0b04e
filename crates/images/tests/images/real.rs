//! The same with a real registry.

use std::collections::HashMap;
use std::sync::Arc;

use launcher_model::event::EventKind;
use launcher_model::image::Digest;
use launcher_registry::Registries;
use launcher_testkit::{Registry, RegistrySetup};
use serde_json::json;

use crate::world::{World, eventually, pinned, spec};

fn registries() -> Arc<Registries> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Arc::new(Registries::new(HashMap::new(), None))
}

/// An image's configuration that was built then.
fn config(second: u32, commit: &str) -> serde_json::Value {
    let labels = json!({
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.ref.name": "main",
    });
    json!({"created": format!("2026-01-02T03:04:{second:02}Z"), "config": {"Labels": labels}})
}

#[tokio::test]
async fn pushed_images_become_versions_with_what_they_say_of_themselves() {
    let mut registry = Registry::open().await;
    let world = World::with(Some(registries())).await;
    registry.push_config("team/shop", "main-1", config(1, "aaa"), None).await;
    registry.push_config("team/shop", "main-2", config(2, "bbb"), None).await;
    let name = registry.name("team/shop");
    let shop = world.put(spec("shop", &name, Some("main-*"), "1s")).await;
    let first = world.has_versions(&shop, 1).await.remove(0);
    assert_eq!((first.commit.as_deref(), first.branch.as_deref()), (Some("bbb"), Some("main")));

    registry.stop().await;
    world.told(EventKind::RegistryTroubled, 1).await;
    registry.resume().await;
    let pushed = registry.push_config("team/shop", "main-3", config(3, "ccc"), None).await;
    let second = world.has_versions(&shop, 2).await.remove(1);
    assert_eq!(second.image, pinned(&name, "main-3", &Digest::new(pushed).unwrap()));
}

#[tokio::test]
async fn an_image_of_a_build_is_removed_by_its_digest() {
    let registry = Registry::open().await;
    let world = World::with(Some(registries())).await;
    let name = registry.name("shop");
    let shop = world.put(spec("shop", &name, None, "1h")).await;
    let gone = registry.push("shop", "aaaaaaaaaaaa", json!({"n": "1"}), None).await;
    let kept = registry.push("shop", "other", json!({"n": "2"}), None).await;
    let gone_digest = Digest::new(gone.as_str()).unwrap();
    let version = world.built(&shop, &name, "aaaaaaaaaaaaaaaa", &gone_digest).await;
    world.destroy(&shop, version).await;
    world.told(EventKind::ImageRemoved, 1).await;
    assert!(!registry.has("shop", &gone).await && !registry.has("shop", "aaaaaaaaaaaa").await);
    assert!(registry.has("shop", &kept).await);
}

#[tokio::test]
async fn a_registry_that_keeps_all_is_told_once_with_what_to_do() {
    let setup = RegistrySetup { keeps_all: true, ..Default::default() };
    let registry = Registry::start(setup).await;
    let world = World::with(Some(registries())).await;
    let name = registry.name("shop");
    let shop = world.put(spec("shop", &name, None, "1h")).await;
    for (n, commit) in ["aaaaaaaaaaaa", "bbbbbbbbbbbb"].into_iter().enumerate() {
        let pushed = registry.push("shop", commit, json!({"n": n.to_string()}), None).await;
        let version = world.built(&shop, &name, commit, &Digest::new(pushed).unwrap()).await;
        world.destroy(&shop, version).await;
    }
    let told = world.told(EventKind::RegistryTroubled, 1).await;
    assert!(told[0].text.contains("storage.delete.enabled"), "{}", told[0].text);
    eventually("both are left", async || world.store.left_images(None).await.unwrap().len() == 2)
        .await;
    assert_eq!(world.events(EventKind::RegistryTroubled).await.len(), 1);
    assert!(registry.has("shop", "aaaaaaaaaaaa").await);
}
