//! Deploying in a real browser: seen before, pressed, followed through to the receipt; and the slider.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use launcher_browser::{Browsers, arrives, is_whole, no_complaints, shows};
use launcher_model::environment::EnvironmentState;
use launcher_model::{ServiceName, VersionNumber};
use pages_support::browser::sign_in;
use pages_support::{WHO, World, eventually};
use thirtyfour::prelude::*;

const V1: VersionNumber = VersionNumber(1);
const V2: VersionNumber = VersionNumber(2);

/// `shop` with v1 live and v2 ready beside it.
async fn blue_and_green(world: &World) -> ServiceName {
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, V1).await;
    world.ready(&shop, "1.1").await;
    shop
}

async fn click(browser: &WebDriver, css: &str) {
    browser.find(By::Css(css)).await.unwrap().click().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_a_deployment_is_seen_before_and_followed_to_its_receipt() {
    let mut world = World::new().await;
    let shop = blue_and_green(&world).await;
    world.deploy(&shop, V2).await;
    world.app.control.stop(&shop, V1, WHO).await.unwrap();
    world.reaches(&shop, V1, EnvironmentState::Stopped).await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/services/shop")).await.unwrap();
    click(&browser, ".between .press a").await;
    arrives(&browser, "/services/shop/versions/1/deploy").await;
    shows(&browser, "#steps", "3 containers of v1 are started").await;
    shows(&browser, ".goes", "v2 → v1").await;
    assert_eq!(world.live(&shop).await, [V2], "to look does nothing");

    // Its containers do not become healthy yet: the page shows that it waits for them, and is not left.
    world.set_sick(true);
    is_whole(&browser).await;
    click(&browser, ".between .go").await;
    arrives(&browser, "/services/shop/deployments/3").await;
    shows(&browser, "#step-1", "now").await;
    is_whole(&browser).await;
    browser.execute("window.same = document.getElementById('live')", vec![]).await.unwrap();
    world.set_sick(false);
    shows(&browser, "#receipt", "0 failed").await;
    shows(&browser, "#step-1", "its containers were started in").await;
    shows(&browser, "#step-4", "done").await;
    shows(&browser, "#edge-local", "switched and drained").await;
    eventually("the title tells it", async || browser.title().await.unwrap() == "shop: v1, done")
        .await;
    let same = "return window.same === document.getElementById('live')";
    let same = browser.execute(same, vec![]).await.unwrap();
    assert_eq!(same.json(), &serde_json::json!(true), "it was followed in place");
    assert_eq!(world.live(&shop).await, [V1]);

    browser.goto(format!("{url}/services/shop")).await.unwrap();
    click(&browser, "#history #d-3 a").await;
    arrives(&browser, "/services/shop/deployments/3").await;
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_a_deployment_is_followed_without_javascript() {
    let mut world = World::new().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    world.app.control.stop(&shop, V1, WHO).await.unwrap();
    world.reaches(&shop, V1, EnvironmentState::Stopped).await;
    world.set_sick(true);
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(false).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/services/shop/versions/1/deploy")).await.unwrap();
    click(&browser, ".between .go").await;
    arrives(&browser, "/services/shop/deployments/1").await;
    shows(&browser, "#step-1", "now").await;
    world.set_sick(false);
    // It comes again by itself.
    shows(&browser, "#receipt", "0 failed").await;
    assert_eq!(world.live(&shop).await, [V1]);
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_the_slider_and_its_number_say_the_same() {
    let mut world = World::new().await;
    let shop = blue_and_green(&world).await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/services/shop")).await.unwrap();
    is_whole(&browser).await;
    click(&browser, "#share-v2 summary").await;
    let value = async |name: &str| {
        let input = browser.find(By::Css(format!("#share-v2 [name={name}]"))).await.unwrap();
        input.prop("value").await.unwrap().unwrap()
    };
    let slider = browser.find(By::Css("#share-v2 [name=slider]")).await.unwrap();
    slider.send_keys(Key::Right + Key::Right + Key::Right).await.unwrap();
    assert_eq!((value("slider").await, value("weight").await), ("13".into(), "13".into()));
    let number = browser.find(By::Css("#share-v2 [name=weight]")).await.unwrap();
    number.clear().await.unwrap();
    number.send_keys("40").await.unwrap();
    assert_eq!(value("slider").await, "40");
    // What one has moved is not set back while the page is brought up to date.
    world.app.control.pin(&shop, V1, true, WHO).await.unwrap();
    shows(&browser, "#c-v1", "pinned").await;
    assert_eq!((value("slider").await, value("weight").await), ("40".into(), "40".into()));
    click(&browser, "#share-v2 button").await;
    shows(&browser, "#asked h2", "Give v2 of shop 40 % of the traffic?").await;
    click(&browser, "#asked [value=yes]").await;
    shows(&browser, "#flash", "v2 has 40 % of the traffic: switched on 1 edge in").await;
    shows(&browser, "#c-v1", "60 %").await;
    assert_eq!(value("slider").await, "40");
    let route = world.app.store.route(&shop).await.unwrap();
    assert_eq!(route.weights[&V2].percent(), 40);
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}
