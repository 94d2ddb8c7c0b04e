//! The server goes away under an open page, and comes back.

use std::time::Instant;

use thirtyfour::prelude::*;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::pages_support::{World, eventually};
use crate::{V1, is_whole, shows, sign_in};
use launcher_browser::{Browsers, arrives};
use launcher_model::VersionNumber;

const V2: VersionNumber = VersionNumber(2);

/// Serves at an address until it is told to stop.
async fn serve(world: &World, address: &str) -> (String, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(launcher_server::serve(world.app.clone(), listener, async {
        let _ = stopped.await;
    }));
    (address, stop, serving)
}

async fn says_away(browser: &WebDriver) -> bool {
    browser.find(By::Css(".away")).await.unwrap().is_displayed().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_a_page_outlives_a_restart_of_the_server() {
    let world = World::new().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    let (address, stop, serving) = serve(&world, "127.0.0.1:0").await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &format!("http://{address}")).await;
    is_whole(&browser).await;
    assert!(!says_away(&browser).await);

    stop.send(()).unwrap();
    serving.await.unwrap();
    eventually("the page says so", async || says_away(&browser).await).await;
    world.deploy(&shop, V1).await;
    let (_, _stop, serving) = serve(&world, &address).await;
    let back = Instant::now();
    shows(&browser, "#s-shop .live-side", "shop:1.0").await;
    eventually("the page says nothing more", async || !says_away(&browser).await).await;
    eprintln!("the page is back after {:?}", back.elapsed());
    serving.abort();
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_a_press_that_nobody_hears_keeps_what_was_written() {
    let world = World::new().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    let (address, stop, serving) = serve(&world, "127.0.0.1:0").await;
    let url = format!("http://{address}");
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    browser.goto(format!("{url}/services/shop/launch")).await.unwrap();
    is_whole(&browser).await;
    let image = "registry.example.com/shop:1.1";
    browser.find(By::Id("image")).await.unwrap().send_keys(image).await.unwrap();

    stop.send(()).unwrap();
    serving.await.unwrap();
    browser.find(By::Css("main .do")).await.unwrap().click().await.unwrap();
    shows(&browser, "#unsent[open]", "The server does not answer").await;
    shows(&browser, "#unsent", "Nothing was sent").await;
    // Again, while nobody is there yet.
    browser.find(By::Css("#unsent [value=again]")).await.unwrap().click().await.unwrap();
    shows(&browser, "#unsent[open]", "Nothing was sent").await;
    let (_, stop, serving) = serve(&world, &address).await;
    shows(&browser, "#unsent", "It answers again.").await;
    assert!(world.app.store.version(&shop, V2).await.unwrap().is_none(), "nothing goes by itself");
    let field = browser.find(By::Id("image")).await.unwrap();
    assert_eq!(field.prop("value").await.unwrap().as_deref(), Some(image));
    browser.find(By::Css("#unsent [value=again]")).await.unwrap().click().await.unwrap();
    arrives(&browser, "/services/shop").await;
    assert!(world.app.store.version(&shop, V2).await.unwrap().is_some(), "it was sent");

    // So it is with a press that stays on its page.
    shows(&browser, ".between .go:not(:disabled)", "Deploy v2").await;
    stop.send(()).unwrap();
    serving.await.unwrap();
    eventually("the page says that it is away", async || says_away(&browser).await).await;
    browser.find(By::Css(".between .go")).await.unwrap().click().await.unwrap();
    browser.find(By::Css("#asked [value=yes]")).await.unwrap().click().await.unwrap();
    shows(&browser, "#unsent[open]", "Nothing was sent").await;
    browser.find(By::Css("#unsent [value=no]")).await.unwrap().click().await.unwrap();
    assert_eq!(world.live(&shop).await, [], "nothing was done");
    browser.quit().await.unwrap();
}
