//! From an installation in which there is nothing to a first version that serves production, by a browser's
//! clicks alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::time::Duration;

use launcher_browser::{Browsers, arrives, no_complaints, shows};
use launcher_testkit::wait::until;
use launcher_testkit::{Engine, Installation};
use thirtyfour::prelude::*;

/// What a page may take to show something, a container's start included, on a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(60);

const SHOP: &str = "[service]\nname = \"shop\"\nhosts = [\"shop.example.com\"]\nport = 8080\nreplicas = 2\n\
    [health]\npath = \"/healthz\"\ninterval = \"500ms\"\n";

/// Clicks the first element that this finds, once it is there.
async fn click(browser: &WebDriver, what: By) {
    until(&format!("{what:?} being clicked"), PATIENCE, || async {
        browser.find(what.clone()).await.ok()?.click().await.ok()
    })
    .await;
}

async fn write(browser: &WebDriver, css: &str, text: &str) {
    let field = browser.find(By::Css(css)).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_first_service_goes_live_by_clicks_alone() {
    let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
    let engine = Engine::local();
    let images = [engine.build(program, 1, &[]), engine.build(program, 2, &[])];
    let mut installation = Installation::new(program, &engine);
    let api = installation.start().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    let token = std::fs::read_to_string(installation.data().join("admin-token")).unwrap();
    browser.goto(format!("http://{}/", installation.listen)).await.unwrap();
    click(&browser, By::Css("details summary")).await;
    write(&browser, "#token", token.trim()).await;
    click(&browser, By::Css("details .go")).await;
    arrives(&browser, "/").await;

    click(&browser, By::LinkText("Create the first one")).await;
    arrives(&browser, "/new/service").await;
    write(&browser, "#text", &SHOP.replace("port = 8080", "port = \"http\"")).await;
    shows(&browser, "#told", "Line 4").await;
    write(&browser, "#text", SHOP).await;
    shows(&browser, "#told", "health.path").await;
    click(&browser, By::Css("#told .do")).await;
    arrives(&browser, "/services/shop/launch").await;
    shows(&browser, "#flash", "shop is there").await;

    write(&browser, "#image", &images[0].id).await;
    click(&browser, By::Css("main .do")).await;
    arrives(&browser, "/services/shop").await;
    shows(&browser, ".between .go", "v1").await;
    click(&browser, By::Css(".between .go:not(:disabled)")).await;
    shows(&browser, "#asked h2", "Deploy v1 of shop?").await;
    click(&browser, By::Css("#asked [value=yes]")).await;
    until("v1 being live", PATIENCE, || async {
        (api.live("shop").await == Some(1)).then_some(())
    })
    .await;
    let page = installation.page("shop.example.com").await;
    assert!(page.is_some(), "production is served");

    // A setting is changed, and the next version is launched with it.
    browser.goto(format!("http://{}/services/shop", installation.listen)).await.unwrap();
    click(&browser, By::LinkText("Settings")).await;
    arrives(&browser, "/services/shop/settings").await;
    let text = browser.find(By::Id("text")).await.unwrap();
    text.send_keys("\n[env]\nGREETING = \"hello\"\n").await.unwrap();
    shows(&browser, "#told", "env.GREETING").await;
    shows(&browser, ".diff .comes", "[env]").await;
    click(&browser, By::Css("#told .do")).await;
    shows(&browser, "#flash", "1 setting of shop changed").await;
    browser.goto(format!("http://{}/services/shop/launch", installation.listen)).await.unwrap();
    write(&browser, "#image", &images[1].id).await;
    click(&browser, By::Css("main .do")).await;
    arrives(&browser, "/services/shop").await;
    let version = api.wait_for_state("shop", 2, "ready").await;
    assert_eq!(version["spec"]["env"]["GREETING"], "hello", "{version}");
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}
