//! The page of one environment, without JavaScript; what is printed while one looks is in `pages_browser`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use launcher_model::VersionNumber;
use pages_support::{Visitor, World, eventually};

const PATH: &str = "/services/shop/versions/1";

#[tokio::test(flavor = "multi_thread")]
async fn all_of_an_environment_is_on_its_page() {
    let world = World::new().await;
    let shop = world.service("shop", "[env]\nLOG_LEVEL = \"<debug>\"\n").await;
    world.ready(&shop, "1.0").await;
    let containers =
        world.app.control.environment(&shop, VersionNumber(1)).await.unwrap().containers;
    let id = containers[0].container.id.clone();
    world.fake.print(&id, "hello <script>alert(1)</script> \u{1b}[31mred\u{1b}[0m");
    let mut visitor = Visitor::signed_in(&world).await;
    let printed = "hello &#60;script&#62;alert(1)&#60;/script&#62; red</span>";
    eventually("the log is on the page", async || {
        let log = Visitor::signed_in(&world).await.get(PATH).await;
        log.body.contains(printed)
    })
    .await;
    let page = visitor.get(PATH).await;
    for shown in [
        "<title>shop v1: ready</title>",
        "Deploy v1",
        "healthy",
        &containers[0].container.name,
        "LOG_LEVEL = &#34;&#60;debug&#62;&#34;",
        "/graphs/shop/latency.svg?versions=1&#38;",
        "data-follow=\"/live/services/shop/versions/1/log?after=",
    ] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    assert!(visitor.get("/services/shop/versions/v1").await.body.contains("shop v1: ready"));

    let file = visitor.get(&format!("{PATH}/log.txt")).await;
    assert!(file.body.contains("hello <script>alert(1)</script> red\n"), "{}", file.body);
    let home = visitor.get("/").await.body;
    assert!(home.contains(&format!("href=\"{PATH}\"")), "{home}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_has_no_page() {
    let world = World::new().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    let mut visitor = Visitor::signed_in(&world).await;
    for (path, told) in [
        ("/services/shop/versions/9", "shop has no version v9."),
        ("/services/none/versions/1", "There is no service none."),
        ("/services/shop/versions/x", "There is no environment at this address."),
        ("/services/shop/versions/9/log.txt", "v9"),
        ("/live/services/shop/versions/9/log", "v9"),
    ] {
        let page = visitor.get(path).await;
        assert_eq!(page.status, 404, "{path}: {}", page.body);
        assert!(page.body.contains(told), "{path}: {}", page.body);
    }
    let mut stranger = Visitor::stranger(&world);
    for path in ["", "/log.txt"] {
        assert!(stranger.get(&format!("{PATH}{path}")).await.location().starts_with("/login"));
    }
    assert!(
        stranger.get("/live/services/shop/versions/1/log").await.location().starts_with("/login")
    );
}
