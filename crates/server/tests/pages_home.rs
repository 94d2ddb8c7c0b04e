//! Home: what a row says of a service, and what stands first, without JavaScript.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use axum::http::StatusCode;
use launcher_control::{DeployRequest, LaunchRequest, Target};
use launcher_model::environment::EnvironmentState;
use launcher_model::measure::{Traffic, TrafficSample};
use launcher_model::{EdgeName, ServiceName, VersionNumber};
use pages_support::{Visitor, WHO, World, eventually};

const V1: VersionNumber = VersionNumber(1);

/// Launches an image with what was said of its commit, and makes it live.
async fn goes_live(world: &World, service: &ServiceName, subject: &str) {
    let request = LaunchRequest {
        image: Some(":1".to_owned()),
        commit: Some("8f31c0a52be4".to_owned()),
        subject: Some(subject.to_owned()),
        author: Some("Kim Ash".to_owned()),
        ..LaunchRequest::new(service.clone(), WHO)
    };
    let number = world.app.control.launch(request).await.unwrap().0.number;
    world.reaches(service, number, EnvironmentState::Ready).await;
    world.deploy(service, number).await;
}

/// The row of a service.
fn row<'p>(page: &'p str, name: &str) -> &'p str {
    let (_, row) = page.split_once(&format!("id=\"s-{name}\"")).expect(name);
    row.split("</li>").next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_without_services_leads_to_the_first_in_three_steps() {
    let world = World::without_edge().await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/").await.body;
    for shown in [
        "launcher init",
        "launcher apply",
        "launcher build",
        "launcher deploy NAME v1",
        "/new/service",
    ] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    world.service("shop", "").await;
    let page = visitor.get("/").await.body;
    assert!(!page.contains("id=\"first\""), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_nothing_matches_says_so_and_leads_to_all() {
    let world = World::without_edge().await;
    world.service("shop", "").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/?filter=%3Czzz").await.body;
    let told =
        "id=\"unmatched\">No service matches “<b>&#60;zzz</b>”. <a class=\"linked\" href=\"/\">";
    assert!(page.contains(told), "{page}");
    for matched in ["/", "/?filter=sho"] {
        let page = visitor.get(matched).await.body;
        assert!(page.contains("id=\"unmatched\" hidden>"), "{matched}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_says_which_commit_is_live_whose_it_is_and_since_when() {
    let world = World::new().await;
    let shop = world.service("shop", "").await;
    goes_live(&world, &shop, "Faster <checkout>").await;
    let page = Visitor::signed_in(&world).await.get("/").await.body;
    let row = row(&page, "shop");
    for shown in ["Faster &#60;checkout&#62;", "Kim Ash", "<code>8f31c0a</code>", "<time "] {
        assert!(row.contains(shown), "{shown} in {row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_person_stands_first_and_says_why() {
    let world = World::new().await;
    let now = world.app.now().as_second();
    for name in ["accounts", "billing", "search", "shop"] {
        let service = world.service(name, "").await;
        goes_live(&world, &service, "First").await;
    }
    let of = |name: &str| ServiceName::new(name).unwrap();
    world.ready(&of("shop"), "2").await;
    // One of ten requests of `search` fails; of `billing`, one of very few.
    let edge = EdgeName::new("told").unwrap();
    for at in now - 120..now {
        let sample = |name: &str, fine: u64, bad: u64| {
            let traffic = Traffic { requests: [0, fine, 0, 0, bad], ..Traffic::default() };
            TrafficSample { service: of(name), version: V1, traffic }
        };
        let mut samples = vec![sample("search", 9, 1), sample("accounts", 9, 0)];
        if at == now - 60 {
            samples.push(sample("billing", 1, 1));
        }
        world.app.telemetry.gathered().traffic(&edge, at, samples);
    }
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/").await.body;
    let order: Vec<&str> =
        page.split("data-name=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(order, ["search", "shop", "accounts", "billing"]);
    assert!(row(&page, "search").contains("10.00 % of its requests fail"), "{page}");
    assert!(row(&page, "shop").contains("v2 is ready: deploy it, or leave it"), "{page}");
    assert!(!row(&page, "accounts").contains("class=\"need"), "{page}");
    assert!(!row(&page, "billing").contains("class=\"need"), "one of two says nothing: {page}");
    assert!(page.contains("<title>1 needs eyes"), "{page}");
    // A row that is fetched alone says the same.
    let alone = visitor.get("/live/home?only=search").await;
    assert_eq!(alone.status, StatusCode::OK);
    assert!(row(&alone.body, "search").contains("of its requests fail"), "{}", alone.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_live_and_unwell_says_which_container_and_why() {
    let world = World::new().await;
    let text = "interval = \"100ms\"\n";
    let shop = world.service("shop", text).await;
    goes_live(&world, &shop, "First").await;
    world.set_sick(true);
    eventually("the page says so", async || {
        let page = Visitor::signed_in(&world).await.get("/").await.body;
        row(&page, "shop").contains("v1 live, 0 of 3 healthy: ")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_page_for_who_looks_at_pages() {
    let world = World::without_edge().await;
    world.service("shop", "").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let accept = ("accept", "text/html,application/xhtml+xml");
    let page = visitor.get_with("/nowhere", accept).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("To the services"), "{}", page.body);
    assert!(page.headers.contains_key("content-security-policy"));
    let api = visitor.get_with("/api/v1/nowhere", accept).await;
    assert!(api.headers["content-type"].to_str().unwrap().contains("json"), "{}", api.body);
    let program = visitor.get("/nowhere").await;
    assert!(program.headers["content-type"].to_str().unwrap().contains("json"));
    let pressed = visitor.get_with("/services/shop/deploy", accept).await;
    assert_eq!(pressed.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(pressed.body.contains("is for a button of a page"), "{}", pressed.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rolled_back_from_is_said_to_be_left_and_urges_nobody() {
    let world = World::new().await;
    let shop = world.service("shop", "").await;
    goes_live(&world, &shop, "First").await;
    goes_live(&world, &shop, "Second").await;
    let back = DeployRequest::new(shop.clone(), Target::RollbackTo(V1), WHO);
    world.app.control.deploy(back).await.unwrap();
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/").await.body;
    let own = row(&page, "shop");
    assert!(own.contains("v2 was left just now"), "{own}");
    assert!(own.contains("data-mark=\"live\""), "{own}");
    assert!(!own.contains("class=\"go\"") && !own.contains("Deploy v2"), "{own}");
    assert!(page.contains("<title>All quiet"), "{page}");
    // Who wants it all the same finds it on the service's page, and is asked.
    let page = visitor.get("/services/shop").await.body;
    assert!(page.contains("<title>shop: v1 live, v2 left</title>"), "{page}");
    assert!(page.contains("data-sure=\"Deploy v2 of shop\""), "{page}");

    // The next version waits for a person again.
    world.ready(&shop, "3").await;
    let page = visitor.get("/").await.body;
    assert!(row(&page, "shop").contains("v3 is ready: deploy it, or leave it"), "{page}");
}
