//! Pages of a large installation in a real browser: how soon something is seen, and how soon a change.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use launcher_browser::Browsers;
use launcher_model::VersionNumber;
use launcher_testkit::many;
use launcher_testkit::wait::until;
use serde_json::Value;
use thirtyfour::prelude::*;

use super::large::Large;
use super::scratch;
use crate::Settings;
use crate::report::{Better, Figure};
use crate::statistics::{median, quantile};
use crate::trace::{CATEGORIES, Loaded};

/// How long a browser may take for one thing.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page, and its figures: first paint, largest paint, time blocked, shift.
type Page = (String, [&'static str; 4]);

/// The pages that are looked at most, without a cache.
fn pages() -> [Page; 3] {
    let service = format!("/services/{}", many::name(7));
    let deploy = format!("{service}/versions/{}/deploy", many::ENVIRONMENTS);
    [
        ("/".to_owned(), ["home_fcp", "home_lcp", "home_tbt", "home_cls"]),
        (service, ["service_fcp", "service_lcp", "service_tbt", "service_cls"]),
        (deploy, ["deploy_fcp", "deploy_lcp", "deploy_tbt", "deploy_cls"]),
    ]
}

/// How each page comes, by the browser's own trace.
pub(super) async fn paints(settings: &Settings) -> Result<Vec<Figure>> {
    let directory = scratch()?;
    let large = Large::start(directory.path()).await?;
    let browsers = Browsers::start();
    let browser = browsers.open_traced(CATEGORIES).await;
    let url = enter(&browser, &large).await?;
    let mut figures = Vec::new();
    for (path, names) in pages() {
        let mut loads = Vec::new();
        for _ in 0..if settings.quick { 3 } else { 11 } {
            loads.push(load(&browser, &format!("{url}{path}")).await?);
        }
        eprintln!("  {path}: {:?}", loads.last());
        let of = |value: fn(&Loaded) -> f64| median(&loads.iter().map(value).collect::<Vec<_>>());
        let [first, largest, blocked, shifted] = names;
        figures.push(Figure::new(first, "ms", Better::Lower, of(|load| load.first_paint)));
        figures.push(Figure::new(largest, "ms", Better::Lower, of(|load| load.largest_paint)));
        figures.push(Figure::new(blocked, "ms", Better::Lower, of(|load| load.blocked)));
        figures.push(Figure::new(shifted, "score", Better::Lower, of(|load| load.shifted)));
    }
    browser.quit().await?;
    Ok(figures)
}

/// How long after an event its change is seen on Home.
pub(super) async fn updates(settings: &Settings) -> Result<Vec<Figure>> {
    let directory = scratch()?;
    let large = Large::start(directory.path()).await?;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    let url = enter(&browser, &large).await?;
    browser.goto(&url).await?;
    launcher_browser::is_whole(&browser).await;
    let mut times = Vec::new();
    for turn in 0..if settings.quick { 10 } else { many::SERVICES / 2 } {
        times.push(one_update(&browser, &large, turn).await?);
    }
    browser.quit().await?;
    eprintln!("  median {:.1} ms, {:.1} ms at the most", median(&times), quantile(&times, 1.0));
    Ok(vec![Figure::new("home_update_p99", "ms", Better::Lower, quantile(&times, 0.99))])
}

/// Stops what waits beside production, and waits until its row says so.
async fn one_update(browser: &WebDriver, large: &Large, turn: usize) -> Result<f64> {
    let service = many::name(turn);
    let watch = format!(
        "window.seen = 0; const row = document.getElementById('s-{service}');\
         const old = row.dataset.mark;\
         new MutationObserver(() => {{ if (row.dataset.mark !== old) window.seen ||= Date.now(); }})\
             .observe(row, {{ attributes: true, subtree: true }});"
    );
    browser.execute(watch, vec![]).await?;
    let mut events = large.app.store.watch();
    let version = VersionNumber(many::ENVIRONMENTS);
    // Beside each other: stopping takes longer than the browser needs to be told.
    let (stopped, happened) =
        tokio::join!(large.app.control.stop(&service, version, "bench"), async {
            loop {
                let event = events.recv().await.context("the store tells nothing")?;
                if event.service.as_ref() == Some(&service) {
                    break anyhow::Ok(
                        SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1e3,
                    );
                }
            }
        });
    stopped?;
    let happened = happened?;
    let seen = until(&format!("the row of {service} changing"), PATIENCE, || async {
        let seen = browser.execute("return window.seen", vec![]).await.ok()?;
        seen.json().as_f64().filter(|seen| *seen > 0.0)
    })
    .await;
    Ok((seen - happened).max(0.0))
}

/// Signs the browser in; where the server is.
async fn enter(browser: &WebDriver, large: &Large) -> Result<String> {
    let url = format!("http://{}", large.visitor.address);
    browser.goto(format!("{url}/login")).await?;
    let cookie = Cookie::new("launcher_session", large.visitor.cookie.expose());
    browser.add_cookie(cookie).await?;
    let none = serde_json::json!({ "cacheDisabled": true });
    browser.cdp().send_raw("Network.enable", serde_json::json!({})).await?;
    browser.cdp().send_raw("Network.setCacheDisabled", none).await?;
    Ok(url)
}

/// Loads a page and asks for the trace until all of the page is in it.
async fn load(browser: &WebDriver, address: &str) -> Result<Loaded> {
    // What was before says nothing of this.
    browser.get_log("performance").await?;
    browser.goto(address).await?;
    launcher_browser::is_whole(browser).await;
    let events = RefCell::new(Vec::new());
    let what = format!("a paint of {address} in the browser's trace");
    let loaded = until(&what, PATIENCE, || async {
        let log = browser.get_log("performance").await.ok()?;
        let mut events = events.borrow_mut();
        events.extend(log.iter().filter_map(|entry| traced(&entry.message)));
        Loaded::read(&events, address)
    });
    Ok(loaded.await)
}

/// The event of the trace in an entry of the log, which has other entries as well.
fn traced(message: &str) -> Option<Value> {
    let mut entry: Value = serde_json::from_str(message).ok()?;
    let message = &mut entry["message"];
    (message["method"] == "Tracing.dataCollected").then(|| message["params"].take())
}
