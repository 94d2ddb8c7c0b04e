//! What a page takes care of: what was written, presses that were meant once, and whose session is over.

use launcher_browser::{Browsers, arrives, is_whole, no_complaints, shows};
use launcher_model::Span;
use launcher_model::environment::EnvironmentState;
use serde_json::json;
use thirtyfour::prelude::*;

use crate::V1;
use crate::pages_support::browser::sign_in;
use crate::pages_support::{WHO, World};

/// Whether the browser would ask before it leaves the page.
async fn asks(browser: &WebDriver) -> bool {
    let leaves = "return dispatchEvent(new Event('beforeunload', { cancelable: true }))";
    browser.execute(leaves, vec![]).await.unwrap().json() == &json!(false)
}

/// Writes more into the settings at once, so that no key is left to be heard of.
async fn adds(browser: &WebDriver, more: &str) {
    let adds = "const text = document.getElementById('text'); text.value += arguments[0]; \
        text.dispatchEvent(new Event('input', { bubbles: true }))";
    browser.execute(adds, vec![json!(more)]).await.unwrap();
}

/// Ends every session, as somebody does elsewhere.
async fn revoke_all(world: &World) {
    let now = world.app.now();
    for session in world.app.store.sessions(None, now).await.unwrap() {
        assert!(world.app.store.revoke_session(session.id, None, now).await.unwrap());
    }
}

/// Signs in by a token, on the sign-in page that the browser shows.
async fn enter(browser: &WebDriver, world: &World) {
    is_whole(browser).await;
    browser.find(By::Css("details summary")).await.unwrap().click().await.unwrap();
    let token = browser.find(By::Id("token")).await.unwrap();
    token.send_keys(world.token.expose()).await.unwrap();
    browser.find(By::Css("details .go")).await.unwrap().click().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_settings_that_are_not_saved_are_not_left_without_a_question() {
    let mut world = World::new().await;
    world.service("shop", "").await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/services/shop/settings")).await.unwrap();
    is_whole(&browser).await;
    assert!(!asks(&browser).await, "nothing was written");
    let text = browser.find(By::Id("text")).await.unwrap();
    text.send_keys(Key::Control + Key::End).await.unwrap();
    text.send_keys("[env]\nCOLOUR = \"blue\"\n").await.unwrap();
    assert!(asks(&browser).await);
    // What is shown once more is written still.
    browser.find(By::Css(".editor > .quiet")).await.unwrap().click().await.unwrap();
    arrives(&browser, "/services/shop/settings/check").await;
    is_whole(&browser).await;
    assert!(asks(&browser).await, "it is not saved yet");
    browser.find(By::Css("#told .do")).await.unwrap().click().await.unwrap();
    arrives(&browser, "/services/shop/settings").await;
    shows(&browser, "#flash", "setting").await;
    is_whole(&browser).await;
    assert!(!asks(&browser).await, "it is saved");
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_settings_that_are_sent_when_the_session_is_over_are_not_lost() {
    let mut world = World::new().await;
    world.service("shop", "").await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/services/shop/settings")).await.unwrap();
    is_whole(&browser).await;
    adds(&browser, "[env]\nCOLOUR = \"blue\"\n").await;
    shows(&browser, "#told", "env.COLOUR").await;
    let text = browser.find(By::Id("text")).await.unwrap();
    let written = text.prop("value").await.unwrap().unwrap();

    revoke_all(&world).await;
    browser.find(By::Css("#told .do")).await.unwrap().click().await.unwrap();
    arrives(&browser, "/login").await;
    enter(&browser, &world).await;
    arrives(&browser, "/services/shop/settings").await;
    shows(&browser, "#told", "env.COLOUR").await;
    let text = browser.find(By::Id("text")).await.unwrap();
    assert_eq!(text.prop("value").await.unwrap().as_deref(), Some(written.as_str()));
    assert!(asks(&browser).await, "it is not saved yet");

    // So it is when the page hears of it while one writes.
    revoke_all(&world).await;
    adds(&browser, "SHAPE = \"round\"\n").await;
    arrives(&browser, "/login").await;
    enter(&browser, &world).await;
    arrives(&browser, "/services/shop/settings").await;
    shows(&browser, "#told", "env.SHAPE").await;

    browser.find(By::Css("#told .do")).await.unwrap().click().await.unwrap();
    shows(&browser, "#flash", "settings of shop changed").await;
    is_whole(&browser).await;
    assert!(!asks(&browser).await, "what is saved is not put back");
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_a_page_whose_session_was_ended_leads_to_where_one_signs_in() {
    let mut world = World::new().await;
    world.service("shop", "").await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/services/shop")).await.unwrap();
    is_whole(&browser).await;
    revoke_all(&world).await;
    arrives(&browser, "/login").await;
    let next = browser.find(By::Css("[name=next]")).await.unwrap();
    assert_eq!(next.prop("value").await.unwrap().as_deref(), Some("/services/shop"));
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_what_is_kept_is_deployed_after_a_question_only() {
    let mut world = World::new().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, V1).await;
    let kept = world.ready(&shop, "1.1").await;
    // The newest has failed, and what is ready stands among what is kept.
    let view = world.app.control.environment(&shop, V1).await.unwrap();
    let serves = view.containers[0].container.address.unwrap();
    let nobody = "127.0.0.1:1".parse().unwrap();
    world.fake.set_addresses(move |_, version, _| if version > kept { nobody } else { serves });
    let mut spec = world.app.store.service(&shop).await.unwrap().unwrap().spec;
    spec.health.start_period = Span::secs(1);
    world.app.control.put_service(&spec, WHO).await.unwrap();
    let failed = world.launch(&shop, "1.2").await;
    world.reaches(&shop, failed, EnvironmentState::Failed).await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/services/shop")).await.unwrap();
    is_whole(&browser).await;
    let press = browser.find(By::Css("#k-v2 .press button")).await.unwrap();
    browser.action_chain().double_click_element(&press).perform().await.unwrap();
    shows(&browser, "#asked h2", "Deploy v2 of shop?").await;
    let selected = browser.execute("return getSelection().toString()", vec![]).await.unwrap();
    assert_eq!(selected.json(), "", "two clicks select nothing");
    assert_eq!(world.live(&shop).await, [V1], "nothing is done without a yes");
    browser.find(By::Css("#asked [value=yes]")).await.unwrap().click().await.unwrap();
    shows(&browser, "#flash", "v2 is live").await;
    assert_eq!(world.live(&shop).await, [kept]);
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}
