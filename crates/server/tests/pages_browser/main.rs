//! The pages in a real browser.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accessible;
mod away;
mod graphs;
mod large;
#[allow(dead_code)]
#[path = "../pages_support/mod.rs"]
mod pages_support;
mod terminal;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use launcher_browser::{Browsers, arrives, is_whole, no_complaints, shows, text};
use launcher_model::build::{BuildState, LogEntry, Origin, Step, StepKind, StepState};
use launcher_model::environment::EnvironmentState;
use launcher_model::measure::{Traffic, TrafficSample};
use launcher_model::role::{Role, Roles};
use launcher_model::{EdgeName, PersonName, ServiceName, VersionNumber};
use launcher_scheduler::fake::Script;
use launcher_store::{BuildChange, NewBuild, NewPerson};
use pages_support::browser::sign_in;
use pages_support::{WHO, World, eventually};
use thirtyfour::prelude::*;

const V1: VersionNumber = VersionNumber(1);

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_a_press_is_seen_in_every_window() {
    let mut world = World::new().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, V1).await;
    world.ready(&shop, "1.1").await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let (one, other) = (browsers.open(true).await, browsers.open(true).await);
    sign_in(&one, &world, &url).await;
    sign_in(&other, &world, &url).await;
    other.goto(format!("{url}/services/shop")).await.unwrap();
    shows(&one, "#s-shop .middle", "Deploy v2").await;
    shows(&other, ".between", "Deploy v2").await;
    assert_eq!(other.title().await.unwrap(), "shop: v1 live, v2 ready");
    is_whole(&one).await;
    is_whole(&other).await;
    one.execute("window.same = document.getElementById('s-shop')", vec![]).await.unwrap();

    one.find(By::Css("#s-shop .go")).await.unwrap().click().await.unwrap();
    shows(&one, "#asked h2", "Deploy v2 of shop?").await;
    one.find(By::Css("#asked [value=no]")).await.unwrap().click().await.unwrap();
    assert_eq!(world.live(&shop).await, [V1], "nothing is done without a yes");
    one.find(By::Css("#s-shop .go")).await.unwrap().click().await.unwrap();
    shows(&one, "#asked h2", "Deploy v2 of shop?").await;
    one.find(By::Css("#asked [value=yes]")).await.unwrap().click().await.unwrap();
    let pressed = Instant::now();
    shows(&other, "#c-v2 .word", "live").await;
    let seen = pressed.elapsed();
    assert!(seen < Duration::from_secs(1), "the other window saw it after {seen:?}");
    shows(&one, "#flash", "v2 is live: switched on 1 edge in").await;
    shows(&one, "#s-shop .live-side", "Roll back to v1, instant").await;
    let same = "return window.same === document.getElementById('s-shop')";
    let same = one.execute(same, vec![]).await.unwrap();
    assert_eq!(same.json(), &serde_json::json!(true), "the row was changed in place");
    eventually("the title tells it", async || other.title().await.unwrap() == "shop: v2 live")
        .await;

    other.find(By::Css(".between .quiet")).await.unwrap().click().await.unwrap();
    shows(&other, "#flash", "v1 is live").await;
    shows(&one, "#s-shop .live-side", "shop:1.0").await;
    no_complaints(&one).await;
    no_complaints(&other).await;
    one.quit().await.unwrap();
    other.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_what_one_has_opened_stays_open() {
    let mut world = World::new().await;
    world.fails("shop", "1.0", &["no database"]).await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.find(By::Css("#s-shop .why summary")).await.unwrap().click().await.unwrap();
    shows(&browser, "#s-shop pre", "no database").await;
    world.service("accounts", "").await;
    shows(&browser, "#services", "accounts").await;
    shows(&browser, "#s-shop pre", "no database").await;
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_keys_lead_where_one_wants_to_be() {
    let mut world = World::new().await;
    for name in ["accounts", "search", "shop"] {
        world.service(name, "").await;
    }
    let shop = ServiceName::new("shop").unwrap();
    world.ready(&shop, "1.0").await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    is_whole(&browser).await;
    let press = async |keys: &str| browser.action_chain().send_keys(keys).perform().await.unwrap();
    let focused = async || {
        let focused = browser.active_element().await.unwrap();
        focused.text().await.unwrap()
    };
    // What waits for a person stands first.
    press("j").await;
    assert_eq!(focused().await, "shop");
    press("jjjk").await;
    assert_eq!(focused().await, "accounts");
    press("kkd").await;
    assert!(focused().await.contains("Deploy v1"));
    assert!(world.live(&shop).await.is_empty(), "a key deploys nothing");

    press("/sea").await;
    eventually("the others are hidden", async || {
        let shown = browser.find_all(By::Css("#services .row:not([hidden])")).await.unwrap();
        shown.len() == 1 && shown[0].id().await.unwrap().as_deref() == Some("s-search")
    })
    .await;
    // What comes meanwhile is sifted too, and takes nothing from under one's hands.
    world.service("billing", "").await;
    eventually("it has come", async || browser.find(By::Css("#s-billing[hidden]")).await.is_ok())
        .await;
    assert_eq!(
        browser.find(By::Id("filter")).await.unwrap().prop("value").await.unwrap().unwrap(),
        "sea"
    );
    press("\u{e00c}").await;
    press("?").await;
    shows(&browser, "#keys", "to its Deploy button").await;
    press("\u{e00c}").await;
    press("j\u{e007}").await;
    arrives(&browser, "/services/search").await;
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_a_log_grows_while_one_looks() {
    let mut world = World::new().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    let view = world.app.control.environment(&shop, V1).await.unwrap();
    let id = view.containers[0].container.id.clone();
    world.fake.print(&id, "before one looks");
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    let path = format!("{url}/services/shop/versions/1");
    eventually("what was printed is kept", async || {
        browser.goto(&path).await.unwrap();
        text(&browser, ".log").await.contains("before one looks")
    })
    .await;
    is_whole(&browser).await;
    for n in 0..3 {
        world.fake.print(&id, &format!("line {n} <b>"));
        shows(&browser, ".log", &format!("line {n} <b>")).await;
    }
    // A press brings the page up to date around it.
    browser.find(By::Css(".between .go")).await.unwrap().click().await.unwrap();
    shows(&browser, "#asked h2", "Deploy v1 of shop?").await;
    browser.find(By::Css("#asked [value=yes]")).await.unwrap().click().await.unwrap();
    shows(&browser, ".card .word", "live").await;
    let log = text(&browser, ".log").await;
    assert_eq!(log.matches("line 1").count(), 1, "{log}");
    browser.find(By::Id("find")).await.unwrap().send_keys("line 2").await.unwrap();
    eventually("the others are hidden", async || !text(&browser, ".log").await.contains("line 1"))
        .await;
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_without_javascript_all_is_done_by_forms() {
    let mut world = World::new().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(false).await;
    browser.goto(format!("{url}/services/shop")).await.unwrap();
    arrives(&browser, "/login").await;
    browser.find(By::Css("details summary")).await.unwrap().click().await.unwrap();
    browser.find(By::Id("token")).await.unwrap().send_keys(world.token.expose()).await.unwrap();
    browser.find(By::Css("details .go")).await.unwrap().click().await.unwrap();
    arrives(&browser, "/services/shop").await;

    browser.find(By::Css(".between .go")).await.unwrap().click().await.unwrap();
    arrives(&browser, "/services/shop/versions/1/deploy").await;
    assert!(world.live(&shop).await.is_empty(), "the first press leads to the page that asks");
    browser.find(By::Css(".between .go")).await.unwrap().click().await.unwrap();
    arrives(&browser, "/services/shop/deployments/1").await;
    shows(&browser, "#receipt", "0 failed").await;
    assert_eq!(world.live(&shop).await, [V1]);
    browser.goto(format!("{url}/services/shop")).await.unwrap();
    assert_eq!(browser.title().await.unwrap(), "shop: v1 live");
    browser.find(By::Css(".who button")).await.unwrap().click().await.unwrap();
    arrives(&browser, "/login").await;
    browser.quit().await.unwrap();
}

/// A page, by the name of its picture.
const PAGES: [(&str, &str); 34] = [
    ("home", "/"),
    ("service", "/services/shop"),
    ("failed", "/services/search"),
    ("environment", "/services/shop/versions/4"),
    ("terminal", "/services/shop/versions/4/terminal/launcher-pages-shop-v4-1"),
    ("deploy", "/services/shop/versions/4/deploy"),
    ("deployment", "/services/shop/deployments/7"),
    ("builds", "/builds"),
    ("build", "/builds/1"),
    ("hosts", "/hosts"),
    ("host", "/hosts/fake"),
    ("edges", "/edges"),
    ("edge", "/edges/local"),
    ("new-edge", "/new/edge"),
    ("delete", "/services/shop/delete"),
    ("offline", "/services/shop/offline"),
    ("close", "/services/shop/maintenance"),
    ("stop", "/services/shop/versions/4/sure/stop"),
    ("certificates", "/certificates"),
    ("deployments", "/deployments"),
    ("events", "/events"),
    ("people", "/people"),
    ("audit", "/audit"),
    ("sessions", "/sessions"),
    ("new-service", "/new/service"),
    ("settings", "/services/shop/settings"),
    ("launch", "/services/shop/launch"),
    ("new-person", "/new/person"),
    ("person", "/people/an-early-bird-of-a-long-name"),
    ("new-token", "/new/token"),
    ("secrets", "/secrets"),
    ("secret", "/secrets/shop%2Fdatabase-url"),
    ("notifications", "/notifications"),
    ("server", "/server"),
];

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_pages_fit_their_window() {
    let mut world = World::new().await;
    a_busy_day(&world).await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    // Where pictures are to be kept: those in docs/images were made so.
    let pictures = std::env::var_os("LAUNCHER_PICTURES").map(PathBuf::from);
    for (width, height) in [(1280, 900), (390, 844)] {
        for theme in ["light", "dark"] {
            looks_as(&browser, (width, height), theme).await;
            for (page, path) in PAGES {
                browser.goto(format!("{url}{path}")).await.unwrap();
                only_own_files(&browser, page).await;
                let wider = "return document.documentElement.scrollWidth - window.innerWidth";
                let wider = browser.execute(wider, vec![]).await.unwrap();
                let wider = wider.json().as_f64().unwrap();
                assert!(wider <= 0.0, "{page} at {width} px is {wider} px too wide");
                if let Some(folder) = &pictures {
                    let file = folder.join(format!("{page}-{theme}-{width}.png"));
                    browser.screenshot(&file).await.unwrap();
                }
            }
        }
    }
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}

/// Gives a browser's window a size and its owner a theme, who wants nothing to move.
async fn looks_as(browser: &WebDriver, (width, height): (u32, u32), theme: &str) {
    let metrics = serde_json::json!({
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
    });
    let media = serde_json::json!({ "features": [
        { "name": "prefers-color-scheme", "value": theme },
        { "name": "prefers-reduced-motion", "value": "reduce" },
    ]});
    let hidden = serde_json::json!({ "hidden": true });
    for (command, parameters) in [
        ("Emulation.setDeviceMetricsOverride", metrics),
        ("Emulation.setEmulatedMedia", media),
        ("Emulation.setScrollbarsHidden", hidden),
    ] {
        browser.cdp().send_raw(command, parameters).await.unwrap();
    }
}

/// A page asks nobody but its own server for anything.
async fn only_own_files(browser: &WebDriver, page: &str) {
    let foreign = "return performance.getEntriesByType('resource').map((one) => one.name)\
        .filter((name) => new URL(name).origin !== location.origin)";
    let foreign = browser.execute(foreign, vec![]).await.unwrap();
    assert_eq!(foreign.json(), &serde_json::json!([]), "{page}");
}

/// Services in every condition, with names and words of every length.
async fn a_busy_day(world: &World) {
    world.set_back(SignedDuration::from_hours(9 * 24));
    for name in ["accounts", "documents-and-attachments"] {
        let service = world.service(name, "").await;
        world.ready(&service, "2.4.0").await;
        world.deploy(&service, V1).await;
    }
    world.set_back(SignedDuration::from_hours(6 * 24));
    let billing = world.service("billing", "").await;
    world.ready(&billing, "31").await;
    world.deploy(&billing, V1).await;
    let search = world.service("search", "").await;
    world.ready(&search, "7.1").await;
    world.deploy(&search, V1).await;

    let shop = world.service("shop", "").await;
    for (days, tag) in [(6, "2026-11-18"), (4, "2026-11-20"), (1, "2026-11-23")] {
        world.set_back(SignedDuration::from_hours(days * 24));
        let number = world.ready(&shop, tag).await;
        world.deploy(&shop, number).await;
    }
    world.app.control.stop(&shop, V1, WHO).await.unwrap();
    world.reaches(&shop, V1, EnvironmentState::Stopped).await;
    world.app.control.pin(&shop, VersionNumber(2), true, WHO).await.unwrap();
    world.set_back(SignedDuration::from_mins(4));
    world.service("shop", "[env]\nLOG_LEVEL = \"debug\"\n").await;
    world.ready(&shop, "2026-11-24").await;
    let secrets = "[env]\nLOG_LEVEL = \"debug\"\n[secrets]\nDATABASE_URL = \"shop/database-url\"\n";
    world.service("shop", secrets).await;
    let name = PersonName::new("an-early-bird-of-a-long-name").unwrap();
    let on_shop = (shop.clone(), Role::Deployer);
    let roles = Roles { role: Role::Viewer, services: [on_shop].into_iter().collect() };
    let bird = NewPerson { name, display_name: None, roles };
    world.app.store.add_person(bird, WHO, world.app.now()).await.unwrap();

    a_failed_build(world, &shop).await;
    world.set_back(SignedDuration::ZERO);
    let last_words = [
        "reading the index at /data/index",
        "fatal: the index has format 9, and this program reads up to 8",
    ];
    world.fails("search", "7.2", &last_words).await;
    world.script(&billing, "32", Script::new().pull_takes(Duration::from_secs(600)));
    world.launch(&billing, "32").await;
    carry(world);
}

/// A build that has failed, with words of every length.
async fn a_failed_build(world: &World, shop: &ServiceName) {
    let new = NewBuild {
        service: shop.clone(),
        origin: Origin::Push,
        branch: Some("a-branch-of-a-name-that-is-rather-long".to_owned()),
        commit: Some("8f31c0a52be4".to_owned()),
        subject: Some("Reduce the queries of the cart, and say so".to_owned()),
        author: Some("An Early Bird of a Long Name".to_owned()),
        by: WHO.to_owned(),
    };
    let (store, now) = (&world.app.store, world.app.now());
    let id = store.queue_build(new, now).await.unwrap().build.id;
    let step = |kind, state, note: &str| Step {
        kind,
        state,
        started_at: now,
        finished_at: Some(now),
        note: Some(note.to_owned()),
    };
    let change = BuildChange {
        state: Some(BuildState::Failed),
        steps: Some(vec![
            step(StepKind::Source, StepState::Passed, "8f31c0a Reduce the queries of the cart"),
            step(StepKind::Build, StepState::Failed, "the command ended with status 101"),
        ]),
        reason: Some("build failed: the command ended with status 101".to_owned()),
        ..BuildChange::default()
    };
    store.change_build(id, change, &[], now).await.unwrap();
    let folder = world.folder().join("builds").join(id.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let text = "error[E0308]: mismatched types, in a line that is as long as such lines often are, and then some more";
    let line = LogEntry::Line { at: now, step: StepKind::Build, text: text.to_owned() };
    let line = serde_json::to_string(&line).unwrap() + "\n";
    std::fs::write(folder.join("log"), line.repeat(40)).unwrap();
}

/// What an edge has told of the last five minutes.
fn carry(world: &World) {
    let now = world.app.now().as_second();
    let edge = EdgeName::new("told").unwrap();
    for at in now - 310..now {
        // Some unrest, the same in every picture.
        let wave = |n: u64, most: u64| at.unsigned_abs().wrapping_mul(n * 7919 + 31) % (most + 1);
        let sample = |name: &str, version: u32, requests: u64, errors: u64, us: u64| {
            let requests = [0, requests + wave(version.into(), requests / 4), 0, 0, errors];
            let mut traffic = Traffic { requests, ..Traffic::default() };
            (0..traffic.answered()).for_each(|n| traffic.latency.record(us / 3 + us * n / 200));
            let service = ServiceName::new(name).unwrap();
            TrafficSample { service, version: VersionNumber(version), traffic }
        };
        let bad = if at > now - 80 { 3 } else { 0 };
        let samples = vec![
            sample("accounts", 1, 91, wave(3, 50) / 50, 21_000),
            sample("documents-and-attachments", 1, 4, 0, 6_000),
            sample("billing", 1, 26, 0, 64_000),
            sample("search", 1, 176, bad, 70_000),
            sample("shop", 3, 418, wave(5, 9) / 9, 19_000),
            sample("shop", 4, 6, 0, 17_000),
        ];
        world.app.telemetry.gathered().traffic(&edge, at, samples);
    }
}
