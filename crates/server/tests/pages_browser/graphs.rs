//! Graphs, drawn by the server and in the browser.

use launcher_browser::{Browsers, arrives, is_whole, no_complaints, shows, text};
use launcher_model::measure::{HostReport, HostUsage};
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use super::pages_support::browser::sign_in;
use super::pages_support::{World, eventually};
use crate::busy_day::{a_busy_day, carry};

async fn ask(browser: &WebDriver, script: &str) -> Value {
    browser.execute(script, vec![]).await.unwrap().json().clone()
}

const PICTURES: &str = "return [...document.querySelectorAll('.plot')].map((plot) => [\
    plot.querySelector('canvas') !== null,\
    getComputedStyle(plot.querySelector('img')).visibility,\
    Math.round(plot.getBoundingClientRect().height)])";

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_a_graph_tells_the_numbers_of_a_moment() {
    let mut world = World::new().await;
    a_busy_day(&world).await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/services/shop")).await.unwrap();
    is_whole(&browser).await;
    let before = ask(&browser, PICTURES).await;
    // Of the live one and of the one beside it.
    shows(&browser, "#g-1.is-drawn .plot-head", "Requests").await;
    for version in ["v3", "v4"] {
        shows(&browser, "#g-1 .plot-head", &format!("{version} ")).await;
    }
    let after = ask(&browser, PICTURES).await;
    assert_eq!(after[0], json!([true, "hidden", before[0][2]]), "it has the place of the picture");

    // All graphs tell of the moment that is pointed at on one.
    let over = browser.find(By::Css("#g-1 .u-over")).await.unwrap();
    browser.action_chain().move_to_element_center(&over).perform().await.unwrap();
    for graph in ["#g-1", "#g-3"] {
        eventually("the time is told", async || {
            text(&browser, &format!("{graph} .plot-head")).await.matches(':').count() == 2
        })
        .await;
    }
    let at = text(&browser, "#g-1 .plot-head").await;
    assert!(at.contains("v3 ") && at.contains("/s"), "{at}");

    // What happens is told to the page, which fetches the numbers again around what is drawn.
    ask(&browser, "window.same = document.querySelector('#g-1 canvas')").await;
    carry(&world);
    browser.find(By::Css(".between .go")).await.unwrap().click().await.unwrap();
    shows(&browser, "#asked h2", "Deploy v4 of shop?").await;
    browser.find(By::Css("#asked [value=yes]")).await.unwrap().click().await.unwrap();
    shows(&browser, "#c-v4 .word", "live").await;
    eventually("the graph is of another time", async || {
        ask(&browser, "return document.querySelector('#g-1.is-drawn canvas') !== null").await
            == true
    })
    .await;
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}

/// Has what is written into canvases be noted, and what is drawn be drawn anew.
const NOTE: &str = "window.written = [];\
    const write = CanvasRenderingContext2D.prototype.fillText;\
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {\
        if (/^v\\d/.test(text)) window.written.push([text, x, x + this.measureText(text).width]);\
        write.call(this, text, x, y);\
    };\
    document.dispatchEvent(new Event('visibilitychange'))";

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_of_deployments_close_together_the_newest_is_named() {
    let mut world = World::new().await;
    let shop = world.service("shop", "").await;
    let versions = [world.ready(&shop, "1.0").await, world.ready(&shop, "1.1").await];
    for version in versions.iter().cycle().take(4) {
        world.deploy(&shop, *version).await;
    }
    carry(&world);
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/services/shop/versions/2")).await.unwrap();
    shows(&browser, "#g-1.is-drawn .plot-head", "Requests").await;
    ask(&browser, NOTE).await;
    eventually("a deployment is named", async || {
        ask(&browser, "return window.written.length").await != json!(0)
    })
    .await;
    let written = ask(&browser, "return window.written").await;
    let mut labels = written.as_array().unwrap().iter();
    assert!(labels.all(|label| label[0] == "v2"), "the newest, and nothing over it: {written}");
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_a_host_has_graphs_as_a_service_has() {
    let mut world = World::new().await;
    let now = world.app.now().as_second();
    for at in (now - 120..now).step_by(5) {
        let usage = HostUsage {
            cpus: 4,
            cpu_us: 2_500_000,
            memory: 3 << 30,
            memory_total: 8 << 30,
            ..HostUsage::default()
        };
        let report = HostReport { host: "fake".to_owned(), at, containers: Vec::new(), usage };
        world.app.telemetry.gathered().host(report);
    }
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/hosts/fake")).await.unwrap();
    for (graph, told) in
        [("#g-1", "Processors used 0.5 of 4"), ("#g-2", "Memory used 3 GiB of 8 GiB")]
    {
        eventually(told, async || {
            let head = text(&browser, &format!("{graph}.is-drawn .plot-head")).await;
            head.split_whitespace().collect::<Vec<_>>().join(" ") == told
        })
        .await;
    }
    // Pointed at on one, they all tell of a moment.
    let over = browser.find(By::Css("#g-1 .u-over")).await.unwrap();
    browser.action_chain().move_to_element_center(&over).perform().await.unwrap();
    shows(&browser, "#g-2 .plot-head .soft:last-child", ":").await;
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_without_javascript_the_server_draws() {
    let mut world = World::new().await;
    let shop = world.service("shop", "").await;
    let number = world.ready(&shop, "1.0").await;
    world.deploy(&shop, number).await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(false).await;
    browser.goto(format!("{url}/services/shop")).await.unwrap();
    arrives(&browser, "/login").await;
    browser.find(By::Css("details summary")).await.unwrap().click().await.unwrap();
    browser.find(By::Id("token")).await.unwrap().send_keys(world.token.expose()).await.unwrap();
    browser.find(By::Css("details .go")).await.unwrap().click().await.unwrap();
    arrives(&browser, "/services/shop").await;
    let picture = browser.find(By::Css("#g-1 img")).await.unwrap();
    eventually("the picture is there", async || {
        picture.prop("naturalWidth").await.unwrap().is_some_and(|width| width != "0")
    })
    .await;
    assert!(picture.is_displayed().await.unwrap());
    assert!(browser.find(By::Css("#g-1 canvas")).await.is_err());
    browser.quit().await.unwrap();
}
