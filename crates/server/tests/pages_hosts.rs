//! The pages of hosts and edges, without JavaScript.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use std::sync::Arc;

use axum::http::StatusCode;
use launcher_edge::remote::{Identity, JoinToken};
use launcher_model::VersionNumber;
use launcher_model::host::HostState;
use launcher_model::role::{Role, Roles};
use launcher_server::{EdgeDoor, Settings};
use pages_support::{Visitor, World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_shows_what_runs_on_it_and_is_drained_and_opened() {
    let world = World::new().await;
    world.fake.set_hosts(["a", "b"]);
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, VersionNumber(1)).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let list = visitor.get("/hosts").await;
    assert!(list.body.contains("href=\"/hosts/a\""), "{}", list.body);
    let page = visitor.get("/hosts/a").await;
    for shown in [
        "<title>a: ready",
        "href=\"/services/shop\"",
        "href=\"/services/shop/versions/1\"",
        "/graphs/hosts/a/cpu.svg",
        "Processors",
        "href=\"/hosts/a/sure/drain\"",
    ] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    assert!(!page.body.contains("Open a again"), "{}", page.body);
    let asks = visitor.get("/hosts/a/sure/drain").await;
    for shown in ["Drain a?", "on a, of shop", "no request is lost", "launcher hosts drain a"] {
        assert!(asks.body.contains(shown), "{shown} in {}", asks.body);
    }
    let state = async || world.app.control.host("a").await.unwrap().state;
    assert_eq!(state().await, HostState::Ready, "nothing is done by a look");
    let form = [("form_secret", asks.field("form_secret"))];
    assert_eq!(visitor.post("/hosts/a/drain", &form).await.location(), "/hosts/a");
    let page = visitor.get("/hosts/a").await;
    assert!(page.flash().unwrap().starts_with("a is being drained"), "{:?}", page.flash());
    eventually("it is empty", async || state().await == HostState::Drained).await;
    let page = visitor.get("/hosts/a").await;
    for shown in ["Nothing of ours runs on it", "drained", "by mika", "Open a again"] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    visitor.post("/hosts/a/open", &form).await;
    assert_eq!(state().await, HostState::Ready);
    assert_eq!(visitor.get("/hosts/a").await.flash().unwrap(), "a takes containers again.");
    assert_eq!(visitor.get("/hosts/z").await.status, StatusCode::NOT_FOUND);
    let odd = visitor.post("/hosts/a/explode", &form).await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_sees_no_buttons() {
    let world = World::new().await;
    let name = world.app.control.hosts().await.unwrap()[0].host.name.clone();
    let mut viewer = Visitor::person(&world, "ren", Roles::everywhere(Role::Viewer)).await;
    let page = viewer.get(&format!("/hosts/{name}")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(!page.body.contains("/sure/drain"), "{}", page.body);
    let forbidden = viewer.get(&format!("/hosts/{name}/sure/drain")).await;
    assert_eq!(forbidden.status, StatusCode::FORBIDDEN);
    assert!(!viewer.get("/edges").await.body.contains("/new/edge"));
    assert_eq!(viewer.get("/new/edge").await.status, StatusCode::FORBIDDEN);
    assert_eq!(viewer.get("/edges/local").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_shows_what_it_serves() {
    let world = World::new().await;
    let shop = world.service("shop", "").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/edges/local").await;
    for shown in ["<title>local: ", "Nothing is live.", "Nothing is in flight"] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, VersionNumber(1)).await;
    assert!(visitor.get("/edges").await.body.contains("href=\"/edges/local\""));
    let page = visitor.get("/edges/local").await;
    for shown in ["id=\"serves-shop\"", "v1", "shop.example.com"] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    assert!(!page.body.contains("Revoke"), "the server's own is not revoked: {}", page.body);
    assert_eq!(visitor.get("/edges/local/revoke").await.location(), "/edges/local");
    assert_eq!(visitor.get("/edges/none").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_is_invited_and_revoked() {
    let mut world = World::new().await;
    let mut visitor = Visitor::signed_in(&world).await;
    let closed = visitor.get("/new/edge").await;
    assert!(closed.body.contains("takes no edges of other machines"), "{}", closed.body);
    let cookie = visitor.cookie("launcher_session").to_owned();

    let identity = Identity::open(&world.folder().join("edges.pem")).unwrap();
    let fingerprint = identity.fingerprint();
    let door = EdgeDoor { fingerprint, address: "launcher.example.com:7071".to_owned() };
    let settings = Settings { edges: Some(door), ..(*world.app.settings).clone() };
    world.app.settings = Arc::new(settings);
    world.router = launcher_server::router(&world.app);
    let mut visitor = Visitor::stranger(&world);
    visitor.set_cookie("launcher_session", &cookie);
    let asks = visitor.get("/new/edge").await;
    let secret = asks.field("form_secret").to_owned();
    let form = |name| [("form_secret", secret.as_str()), ("name", name)];
    for (name, told) in [("local", "choose another name"), ("Not A Name", "role=\"alert\"")] {
        let refused = visitor.post("/new/edge", &form(name)).await;
        assert!(refused.status.is_client_error(), "{name}: {}", refused.body);
        assert!(refused.body.contains(told), "{name}: {}", refused.body);
    }
    let shown = visitor.post("/new/edge", &form("edge-2")).await;
    assert_eq!(shown.status, StatusCode::CREATED);
    let (_, rest) = shown.body.split_once("--token ").unwrap();
    let token = rest.split(' ').next().unwrap();
    assert!(token.parse::<JoinToken>().is_ok(), "{token}");
    assert!(shown.body.contains("--server https://launcher.example.com:7071"), "{}", shown.body);
    let page = visitor.get("/edges/edge-2").await;
    assert!(page.body.contains("has not joined") && !page.body.contains(token), "{}", page.body);
    let sure = visitor.get("/edges/edge-2/revoke").await;
    assert!(sure.body.contains("Revoke edge-2?"), "{}", sure.body);
    assert_eq!(visitor.post("/edges/edge-2/revoke", &form("")).await.location(), "/edges");
    assert_eq!(visitor.get("/edges/edge-2").await.status, StatusCode::NOT_FOUND);
}
