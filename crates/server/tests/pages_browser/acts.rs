//! What else the pages do, by clicks: each button is there, asks where it must, and its deed is done.

use launcher_browser::{Browsers, arrives, is_whole, no_complaints, shows};
use launcher_model::environment::EnvironmentState;
use launcher_model::{PersonName, VersionNumber};
use thirtyfour::prelude::*;

use crate::V1;
use crate::busy_day::a_busy_day;
use crate::pages_support::browser::sign_in;
use crate::pages_support::{World, eventually};

const V3: VersionNumber = VersionNumber(3);
const V4: VersionNumber = VersionNumber(4);

async fn click(browser: &WebDriver, css: &str) {
    eventually(&format!("{css} is clicked"), async || match browser.find(By::Css(css)).await {
        Ok(found) => found.click().await.is_ok(),
        Err(_) => false,
    })
    .await;
}

async fn write(browser: &WebDriver, css: &str, text: &str) {
    let field = browser.find(By::Css(css)).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_all_that_is_done_to_a_service_is_done_by_clicks() {
    let mut world = World::new().await;
    a_busy_day(&world).await;
    let shop = "shop".parse().unwrap();
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/services/shop")).await.unwrap();
    is_whole(&browser).await;

    // An environment is pinned, stopped, after a page that asks, and started.
    click(&browser, "#m-v4 summary").await;
    click(&browser, "#m-v4 .pin").await;
    shows(&browser, "#c-v4 dl", "pinned").await;
    click(&browser, "#m-v4 summary").await;
    click(&browser, "#m-v4 .unpin").await;
    eventually("it is pinned no more", async || {
        !world.app.control.environment(&shop, V4).await.unwrap().environment.pinned
    })
    .await;
    click(&browser, "#m-v4 summary").await;
    click(&browser, "#m-v4 .stop").await;
    shows(&browser, "#sure h1", "Stop v4 of shop?").await;
    click(&browser, "#sure .do").await;
    arrives(&browser, "/services/shop").await;
    world.reaches(&shop, V4, EnvironmentState::Stopped).await;

    // The service is closed and opened again, and its requests wait.
    click(&browser, "#m-service summary").await;
    click(&browser, "#m-service [href$=maintenance]").await;
    click(&browser, "#sure .do").await;
    shows(&browser, ".closed", "In maintenance").await;
    click(&browser, ".closed button").await;
    eventually("it is open", async || browser.find(By::Css("div.closed")).await.is_err()).await;
    click(&browser, "#m-service summary").await;
    click(&browser, "#m-service .hold button").await;
    shows(&browser, "#holds", "New requests wait").await;
    click(&browser, "#holds button").await;
    eventually("they are let go", async || browser.find(By::Css("#holds")).await.is_err()).await;

    // It goes offline, is put back, and is deleted by who types its name.
    click(&browser, "#m-service summary").await;
    click(&browser, "#m-service [href$=offline]").await;
    click(&browser, "#sure .do").await;
    eventually("nothing is live", async || world.live(&shop).await.is_empty()).await;
    browser.goto(format!("{url}/services/shop/versions/3/deploy")).await.unwrap();
    click(&browser, ".between .go").await;
    shows(&browser, "#receipt", "0 failed").await;
    assert_eq!(world.live(&shop).await, [V3]);
    browser.goto(format!("{url}/services/shop/delete")).await.unwrap();
    write(&browser, "#typed", "shop").await;
    click(&browser, "#sure .do").await;
    arrives(&browser, "/").await;
    shows(&browser, "#flash", "shop is being deleted").await;
    eventually("it is gone", async || world.app.store.service(&shop).await.unwrap().is_none())
        .await;
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_people_tokens_secrets_and_hosts_are_looked_after_by_clicks() {
    let mut world = World::new().await;
    world.fake.set_hosts(["web1", "web2"]);
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;

    // A person comes in by the link that is shown once, and is removed.
    browser.goto(format!("{url}/new/person")).await.unwrap();
    write(&browser, "#name", "ada").await;
    click(&browser, "main .do").await;
    shows(&browser, "main", "/login/rl_").await;
    let link = launcher_browser::text(&browser, "main .once").await;
    let guest = browsers.open(true).await;
    let (_, secret) = link.trim().rsplit_once('/').unwrap();
    guest.goto(format!("{url}/login/{secret}")).await.unwrap();
    write(&guest, "#password", "correct-horse-battery").await;
    write(&guest, "#again", "correct-horse-battery").await;
    click(&guest, "main .go").await;
    arrives(&guest, "/").await;
    shows(&guest, ".who", "ada").await;
    click(&guest, ".who button").await;
    arrives(&guest, "/login").await;
    write(&guest, "#name", "ada").await;
    write(&guest, "#password", "correct-horse-battery").await;
    click(&guest, "main .go").await;
    arrives(&guest, "/").await;
    guest.quit().await.unwrap();
    browser.goto(format!("{url}/people/ada")).await.unwrap();
    click(&browser, "form[action$=remove] summary").await;
    click(&browser, "form[action$=remove] button").await;
    let ada = PersonName::new("ada").unwrap();
    eventually("she is removed", async || world.app.store.person(&ada).await.unwrap().is_none())
        .await;

    browser.goto(format!("{url}/new/token")).await.unwrap();
    write(&browser, "#name", "ci").await;
    click(&browser, "main .do").await;
    shows(&browser, "main .once", "rl_").await;
    browser.goto(format!("{url}/secrets")).await.unwrap();
    write(&browser, "#name", "shop/key").await;
    click(&browser, "main .do").await;
    arrives(&browser, "/secrets/shop%2Fkey").await;
    write(&browser, "#value", "a value of the shop").await;
    click(&browser, "main .do").await;
    shows(&browser, "#flash", "shop/key").await;
    let page = browser.source().await.unwrap();
    assert!(!page.contains("a value of the shop"), "it is shown to nobody");

    // A host is drained, after a page that asks, and opened.
    browser.goto(format!("{url}/hosts/web1")).await.unwrap();
    click(&browser, "[href$='sure/drain']").await;
    shows(&browser, "#sure h1", "Drain web1?").await;
    click(&browser, "#sure .do").await;
    arrives(&browser, "/hosts/web1").await;
    shows(&browser, "#flash", "is being drained").await;
    click(&browser, "form[action$=open] button").await;
    shows(&browser, "#flash", "takes containers again").await;
    assert_eq!(world.live(&shop).await, []);
    world.reaches(&shop, V1, EnvironmentState::Ready).await;
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}
