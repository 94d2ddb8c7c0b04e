//! Every page, in both themes and two widths: whether it fits, and pictures of it.

use std::path::PathBuf;

use launcher_browser::{Browsers, no_complaints};
use thirtyfour::prelude::*;

use crate::busy_day::a_busy_day;
use crate::pages_support::World;
use crate::pages_support::browser::sign_in;

/// A page, by the name of its picture.
pub(crate) const PAGES: [(&str, &str); 34] = [
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
                let cut = "return [...document.querySelectorAll('.name a')]\
                    .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)";
                let cut = browser.execute(cut, vec![]).await.unwrap();
                assert_eq!(cut.json(), &serde_json::json!([]), "{page} at {width} px cuts names");
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
pub(crate) async fn looks_as(browser: &WebDriver, (width, height): (u32, u32), theme: &str) {
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
