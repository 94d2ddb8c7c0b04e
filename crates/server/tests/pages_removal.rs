//! Services that are taken offline, or deleted, on the pages, without JavaScript.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use axum::http::StatusCode;
use launcher_model::role::{Role, Roles};
use launcher_model::{ServiceName, VersionNumber};
use pages_support::{Visitor, World, eventually};

const V1: VersionNumber = VersionNumber(1);

async fn live(world: &World) -> ServiceName {
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, V1).await;
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_deleted_by_who_types_its_name() {
    let world = World::new().await;
    let shop = live(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/services/shop").await;
    assert!(page.body.contains("href=\"/services/shop/delete\""), "{}", page.body);
    let asks = visitor.get("/services/shop/delete").await;
    for shown in [
        "Delete shop?",
        "its users get v1 no more",
        "1 environment of shop",
        "launcher delete shop",
    ] {
        assert!(asks.body.contains(shown), "{shown} in {}", asks.body);
    }
    let secret = asks.field("form_secret").to_owned();
    for typed in ["", "Shop", "other"] {
        let form = [("form_secret", secret.as_str()), ("typed", typed)];
        let answer = visitor.post("/services/shop/delete", &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains("is not the name of the service"), "{}", answer.body);
    }
    assert!(world.app.store.service(&shop).await.unwrap().unwrap().deletion.is_none());
    assert_eq!(world.live(&shop).await, [V1]);

    let form = [("form_secret", secret.as_str()), ("typed", "shop")];
    assert_eq!(visitor.post("/services/shop/delete", &form).await.location(), "/");
    let home = visitor.get("/").await;
    assert!(home.flash().unwrap().starts_with("shop is being deleted"), "{:?}", home.flash());
    eventually("it is gone", async || world.app.store.service(&shop).await.unwrap().is_none())
        .await;
    assert_eq!(visitor.get("/services/shop").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_service_is_being_deleted_is_shown_wherever_it_stands() {
    // Without an edge it stays: nobody could tell what is in flight.
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    // Written down without the word to the one who does it, so that it stays so.
    world.app.store.begin_deletion(&shop, "kim", world.app.now()).await.unwrap();
    world.app.control.shut_down();
    let mut visitor = Visitor::signed_in(&world).await;
    let home = visitor.get("/").await;
    for shown in ["being deleted, by kim", "data-mark=\"moving\""] {
        assert!(home.body.contains(shown), "{shown} in {}", home.body);
    }
    assert!(!home.body.contains("Deploy v1"), "{}", home.body);
    let page = visitor.get("/services/shop").await;
    for shown in ["Being deleted", "by kim", "<title>shop: being deleted"] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    assert!(!page.body.contains("action=\"/services/shop/deploy\""), "{}", page.body);
    let asks = visitor.get("/services/shop/delete").await;
    assert!(asks.body.contains("is being deleted already, by kim"), "{}", asks.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_taken_offline_and_put_back() {
    let world = World::new().await;
    let shop = live(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let asks = visitor.get("/services/shop/offline").await;
    for shown in ["Take shop offline?", "v1 of shop is not live any more", "launcher offline shop"]
    {
        assert!(asks.body.contains(shown), "{shown} in {}", asks.body);
    }
    let fields = ["form_secret", "generation"].map(|name| (name, asks.field(name)));
    let form = [fields[0], fields[1], ("note", "a leak")];
    let answer = visitor.post("/services/shop/offline", &form).await;
    assert_eq!(answer.location(), "/services/shop/deployments/2");
    eventually("it is offline", async || world.live(&shop).await.is_empty()).await;
    let page = visitor.get("/services/shop/deployments/2").await;
    let told = ["shop is offline: nothing of it is live.", "shop goes offline once every edge"];
    assert!(told.iter().any(|told| page.flash().unwrap().starts_with(told)), "{}", page.body);
    assert!(page.body.contains("a leak"), "{}", page.body);
    // Pressed once more on the page before, it changes nothing.
    visitor.post("/services/shop/offline", &form).await;
    assert!(visitor.get("/").await.flash().is_some());
    assert_eq!(world.app.store.route(&shop).await.unwrap().generation.0, 2);
    assert_eq!(visitor.get("/services/shop/offline").await.location(), "/services/shop");
    let page = visitor.get("/services/shop").await;
    assert!(page.flash().unwrap().contains("offline already"), "{:?}", page.flash());
    let events = visitor.get("/events").await.body;
    assert!(events.contains("mika takes shop offline"), "{events}");
    world.deploy(&shop, V1).await;
    assert_eq!(world.live(&shop).await, [V1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_from_before_a_switch_takes_nothing_offline() {
    let world = World::new().await;
    let shop = live(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let asks = visitor.get("/services/shop/offline").await;
    let two = world.ready(&shop, "1.1").await;
    world.deploy(&shop, two).await;
    let form = ["form_secret", "generation"].map(|name| (name, asks.field(name)));
    assert_eq!(visitor.post("/services/shop/offline", &form).await.location(), "/services/shop");
    let page = visitor.get("/services/shop").await;
    assert!(page.flash().unwrap().contains("switched meanwhile"), "{:?}", page.flash());
    assert_eq!(world.live(&shop).await, [two]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_delete() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    let mut deployer = Visitor::person(&world, "ren", Roles::everywhere(Role::Deployer)).await;
    let page = deployer.get("/services/shop").await;
    assert!(!page.body.contains("/services/shop/delete"), "{}", page.body);
    assert_eq!(deployer.get("/services/shop/delete").await.status, StatusCode::FORBIDDEN);
    let form = [("form_secret", page.field("form_secret")), ("typed", "shop")];
    assert_eq!(deployer.post("/services/shop/delete", &form).await.status, StatusCode::FORBIDDEN);
    assert!(world.app.store.service(&shop).await.unwrap().unwrap().deletion.is_none());
}
