//! Lists in parts: together they are the whole, also while it grows.

use std::collections::BTreeSet;

use launcher_model::ServiceName;
use serde_json::Value;

use crate::world::{WHO, World, new_deployment, new_version, spec};

const MANY: usize = 30;

/// Services that nothing runs for: nobody looks after them, so that lists only change when a test says so.
async fn put(world: &World, name: &str) -> ServiceName {
    let spec = spec(name);
    world.app.store.put_service(&spec, WHO, world.app.now()).await.unwrap();
    spec.service.name
}

async fn add_version(world: &World, service: &ServiceName) {
    let new = new_version(world, service).await;
    world.app.store.create_version(new, world.app.now()).await.unwrap();
}

async fn add_deployment(world: &World, service: &ServiceName) {
    let new = new_deployment(service);
    let begun = world.app.store.begin_deployment(new, &[], world.app.now()).await.unwrap();
    world.app.store.deployment_aborted(begun.id, "a test", &[], world.app.now()).await.unwrap();
}

/// Reads a list to its end, and adds to it after each part. What each item is known by, in order.
async fn walk(
    world: &World,
    path: &str,
    id: &str,
    limit: usize,
    add: impl AsyncFn(),
) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    let join = if path.contains('?') { '&' } else { '?' };
    loop {
        let part = world.get(&format!("{path}{join}limit={limit}{cursor}")).await.is(200).json();
        let items = part["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        seen.extend(items.iter().map(|item| item.pointer(id).unwrap().clone()));
        let Some(next) = part["next"].as_str() else { return seen };
        assert_eq!(items.len(), limit, "only the last part may be short");
        cursor = format!("&cursor={next}");
        add().await;
        assert!(seen.len() < 100 * MANY, "{path} has no end");
    }
}

/// Walks a list in parts of several sizes: everything that was there at the beginning, each once.
async fn is_whole(world: &World, path: &str, id: &str, add: impl AsyncFn()) {
    for limit in [1, 7, MANY, 500] {
        let before = walk(world, path, id, 500, async || {}).await;
        assert!(before.len() >= MANY, "{path}: {}", before.len());
        let seen = walk(world, path, id, limit, &add).await;
        let distinct: BTreeSet<String> = seen.iter().map(Value::to_string).collect();
        assert_eq!(distinct.len(), seen.len(), "{path}: something came twice");
        let of_before: Vec<_> = seen.into_iter().filter(|id| before.contains(id)).collect();
        assert_eq!(of_before, before, "{path} by {limit}");
    }
}

#[tokio::test]
async fn services() {
    let world = World::without_edge().await;
    for i in 0..MANY {
        put(&world, &format!("s{i:03}")).await;
    }
    let added = std::cell::Cell::new(0);
    let add = async || {
        added.set(added.get() + 1);
        let (i, letter) = (added.get(), if added.get() % 2 == 0 { 'a' } else { 'z' });
        if i < 20 {
            put(&world, &format!("{letter}{i:03}")).await;
        }
    };
    is_whole(&world, "/api/v1/services", "/name", add).await;
}

#[tokio::test]
async fn versions() {
    let world = World::without_edge().await;
    let shop = put(&world, "shop").await;
    for _ in 0..MANY {
        add_version(&world, &shop).await;
    }
    let add = async || add_version(&world, &shop).await;
    is_whole(&world, "/api/v1/services/shop/versions", "/number", add).await;
}

#[tokio::test]
async fn deployments() {
    let world = World::without_edge().await;
    let (shop, blog) = (put(&world, "shop").await, put(&world, "blog").await);
    for _ in 0..MANY {
        add_deployment(&world, &shop).await;
        add_deployment(&world, &blog).await;
    }
    let add = async || add_deployment(&world, &shop).await;
    is_whole(&world, "/api/v1/services/shop/deployments", "/id", &add).await;
    is_whole(&world, "/api/v1/deployments", "/id", &add).await;
}

#[tokio::test]
async fn events() {
    let world = World::without_edge().await;
    let (shop, blog) = (put(&world, "shop").await, put(&world, "blog").await);
    for _ in 0..MANY {
        add_version(&world, &shop).await;
        add_version(&world, &blog).await;
    }
    let add = async || add_version(&world, &shop).await;
    is_whole(&world, "/api/v1/events", "/id", &add).await;
    is_whole(&world, "/api/v1/events?service=shop", "/id", &add).await;
    is_whole(&world, "/api/v1/events?after=0", "/id", async || {}).await;
    let of_blog = walk(&world, "/api/v1/events?service=blog", "/service", 7, async || {}).await;
    assert!(of_blog.iter().all(|service| service == "blog"), "{of_blog:?}");
    let oldest = walk(&world, "/api/v1/events?after=0", "/id", 7, async || {}).await;
    let numbers: Vec<_> = oldest.iter().map(|id| id.as_i64().unwrap()).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[tokio::test]
async fn a_cursor_that_was_not_given_out_is_refused() {
    let world = World::without_edge().await;
    put(&world, "shop").await;
    for path in ["/api/v1/events", "/api/v1/deployments", "/api/v1/services/shop/versions"] {
        world.get(&format!("{path}?cursor=yesterday")).await.tells(422, "invalid");
    }
}
