//! Shares of the traffic.

use super::pages_support::{Visitor, World, eventually};
use super::{OUTLOOK, V2, blue_and_green, fields, says};

#[tokio::test(flavor = "multi_thread")]
async fn a_share_is_planned_before_it_is_given() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get(&format!("{OUTLOOK}?weight=10")).await;
    says(
        &page,
        &[
            "<title>shop: Deploy v2, 10 %</title>",
            "Give v2 10 %",
            "action=\"/services/shop/share\"",
            "name=\"weight\" value=\"10\"",
            "/deploy?weight=10\"",
        ],
    );
    let part = visitor.get("/live/services/shop/versions/2/deploy?weight=10").await;
    says(&part, &["Give v2 10 %"]);
    let mut form = fields(&page, "2");
    form.extend([("from", "outlook"), ("weight", "10")]);
    let pressed = visitor.post("/services/shop/share", &form).await;
    assert!(pressed.location().starts_with("/services/shop/deployments/"), "{}", pressed.body);
    eventually("it has its share", async || {
        let weights = world.app.store.route(&shop).await.unwrap().weights;
        weights.get(&V2).map(|weight| weight.percent()) == Some(10)
    })
    .await;

    for all in ["", "?weight=", "?weight=100"] {
        let page = visitor.get(&format!("{OUTLOOK}{all}")).await;
        says(&page, &["action=\"/services/shop/deploy\"", "<title>shop: Deploy v2</title>"]);
    }
    for wrong in ["x", "101", "-1", "1.5"] {
        let page = visitor.get(&format!("{OUTLOOK}?weight={wrong}")).await;
        assert_eq!(page.status, 422, "{wrong}");
        says(&page, &["a whole number from 0 to 100"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_is_given_by_the_slider_or_by_the_number() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let percent = async || {
        let route = world.app.store.route(&shop).await.unwrap();
        route.weights.get(&V2).map_or(0, |weight| weight.percent())
    };
    let page = visitor.get("/services/shop").await;
    says(&page, &["type=\"range\" name=\"slider\"", "Give v2 a share of the traffic"]);
    assert!(!page.body.contains("Give v1 a share"), "what has everything gives nothing away");
    for (was, slider, weight, then) in [
        ("10", "10", "25", 25),
        ("25", "40", "25", 40),
        ("40", "60", "60", 60),
        ("60", "60", "60", 60),
        ("60", "60", "0", 0),
    ] {
        let page = visitor.get("/services/shop").await;
        let share = [("was", was), ("slider", slider), ("weight", weight), ("sure", "true")];
        let form = [&fields(&page, "2")[..], &share].concat();
        let pressed = visitor.post("/services/shop/share", &form).await;
        assert_eq!(pressed.location(), "/services/shop");
        let page = visitor.get("/services/shop").await;
        assert_eq!(percent().await, then, "{share:?}: {:?}", page.flash());
        let told = if then == 0 { "v2 is not live any more" } else { "% of the traffic" };
        assert!(page.flash().unwrap().contains(told), "{:?}", page.flash());
    }
    let page = visitor.get("/services/shop").await;
    for (slider, weight, why) in [
        ("30", "20", "the number beside it 20 %"),
        ("10", "101", "is no share"),
        ("10", "some", "is no share"),
    ] {
        let share = [("was", "10"), ("slider", slider), ("weight", weight)];
        let form = [&fields(&page, "2")[..], &share].concat();
        visitor.post("/services/shop/share", &form).await;
        let flash = visitor.get("/services/shop").await.flash().unwrap().to_owned();
        assert!(flash.to_lowercase().contains(why), "{flash}");
        assert_eq!(percent().await, 0);
    }
}
