//! Pages for everybody: what axe-core finds, what keys reach, and that nothing moves for who does not want it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::busy_day::a_busy_day;
use crate::pages_support::World;
use crate::pages_support::browser::sign_in;
use crate::pictures::{PAGES, looks_as};
use launcher_browser::{Browsers, is_whole};

/// More keys than any of these pages needs.
const MOST_TABS: usize = 150;

fn axe() -> String {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(file).expect("axe-core is needed: `npm ci` in web/ installs it")
}

/// What is a serious or critical hindrance on the page that is open, each in a line.
async fn hindrances(browser: &WebDriver, axe: &str) -> Vec<String> {
    browser.execute(axe, vec![]).await.unwrap();
    let run = "const done = arguments[0];\
        axe.run({ resultTypes: ['violations'] }).then(({ violations }) => done(\
            violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).flatMap(({ id, nodes }) =>\
                nodes.map((node) => `${id}: ${node.html.slice(0, 120)}: ${node.any.concat(node.all, node.none)[0]?.message}`))));";
    let found = browser.execute_async(run, vec![]).await.unwrap();
    serde_json::from_value(found.json().clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_axe_finds_nothing_serious_on_any_page() {
    let mut world = World::new().await;
    a_busy_day(&world).await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    let axe = axe();
    let mut found = BTreeSet::new();
    let mut look = async |page: &str, themes: &[&str]| {
        for theme in themes {
            looks_as(&browser, (1280, 900), theme).await;
            let moves = browser.execute("return document.getAnimations().length", vec![]).await;
            assert_eq!(moves.unwrap().json(), &json!(0), "something moves on {page}");
            for one in hindrances(&browser, &axe).await {
                found.insert(format!("{page}, {theme}: {one}"));
            }
        }
    };
    let both = ["light", "dark"];
    browser.goto(format!("{url}/login")).await.unwrap();
    look("login", &both).await;
    sign_in(&browser, &world, &url).await;
    for (page, path) in PAGES {
        browser.goto(format!("{url}{path}")).await.unwrap();
        is_whole(&browser).await;
        look(page, &both).await;
    }
    browser.goto(format!("{url}/services/nobody")).await.unwrap();
    look("error", &both).await;
    assert!(found.is_empty(), "{found:#?}");
    browser.quit().await.unwrap();
}

/// Gives all that can be used a number, and returns how many there are.
const MARK: &str = "window.at = [...document.querySelectorAll(\
        'a[href], button:not(:disabled), input:not([type=hidden]), summary, select, textarea')]\
    .filter((one) => one.checkVisibility());\
    return window.at.length";

/// Which of those has the focus, and whether one sees that it has.
const FOCUSED: &str = "const one = document.activeElement, style = getComputedStyle(one);\
    return [window.at.indexOf(one), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1, one.outerHTML.slice(0, 100)]";

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_keys_reach_everything_and_one_sees_where_one_is() {
    let mut world = World::new().await;
    a_busy_day(&world).await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    for path in ["/", "/services/shop", "/services/shop/versions/4", "/people", "/sessions"] {
        browser.goto(format!("{url}{path}")).await.unwrap();
        is_whole(&browser).await;
        let all = browser.execute(MARK, vec![]).await.unwrap().json().as_i64().unwrap();
        let mut reached = BTreeSet::new();
        for _ in 0..MOST_TABS {
            browser.action_chain().send_keys("\u{e004}").perform().await.unwrap();
            let focused = browser.execute(FOCUSED, vec![]).await.unwrap().json().clone();
            let (Value::Number(at), seen, what) = (&focused[0], &focused[1], &focused[2]) else {
                panic!("{focused}");
            };
            let at = at.as_i64().unwrap();
            if at >= 0 {
                assert_eq!(seen, &json!(true), "one does not see on {path} that one is at {what}");
                if !reached.insert(at) {
                    break;
                }
            }
        }
        let missed: Vec<i64> = (0..all).filter(|at| !reached.contains(at)).collect();
        let missed = browser
            .execute(
                "return arguments[0].map((at) => window.at[at].outerHTML)",
                vec![json!(missed)],
            )
            .await
            .unwrap();
        assert_eq!(missed.json(), &json!([]), "keys do not reach all on {path}");
    }
    browser.quit().await.unwrap();
}
