//! A real browser, and whoever signs in with it.

use launcher_browser::arrives;
use thirtyfour::prelude::*;

use super::{WHO, World};

/// Signs in by the server's one-time link.
pub(crate) async fn sign_in(browser: &WebDriver, world: &World, url: &str) {
    let link = world.app.one_time_link(WHO).await.unwrap();
    browser.goto(format!("{url}/login/{}", link.expose())).await.unwrap();
    browser.find(By::Css("button.go")).await.unwrap().click().await.unwrap();
    arrives(browser, "/").await;
}
