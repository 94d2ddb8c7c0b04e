//! The terminal, with an engine in memory whose commands say what they are told.

use launcher_browser::{Browsers, is_whole, no_complaints, shows, text};
use launcher_model::VersionNumber;
use launcher_scheduler::fake::{Command, Script};
use thirtyfour::prelude::*;

use super::pages_support::browser::sign_in;
use super::pages_support::{World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_a_terminal_begins_by_a_press_and_ends_with_its_container() {
    let mut world = World::new().await;
    let shop = world.service("shop", "").await;
    let says =
        |command: &[String]| Command { prints: vec![format!("{command:?}")], ..Command::default() };
    world.script(&shop, "1.0", Script::new().commands(says));
    world.ready(&shop, "1.0").await;
    let view = world.app.control.environment(&shop, VersionNumber(1)).await.unwrap();
    let container = view.containers[0].container.clone();
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser
        .goto(format!("{url}/services/shop/versions/1/terminal/{}", container.name))
        .await
        .unwrap();
    is_whole(&browser).await;
    // A link alone, which anybody may send, does nothing.
    assert!(browser.find(By::Css(".xterm")).await.is_err());
    // What one types goes where the command is written, and nowhere where that is left.
    let focused = "return document.activeElement.id";
    assert_eq!(browser.execute(focused, vec![]).await.unwrap().json(), "command");
    browser.find(By::Id("terminal")).await.unwrap().click().await.unwrap();
    browser.action_chain().send_keys("h?").perform().await.unwrap();
    assert!(browser.find(By::Css("#keys[open]")).await.is_err(), "no key means anything here");
    assert!(browser.current_url().await.unwrap().path().contains("/terminal/"));

    let command = browser.find(By::Id("command")).await.unwrap();
    command.clear().await.unwrap();
    command.send_keys("sh -c \"echo 'a b'\" c\"d e\"f").await.unwrap();
    browser.find(By::Css("#begin button")).await.unwrap().click().await.unwrap();
    shows(&browser, "#told", "It runs.").await;
    shows(&browser, ".xterm-rows", "[\"sh\", \"-c\", \"echo 'a b'\", \"cd ef\"]").await;
    // Keys that mean something on other pages are typed here, and so is Escape.
    browser.action_chain().send_keys("jk/?h").perform().await.unwrap();
    shows(&browser, ".xterm-rows", "jk/?h").await;
    let focused = "return document.activeElement.className";
    browser.action_chain().send_keys("\u{e00c}").perform().await.unwrap();
    let inside = browser.execute(focused, vec![]).await.unwrap();
    assert_eq!(inside.json(), "xterm-helper-textarea");

    world.fake.kill(&container.id, 137);
    eventually("its end is told", async || {
        let told = text(&browser, "#told").await;
        told.contains("has ended") || told.contains("ended with status 137")
    })
    .await;
    shows(&browser, "#told", &format!("the container {} has ended", container.name)).await;
    let focused = "return document.activeElement.id";
    eventually("a command can be written", async || {
        browser.execute(focused, vec![]).await.unwrap().json() == "command"
    })
    .await;
    no_complaints(&browser).await;
    browser.quit().await.unwrap();
}
