//! The page of one environment, without JavaScript; what is printed while one looks is in `pages_browser`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use launcher_model::VersionNumber;
use launcher_model::role::{Role, Roles};
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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sought_in_the_log_is_found_by_the_server() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    let view = world.app.control.environment(&shop, VersionNumber(1)).await.unwrap();
    let containers: Vec<_> = view.containers.iter().map(|one| one.container.clone()).collect();
    assert_eq!(containers.len(), 3);
    for (container, who) in containers.iter().zip(["one", "two"]) {
        world.fake.print(&container.id, &format!("Order 17 & more, {who}"));
        // So many that what is sought is not among the last that are shown.
        for n in 0..300 {
            world.fake.print(&container.id, &format!("tick {n} of {who}"));
        }
    }
    let mut visitor = Visitor::signed_in(&world).await;
    let path = format!("{PATH}?find=ORDER+17+%26");
    let found = visitor.get(&path).await.body;
    assert!(
        found.contains("17 &#38; more, one") && found.contains("17 &#38; more, two"),
        "{found}"
    );
    assert!(!found.contains("tick 299"), "{found}");
    assert!(found.contains("name=\"find\" value=\"ORDER 17 &#38;\""), "{found}");
    // What comes is sifted in the same way, and so is the file.
    assert!(found.contains("&#38;find=ORDER%2017%20%26\""), "{found}");
    let path = format!("{PATH}/log.txt?find=order&container={}", containers[1].name);
    let file = visitor.get(&path).await.body;
    assert_eq!(file.matches("more, ").count(), 1, "{file}");
    assert!(file.contains("more, two") && !file.contains("tick"), "{file}");

    let one = visitor.get(&format!("{PATH}?container={}", containers[0].name)).await.body;
    assert!(one.contains("tick 299 of one") && !one.contains("of two"), "{one}");
    let chosen = format!("<option value=\"{0}\" selected>{0}</option>", containers[0].name);
    assert!(one.contains(&chosen), "{one}");
    let none = visitor.get(&format!("{PATH}?find=nowhere")).await.body;
    assert!(none.contains("Nothing of this was printed."), "{none}");
    let gone = visitor.get(&format!("{PATH}?container=gone")).await;
    assert_eq!(gone.status, 200);
    assert!(gone.body.contains("no such container"), "{}", gone.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_have_a_terminal_in_each_container() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    let view = world.app.control.environment(&shop, VersionNumber(1)).await.unwrap();
    let container = &view.containers[0].container;
    let path = format!("{PATH}/terminal/{}", container.name);
    let mut admin = Visitor::signed_in(&world).await;
    assert!(admin.get(PATH).await.body.contains(&format!("href=\"{path}\"")));
    let page = admin.get(&path).await;
    let exec = format!("/api/v1/services/shop/versions/1/exec?container={}", container.name);
    // What serves without JavaScript stands there as well.
    let same = format!("launcher exec shop v1 --container {} -- sh", container.name);
    for shown in [&format!("data-exec=\"{exec}\""), &same, &container.host] {
        assert!(page.body.contains(shown.as_str()), "{shown} in {}", page.body);
    }
    let roles = Roles { role: Role::Viewer, services: [(shop.clone(), Role::Deployer)].into() };
    let mut deployer = Visitor::person(&world, "mara", roles).await;
    assert!(!deployer.get(PATH).await.body.contains("/terminal/"));
    assert_eq!(deployer.get(&path).await.status, 403);

    let gone = admin.get(&format!("{PATH}/terminal/gone")).await;
    assert_eq!(gone.status, 404);
    assert!(gone.body.contains("has no container gone any more"), "{}", gone.body);
    world.app.control.stop(&shop, VersionNumber(1), "test").await.unwrap();
    eventually("it does not run", async || {
        admin_page(&world, &path).await.contains("This container does not run.")
    })
    .await;
}

async fn admin_page(world: &World, path: &str) -> String {
    Visitor::signed_in(world).await.get(path).await.body
}
