//! The pages in a real browser.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accessible;
mod acts;
mod away;
mod bar;
mod busy_day;
mod care;
mod graphs;
mod large;
#[allow(dead_code)]
#[path = "../pages_support/mod.rs"]
mod pages_support;
mod pictures;
mod terminal;

use std::time::{Duration, Instant};

use launcher_browser::{Browsers, arrives, is_whole, no_complaints, shows, text};
use launcher_model::{ServiceName, VersionNumber};
use pages_support::browser::sign_in;
use pages_support::{World, eventually};
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
    let icon = async || {
        let icon = other.find(By::Css("link[rel=icon]")).await.unwrap();
        icon.attr("href").await.unwrap().unwrap()
    };
    assert!(icon().await.ends_with("/icons/ready.svg"), "{}", icon().await);
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
    eventually("so does the icon", async || icon().await.ends_with("/icons/live.svg")).await;

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
    press("zz").await;
    shows(&browser, "#unmatched", "No service matches “seazz”").await;
    press("\u{e003}\u{e003}").await;
    eventually("one matches", async || browser.find(By::Css("#unmatched[hidden]")).await.is_ok())
        .await;
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
