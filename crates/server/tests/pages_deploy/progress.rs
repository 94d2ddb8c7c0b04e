//! How a deployment goes, and what it has done.

use launcher_model::Span;
use launcher_model::environment::EnvironmentState;

use super::pages_support::{Visitor, WHO, World, eventually};
use super::{OUTLOOK, V1, V2, V3, blue_and_green, fields, says};

#[tokio::test(flavor = "multi_thread")]
async fn a_press_leads_to_its_deployment_with_the_receipt() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let before = visitor.get(OUTLOOK).await;
    let pressed = visitor.press(&before, "/services/shop/deploy").await;
    assert_eq!(pressed.location(), "/services/shop/deployments/2");
    eventually("v2 is live", async || world.live(&shop).await == [V2]).await;
    let page = visitor.get("/services/shop/deployments/2").await;
    // The page is not waited for where a machine is slow.
    let told = ["v2 is live: switched on 1 edge in", "v2 is on its way"];
    assert!(told.iter().any(|told| page.flash().unwrap().starts_with(told)), "{}", page.body);
    eventually("it has drained", async || {
        let page = Visitor::signed_in(&world).await.get("/services/shop/deployments/2").await;
        page.body.contains("switched and drained")
    })
    .await;
    let page = visitor.get("/services/shop/deployments/2").await;
    says(
        &page,
        &[
            "<h2>Receipt</h2>",
            "0 failed",
            "id=\"edge-local\"",
            "every edge had acknowledged",
            "by mika",
            "over after",
            "Roll back to v1, instant",
            "shop: v2, done",
        ],
    );
    assert!(!page.body.contains("http-equiv=\"refresh\""), "{}", page.body);

    // Pressed once more on the page from before, it is the same deployment.
    let pressed = visitor.press(&before, "/services/shop/deploy").await;
    assert_eq!(pressed.location(), "/services/shop/deployments/2");
    let again = visitor.get("/services/shop/deployments/2").await;
    assert_eq!(again.flash().unwrap(), "v2 is live already; nothing was changed.");
    assert_eq!(world.app.store.route(&shop).await.unwrap().generation.0, 2);

    // The way back is one press from here, and leads to its own deployment.
    let back = visitor.press(&page, "/services/shop/rollback").await;
    assert_eq!(back.location(), "/services/shop/deployments/3");
    eventually("v1 is live again", async || world.live(&shop).await == [V1]).await;

    for path in ["/services/shop/deployments/9", "/services/shop/deployments/x"] {
        assert_eq!(visitor.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_deployment_goes_on_while_its_page_is_left() {
    let world = World::new().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    world.app.control.stop(&shop, V1, WHO).await.unwrap();
    world.reaches(&shop, V1, EnvironmentState::Stopped).await;
    world.set_sick(true);
    let mut visitor = Visitor::signed_in(&world).await;
    let before = visitor.get("/services/shop/versions/1/deploy").await;
    says(&before, &["3 containers of v1 are started, until all are healthy", "from nothing to v1"]);
    let pressed = visitor.press(&before, "/services/shop/deploy").await;
    assert_eq!(pressed.location(), "/services/shop/deployments/1");
    let page = visitor.get("/services/shop/deployments/1").await;
    assert!(page.flash().unwrap().starts_with("v1 is on its way"), "{:?}", page.flash());
    says(
        &page,
        &[
            "<li class=\"moving\" id=\"step-1\"><b>Start</b>",
            "<li class=\"ahead\" id=\"step-2\"><b>Prepare</b>",
            "data-moves",
            "http-equiv=\"refresh\"",
            "shop: v1, starting",
        ],
    );
    // Pressed twice it is still one deployment, and other pages lead to it.
    let pressed = visitor.press(&before, "/services/shop/deploy").await;
    assert_eq!(pressed.location(), "/services/shop/deployments/1");
    let page = visitor.get("/services/shop/deployments/1").await;
    assert_eq!(page.flash().unwrap(), "v1 is on its way already, by mika; nothing more was done.");
    for path in ["/services/shop", "/services/shop/versions/1/deploy"] {
        says(&visitor.get(path).await, &["href=\"/services/shop/deployments/1\""]);
    }
    world.set_sick(false);
    eventually("v1 is live", async || world.live(&shop).await == [V1]).await;
    eventually("its page tells it", async || {
        let page = Visitor::signed_in(&world).await.get("/services/shop/deployments/1").await;
        page.body.contains("its containers were started in") && page.body.contains("0 failed")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_out_of_date_deploys_nothing_and_says_so() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let old = visitor.get(OUTLOOK).await;
    let three = world.ready(&shop, "1.2").await;
    world.deploy(&shop, three).await;
    let pressed = visitor.press(&old, "/services/shop/deploy").await;
    assert_eq!(pressed.location(), OUTLOOK);
    let page = visitor.get(OUTLOOK).await;
    assert!(page.flash().unwrap().contains("v3 is live now. Nothing was done"));
    assert_eq!(world.live(&shop).await, [V3]);
    let share =
        [&fields(&old, "2")[..], &[("was", "10"), ("weight", "20"), ("sure", "true")]].concat();
    visitor.post("/services/shop/share", &share).await;
    let page = visitor.get("/services/shop").await;
    assert!(page.flash().unwrap().contains("v3 is live now. Nothing was done"));
    assert_eq!(world.live(&shop).await, [V3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_held_around_a_switch_and_without_one() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get(OUTLOOK).await;
    let with = |hold: &'static str| {
        [&fields(&page, "2")[..], &[("from", "outlook"), ("hold", hold)]].concat()
    };
    for (hold, why) in [("soon", "is no length of time to hold"), ("2m", "at most")] {
        assert_eq!(visitor.post("/services/shop/deploy", &with(hold)).await.location(), OUTLOOK);
        let page = visitor.get(OUTLOOK).await;
        assert!(page.flash().unwrap().contains(why), "{hold}: {:?}", page.flash());
    }
    let pressed = visitor.post("/services/shop/deploy", &with("5s")).await;
    let page = visitor.get(pressed.location()).await;
    says(&page, &["0 requests held"]);

    let page = visitor.get("/services/shop").await;
    says(&page, &["action=\"/services/shop/hold\""]);
    let hold = [("form_secret", page.field("form_secret")), ("for", "30s")];
    assert_eq!(visitor.post("/services/shop/hold", &hold).await.location(), "/services/shop");
    let held = visitor.get("/services/shop").await;
    let told = "New requests are held, for at most 30s; nothing is in flight.";
    assert_eq!(held.flash().unwrap(), told);
    says(&held, &["New requests wait", "Let them go", "data-moves"]);
    visitor.post("/services/shop/hold", &hold).await;
    let again = visitor.get("/services/shop").await;
    assert!(again.flash().unwrap().contains("are held already; nothing was changed"));
    let release = [("form_secret", page.field("form_secret"))];
    visitor.post("/services/shop/release", &release).await;
    let page = visitor.get("/services/shop").await;
    assert_eq!(page.flash().unwrap(), "The requests were let go: none had come.");
    assert!(world.app.control.hub().held(&shop).is_none());
    visitor.post("/services/shop/release", &release).await;
    assert!(visitor.get("/services/shop").await.flash().unwrap().contains("nothing was changed"));
    let bad = [("form_secret", page.field("form_secret")), ("for", "long")];
    visitor.post("/services/shop/hold", &bad).await;
    assert!(visitor.get("/services/shop").await.flash().unwrap().contains("no length of time"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_one_line_through_time() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    world.deploy(&shop, V2).await;
    world.app.control.maintain(&shop, Default::default(), "kim").await.unwrap();
    world.app.control.reopen(&shop, "kim").await.unwrap();
    world.app.control.hold(&shop, Span::secs(5), "kim").await.unwrap();
    world.app.control.release(&shop, "kim").await.unwrap();
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/services/shop").await;
    visitor.press(&page, "/services/shop/rollback").await;
    let page = visitor.get("/services/shop").await;
    let (_, history) = page.body.split_once("id=\"history\"").unwrap();
    let (history, _) = history.split_once("</ol>").unwrap();
    let words = ["rolled back", "released after", "held", "opened after", "closed", "deployed"];
    let mut rest = history;
    for word in words {
        let (_, after) = rest.split_once(&format!("small soft\">{word}")).expect(word);
        rest = after;
    }
    assert_eq!(history.matches("dot live").count(), 1, "{history}");
    for id in 1..=3 {
        assert!(history.contains(&format!("/services/shop/deployments/{id}")), "{history}");
    }
}
