//! What stands around every page, in windows of every width.

use launcher_browser::{Browsers, is_whole, shows};
use serde_json::{Value, json};

use crate::pages_support::World;
use crate::pages_support::browser::sign_in;
use crate::pictures::looks_as;

/// Widths at which it is arranged otherwise, each with its neighbours.
const WIDTHS: [u32; 14] =
    [390, 600, 761, 820, 821, 1_000, 1_150, 1_240, 1_241, 1_280, 1_400, 1_640, 1_641, 1_920];

/// What of the bar is not seen whole: cut off, outside, or under something else that stands in it. On phones
/// the pages are a line that one moves along.
const CUT: &str = "const one = (part) => {\
        const { left, right, top, bottom, width } = part.getBoundingClientRect();\
        const [line] = part.getClientRects();\
        const at = document.elementFromPoint(line.left + line.width / 2, line.top + line.height / 2);\
        const isInside = left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;\
        const isCut = getComputedStyle(part).display !== 'inline' && part.scrollWidth > part.clientWidth + 1;\
        return isInside && !isCut && part.contains(at) && width > 0;\
    };\
    const moves = innerWidth < 821 ? '.pages, .pages a' : 'nothing';\
    return [...document.querySelectorAll('.bar > *, .bar a, .bar button, .where > *')]\
        .filter((part) => part.checkVisibility() && part.children.length + part.textContent.length)\
        .filter((part) => !part.matches(moves) && !one(part))\
        .map((part) => `${part.className || part.localName}: ${part.textContent.trim()}`)";

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_nothing_of_the_bar_is_cut_off_in_any_window() {
    let mut world = World::new().await;
    let long = "documents-and-attachments-of-everybody";
    let service = world.service(long, "").await;
    world.ready(&service, "1.0").await;
    let url = world.listen().await;
    let browsers = Browsers::start();
    let browser = browsers.open(true).await;
    sign_in(&browser, &world, &url).await;
    let ask = async |script: &str| browser.execute(script, vec![]).await.unwrap().json().clone();
    for page in ["/", &format!("/services/{long}/versions/1/deploy")] {
        browser.goto(format!("{url}{page}")).await.unwrap();
        is_whole(&browser).await;
        for away in [false, true] {
            ask(&format!("document.body.classList.toggle('is-away', {away})")).await;
            for width in WIDTHS {
                looks_as(&browser, (width, 800), "light").await;
                assert_eq!(ask(CUT).await, json!([]), "{page} at {width} px, away: {away}");
                let wider = ask("return document.documentElement.scrollWidth - innerWidth").await;
                assert!(wider.as_f64().unwrap() <= 0.0, "{page} at {width} px is too wide");
                if page != "/" {
                    shows(&browser, ".where", long).await;
                }
            }
        }
        let high = "return document.querySelector('.bar').offsetHeight";
        let before = ask(high).await;
        ask("document.body.classList.remove('is-away')").await;
        assert_eq!(ask(high).await, before, "the page is not moved by what is said of the server");
    }
    assert_ne!(
        ask("return document.querySelectorAll('.bar .pages a').length").await,
        Value::from(0)
    );
    browser.quit().await.unwrap();
}
