//! The pages that list what there is, without JavaScript.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use launcher_model::VersionNumber;
use pages_support::{Visitor, World};

const LISTS: [&str; 5] = ["builds", "hosts", "edges", "deployments", "events"];

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_says_what_to_do_next() {
    let world = World::new().await;
    let mut visitor = Visitor::signed_in(&world).await;
    for (list, told) in [
        ("builds", "Nothing was built yet."),
        ("deployments", "Nothing was deployed yet."),
        ("hosts", "nothing of ours"),
        ("edges", "Edge"),
    ] {
        let page = visitor.get(&format!("/{list}")).await;
        assert_eq!(page.status, 200, "{list}: {}", page.body);
        assert!(page.body.contains(told), "{list}: {}", page.body);
        let here = format!("href=\"/{list}\" aria-current=\"page\"");
        assert!(page.body.contains(&here), "{list}: {}", page.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_for_who_is_signed_in() {
    let world = World::new().await;
    let mut visitor = Visitor::stranger(&world);
    for list in LISTS {
        let page = visitor.get(&format!("/{list}")).await;
        assert!(page.location().starts_with("/login"), "{list}");
    }
    assert!(visitor.get("/jump?to=shop").await.location().starts_with("/login"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_of_all_services_or_of_one_and_go_on_page_by_page() {
    let world = World::new().await;
    let (shop, other) = (world.service("shop", "").await, world.service("other", "").await);
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, VersionNumber(1)).await;
    world.ready(&other, "1.0").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let all = visitor.get("/events").await.body;
    assert!(all.contains("v1 of shop was launched") && all.contains("v1 of other was launched"));
    let one = visitor.get("/events?service=shop").await.body;
    assert!(one.contains("v1 of shop was launched") && !one.contains("v1 of other was launched"));
    assert!(visitor.get("/deployments?service=other").await.body.contains("Nothing was deployed"));
    assert!(visitor.get("/deployments").await.body.contains("0 failed"));

    for _ in 0..30 {
        world.app.control.pin(&shop, VersionNumber(1), true, "mika").await.unwrap();
        world.app.control.pin(&shop, VersionNumber(1), false, "mika").await.unwrap();
    }
    let first = visitor.get("/events?service=shop").await.body;
    assert!(!first.contains("was launched"), "{first}");
    let (_, rest) = first.split_once("href=\"/events?service=shop&").unwrap();
    let (query, _) = rest.split_once('"').unwrap();
    let query = query.replace("&#38;", "&").replace("#38;", "");
    let second = visitor.get(&format!("/events?service=shop&{query}")).await.body;
    assert!(second.contains("v1 of shop was launched"), "{second}");
    assert!(visitor.get("/events?before=nonsense").await.body.contains("cursor"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_leads_to_the_service_that_is_meant() {
    let world = World::new().await;
    for name in ["shop", "shop-admin", "search"] {
        world.service(name, "").await;
    }
    let mut visitor = Visitor::signed_in(&world).await;
    for (to, path) in [
        ("shop", "/services/shop"),
        ("adm", "/services/shop-admin"),
        ("s", "/?filter=s"),
        ("%3Cb%3E", "/?filter=%3Cb%3E"),
    ] {
        assert_eq!(visitor.get(&format!("/jump?to={to}")).await.location(), path);
    }
    let page = visitor.get("/?filter=search").await.body;
    let row = |name: &str| {
        let (_, row) = page.split_once(&format!("data-name=\"{name}\"")).unwrap();
        row.split_once('>').unwrap().0.ends_with(" hidden")
    };
    assert_eq!(["search", "shop", "shop-admin"].map(row), [false, true, true]);
    let hostile = visitor.get("/?filter=%22%3E%3Cxyz%3E").await.body;
    assert!(!hostile.contains("<xyz>"), "{hostile}");
}
