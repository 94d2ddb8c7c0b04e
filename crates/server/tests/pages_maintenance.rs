//! A service that is closed to its users, on the pages, without JavaScript.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use launcher_control::MaintainRequest;
use launcher_model::VersionNumber;
use pages_support::{Visitor, World};

const PATH: &str = "/services/shop/maintenance";

#[tokio::test(flavor = "multi_thread")]
async fn one_button_closes_a_service_and_another_opens_it() {
    let world = World::new().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, VersionNumber(1)).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/services/shop").await;
    assert!(page.body.contains("Close for maintenance"), "{}", page.body);
    assert!(!page.body.contains("In maintenance"), "{}", page.body);
    // Nothing is done before the page that says what would be.
    let unasked = [("form_secret", page.field("form_secret"))];
    assert_eq!(visitor.post(PATH, &unasked).await.location(), PATH);
    assert!(world.app.store.maintenance(&shop).await.unwrap().on.is_none());
    let asks = visitor.get(PATH).await;
    assert!(asks.body.contains("Users of shop get 503 with a page"), "{}", asks.body);
    let close = [("form_secret", asks.field("form_secret")), ("sure", asks.field("sure"))];
    assert_eq!(visitor.post(PATH, &close).await.location(), "/services/shop");
    let closed = visitor.get("/services/shop").await;
    assert_eq!(closed.flash().unwrap(), "shop is in maintenance.");
    for shown in ["In maintenance", "by mika", "Open shop again", "data-mark=\"closed\""] {
        assert!(closed.body.contains(shown), "{shown} in {}", closed.body);
    }
    assert!(closed.body.contains("<title>shop: in maintenance, v1 live"), "{}", closed.body);
    let home = visitor.get("/").await;
    assert!(home.body.contains("in maintenance"), "{}", home.body);
    // Pressed again on the page before, it changes nothing.
    visitor.post(PATH, &close).await;
    let flash = visitor.get("/services/shop").await.flash().unwrap().to_owned();
    assert_eq!(flash, "shop is in maintenance already, by mika; nothing was changed.");

    let open = [("form_secret", closed.field("form_secret")), ("seen", closed.field("seen"))];
    visitor.post(PATH, &open).await;
    let page = visitor.get("/services/shop").await;
    assert_eq!(page.flash().unwrap(), "shop is open again.");
    assert!(world.app.store.maintenance(&shop).await.unwrap().on.is_none());
    visitor.post(PATH, &open).await;
    let flash = visitor.get("/services/shop").await.flash().unwrap().to_owned();
    assert_eq!(flash, "shop is open already; nothing was changed.");

    // Somebody else has closed it since: a page from before that opens nothing.
    let note = "a <new> disk".to_owned();
    let again = MaintainRequest { note: Some(note), ..MaintainRequest::default() };
    world.app.control.maintain(&shop, again, "kim").await.unwrap();
    visitor.post(PATH, &open).await;
    let page = visitor.get("/services/shop").await;
    assert!(page.flash().unwrap().contains("closed again since your page was loaded, by kim"));
    assert!(page.body.contains("by kim: a &#60;new&#62; disk"), "{}", page.body);
    assert!(world.app.store.maintenance(&shop).await.unwrap().on.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_our_own_pages_close_a_service() {
    let world = World::new().await;
    let shop = world.service("shop", "").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let forged = visitor.post(PATH, &[("form_secret", "guessed")]).await;
    assert_eq!(forged.status, axum::http::StatusCode::FORBIDDEN);
    assert!(world.app.store.maintenance(&shop).await.unwrap().on.is_none());
}
