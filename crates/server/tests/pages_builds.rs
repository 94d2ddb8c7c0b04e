//! The page of a build, without JavaScript.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use axum::http::StatusCode;
use launcher_control::LaunchRequest;
use launcher_model::build::{BuildState, LogEntry, Origin, Step, StepKind, StepState};
use launcher_model::environment::EnvironmentState;
use launcher_model::role::{Role, Roles};
use launcher_model::{BuildId, ServiceName};
use launcher_store::{BuildChange, NewBuild};
use pages_support::{Visitor, WHO, World};

/// A build of `shop` that waits, of a commit that somebody else wrote.
async fn queued(world: &World, shop: &ServiceName) -> BuildId {
    let new = NewBuild {
        service: shop.clone(),
        origin: Origin::Push,
        branch: Some("main".to_owned()),
        commit: Some("8f31c0a52be4".to_owned()),
        subject: Some("Faster <checkout>".to_owned()),
        author: Some("Kim Ash".to_owned()),
        by: WHO.to_owned(),
    };
    world.app.store.queue_build(new, world.app.now()).await.unwrap().build.id
}

/// Has it fail in its first step.
async fn fails(world: &World, id: BuildId) {
    let now = world.app.now();
    let step = Step {
        kind: StepKind::Build,
        state: StepState::Failed,
        started_at: now,
        finished_at: Some(now),
        note: Some("the disk is <full>".to_owned()),
    };
    let change = BuildChange {
        state: Some(BuildState::Failed),
        steps: Some(vec![step]),
        reason: Some("build failed: the disk is <full>".to_owned()),
        ..BuildChange::default()
    };
    world.app.store.change_build(id, change, &[], now).await.unwrap();
}

/// Writes a build's log as the server before this one has left it.
fn write(world: &World, id: BuildId, lines: usize) {
    let folder = world.folder().join("builds").join(id.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let at = world.app.now();
    let mut text = serde_json::to_string(&LogEntry::Began { at, step: StepKind::Build }).unwrap();
    for number in 1..=lines {
        let line = LogEntry::Line { at, step: StepKind::Build, text: format!("<line {number}>") };
        text += &format!("\n{}", serde_json::to_string(&line).unwrap());
    }
    std::fs::write(folder.join("log"), text + "\n").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_has_a_page_with_its_steps_its_result_and_its_log() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    let id = queued(&world, &shop).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let waits = visitor.get("/builds/1").await;
    for shown in ["It waits for its turn", "Cancel build 1", "load the page again", "data-moves"] {
        assert!(waits.body.contains(shown), "{shown} in {}", waits.body);
    }
    write(&world, id, 3);
    fails(&world, id).await;
    let list = visitor.get("/builds").await.body;
    assert!(list.contains("href=\"/builds/1\""), "{list}");
    let page = visitor.get("/builds/1").await;
    for shown in [
        "<title>Build 1 of shop: failed",
        "Faster &#60;checkout&#62;",
        "written by Kim Ash",
        "8f31c0a",
        "build failed: the disk is &#60;full&#62;",
        "id=\"step-build\"",
        "&#60;line 3&#62;",
        "Run it again",
        "launcher builds retry 1",
    ] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    for hidden in ["<checkout>", "<full>", "<line", "data-moves", "data-follow"] {
        assert!(!page.body.contains(hidden), "{hidden} in {}", page.body);
    }
    let file = visitor.get("/builds/1/log.txt").await;
    assert_eq!(file.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(file.body.lines().count(), 4, "{}", file.body);
    assert!(file.body.ends_with(" build <line 3>\n"), "{}", file.body);
    for path in ["/builds/2", "/builds/x", "/live/builds/2", "/builds/2/log.txt"] {
        let missing = visitor.get(path).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{path}");
        assert!(missing.body.contains("To the services"), "{path}: {}", missing.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_long_log_the_end_is_shown_and_all_of_it_is_a_file() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    let id = queued(&world, &shop).await;
    write(&world, id, 9_000);
    fails(&world, id).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/builds/1").await;
    assert!(page.body.contains("Its last 500 lines"), "{}", page.body);
    let shows = |number: usize| page.body.contains(&format!("&#60;line {number}&#62;"));
    assert_eq!([1, 8_500, 8_501, 9_000].map(shows), [false, false, true, true]);
    let file = visitor.get("/builds/1/log.txt").await.body;
    assert_eq!(file.lines().count(), 9_001);
    assert_eq!(file.matches("<line 4242>").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_where_it_was() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    let id = queued(&world, &shop).await;
    write(&world, id, 3);
    fails(&world, id).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let all = visitor.get("/live/builds/1/log").await.body;
    assert_eq!(all.matches("event: line").count(), 4, "{all}");
    assert!(all.contains("event: end"), "{all}");
    let places: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    let rest = visitor.get(&format!("/live/builds/1/log?after={}", places[2])).await.body;
    assert_eq!(rest.matches("event: line").count(), 1, "{rest}");
    assert!(rest.contains("<line 3>"), "{rest}");
    let resumed = visitor.get_with("/live/builds/1/log", ("last-event-id", places[3])).await.body;
    assert_eq!(resumed.matches("event: line").count(), 0, "{resumed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn buttons_cancel_a_build_and_run_it_again_for_those_who_may() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    let id = queued(&world, &shop).await;
    let state = async |id| world.app.store.build(id).await.unwrap().unwrap().state;
    let mut viewer = Visitor::person(&world, "ren", Roles::everywhere(Role::Viewer)).await;
    let page = viewer.get("/builds/1").await;
    assert!(!page.body.contains("action=\"/builds/1/cancel\""), "{}", page.body);
    let form = [("form_secret", page.field("form_secret"))];
    assert_eq!(viewer.post("/builds/1/cancel", &form).await.status, StatusCode::FORBIDDEN);
    let none = Roles { role: Role::None, services: Default::default() };
    let mut stranger = Visitor::person(&world, "sora", none).await;
    assert_eq!(stranger.get("/builds/1").await.status, StatusCode::NOT_FOUND);

    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/builds/1").await;
    let form = [("form_secret", page.field("form_secret"))];
    assert_eq!(visitor.post("/builds/1/retry", &form).await.location(), "/builds/1");
    let refused = visitor.get("/builds/1").await;
    assert!(refused.flash().unwrap().contains("cancel it first"), "{:?}", refused.flash());
    assert_eq!(visitor.post("/builds/1/cancel", &form).await.location(), "/builds/1");
    assert_eq!(state(id).await, BuildState::Cancelled);
    let page = visitor.get("/builds/1").await;
    assert_eq!(page.flash().unwrap(), "Build 1 is cancelled.");
    assert!(page.body.contains("cancelled by mika"), "{}", page.body);
    assert_eq!(visitor.post("/builds/1/retry", &form).await.location(), "/builds/2");
    let again = visitor.get("/builds/2").await;
    assert_eq!(again.flash().unwrap(), "Build 1 is run again, as build 2.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_leads_to_the_build_that_made_it() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    let build = queued(&world, &shop).await;
    let request = LaunchRequest {
        image: Some(":1.1".to_owned()),
        subject: Some("Faster checkout\nand more".to_owned()),
        author: Some("Kim Ash".to_owned()),
        build: Some(build),
        ..LaunchRequest::new(shop.clone(), WHO)
    };
    let version = world.app.control.launch(request).await.unwrap().0;
    assert_eq!(version.subject.as_deref(), Some("Faster checkout"), "its first line");
    world.reaches(&shop, version.number, EnvironmentState::Ready).await;
    let mut visitor = Visitor::signed_in(&world).await;
    for path in ["/services/shop", "/services/shop/versions/2"] {
        let page = visitor.get(path).await.body;
        assert!(page.contains("href=\"/builds/1\""), "{path}: {page}");
        assert!(page.contains("Faster checkout") && page.contains("Kim Ash"), "{path}: {page}");
    }
    let first = visitor.get("/services/shop/versions/1").await.body;
    assert!(!first.contains("href=\"/builds/1\""), "{first}");
    assert!(visitor.get("/services/shop").await.body.contains("href=\"/builds?service=shop\""));
    let home = visitor.get("/").await.body;
    assert!(home.contains("Faster checkout") && home.contains("Kim Ash"), "{home}");
    let build = visitor.get("/builds/1").await.body;
    assert!(build.contains("href=\"/services/shop/versions/2\""), "{build}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_was_asked_for_by_its_digest_is_named_once() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    // As a build asks for what it has made, here of a source of which nobody said anything.
    let image = Some(format!("sha256:{}", "5e".repeat(32)));
    let request = LaunchRequest { image, ..LaunchRequest::new(shop.clone(), WHO) };
    let number = world.app.control.launch(request).await.unwrap().0.number;
    let version = world.app.store.version(&shop, number).await.unwrap().unwrap();
    let page = Visitor::signed_in(&world).await.get("/services/shop").await.body;
    let (_, card) = page.split_once("id=\"c-v1\"").unwrap();
    let card = card.split_once("</article>").unwrap().0;
    assert!(card.contains("<h3>launched without a message</h3>"), "{card}");
    let digest = version.image.digest.short();
    assert_eq!(card.matches(digest).count(), 1, "{digest} in {card}");
}
