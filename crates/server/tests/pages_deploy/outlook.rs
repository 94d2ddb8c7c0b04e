//! What a deployment will do, shown before.

use launcher_control::LaunchRequest;
use launcher_model::Span;
use launcher_model::environment::EnvironmentState;
use launcher_model::role::{Role, Roles};

use super::pages_support::{Visitor, WHO, World, eventually};
use super::{OUTLOOK, V1, V2, V3, blue_and_green, built, fields, says};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_press_will_do_is_shown_before() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let more = "[env]\nLOG_LEVEL = \"debug\"\n[hooks]\nrelease = [\"bin/migrate\"]\n";
    world.service("shop", more).await;
    assert_eq!(built(&world, &shop, "1.2", "Pay <at once>").await, V3);
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/services/shop").await;
    says(&page, &["href=\"/services/shop/versions/3/deploy\">what will happen"]);

    let page = visitor.get("/services/shop/versions/3/deploy").await;
    says(
        &page,
        &[
            "Nothing is done before the button is pressed",
            "the edge (local) shows that it reaches every container of it",
            "the traffic goes from v1 to v3, on 1 edge at once",
            "what is in flight on v1 has",
            "2 versions go live with it",
            "Pay &#60;at once&#62;",
            "launched without a message",
            "passed in build 1",
            "12 tests",
            "3 of 3 healthy",
            "env.LOG_LEVEL: debug, not set before",
            "ran for 1 version, before their containers came; none runs now",
            "v3: bin/migrate",
            "the same as is live",
            "/graphs/shop/",
            "Deploy v3",
            "<title>shop: Deploy v3</title>",
        ],
    );
    let part = visitor.get("/live/services/shop/versions/3/deploy").await;
    says(&part, &["<title>shop: Deploy v3</title>", "id=\"live\""]);
    assert_eq!(world.live(&shop).await, [V1], "nothing was done");

    world.deploy(&shop, V3).await;
    let page = visitor.get("/services/shop/versions/1/deploy").await;
    says(
        &page,
        &[
            "Roll back to v1",
            "2 versions taken back with it",
            "ran for 1 version, taken back with this; what it did stays done",
            "env.LOG_LEVEL: not set any more, debug before",
        ],
    );
    let page = visitor.get("/services/shop/versions/3/deploy").await;
    says(&page, &["v3 is live already."]);
    for missing in ["/services/shop/versions/9/deploy", "/services/shop/versions/x/deploy"] {
        assert_eq!(visitor.get(missing).await.status, 404, "{missing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_shown_before_and_after() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/services/shop/versions/1/deploy").await;
    says(&page, &["Not now: no edge is connected"]);
    let pressed = visitor.press(&page, "/services/shop/deploy").await;
    assert_eq!(pressed.location(), "/services/shop/deployments/1");
    eventually("it is aborted", async || {
        let page = Visitor::signed_in(&world).await.get("/services/shop/deployments/1").await;
        page.body.contains("Aborted, nothing was changed: no edge is connected")
    })
    .await;
    let history = visitor.get("/services/shop").await;
    says(&history, &["<i class=\"dot trouble\"></i>", "href=\"/services/shop/deployments/1\""]);
    assert!(world.live(&shop).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_freeze_the_page_before_asks_for_a_reason() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let hour = |hours| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        at.strftime("%Y-%m-%d %H:%M").to_string()
    };
    let window = format!("{} – {} UTC", hour(-2), hour(30));
    world.service("shop", &format!("[deploy]\nfreeze = [{window:?}]\n")).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get(OUTLOOK).await;
    says(&page, &["Frozen until ", &window, "name=\"force\"", "why it cannot wait"]);
    visitor.press(&page, "/services/shop/deploy").await;
    let page = visitor.get(OUTLOOK).await;
    assert!(page.flash().unwrap().starts_with("Shop is frozen until "), "{:?}", page.flash());
    let why = [("from", "outlook"), ("force", "true"), ("note", "the till is broken")];
    let form = [&fields(&page, "2")[..], &why].concat();
    let pressed = visitor.post("/services/shop/deploy", &form).await;
    assert_eq!(world.live(&shop).await, [V2]);
    says(&visitor.get(pressed.location()).await, &["the till is broken (forced during the freeze"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_sees_all_of_it_and_no_buttons() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let viewer = Roles::everywhere(Role::Viewer);
    let mut viewer = Visitor::person(&world, "vera", viewer).await;
    world.app.control.hold(&shop, Span::secs(30), "kim").await.unwrap();
    for (path, shown) in [
        (OUTLOOK, "the traffic goes from v1 to v2, on 1 edge at once"),
        ("/services/shop/deployments/1", "Receipt"),
        ("/services/shop", "New requests wait"),
    ] {
        let page = viewer.get(path).await;
        says(&page, &[shown]);
        let buttons = page.body.matches("method=\"post\" action=\"/services/").count();
        assert_eq!(buttons, 0, "{path}: {}", page.body);
    }
    let page = viewer.get("/services/shop").await;
    let secret = page.field("form_secret").to_owned();
    for act in ["hold", "release", "share", "deploy"] {
        let form = [("form_secret", secret.as_str()), ("version", "2"), ("generation", "1")];
        let refused = viewer.post(&format!("/services/shop/{act}"), &form).await;
        assert_eq!(refused.status, 403, "{act}");
    }
    assert_eq!(world.live(&shop).await, [V1]);
    assert!(world.app.control.hub().held(&shop).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_a_branch_is_deployed_as_any_other_and_its_branch_is_named() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    world.service("shop", "[branches]\nmatch = [\"*\"]\nreplicas = 1\n").await;
    let request = LaunchRequest {
        image: Some(":1.2".to_owned()),
        branch: Some("feature/login".to_owned()),
        ..LaunchRequest::new(shop.clone(), WHO)
    };
    assert_eq!(world.app.control.launch(request).await.unwrap().0.number, V3);
    world.reaches(&shop, V3, EnvironmentState::Ready).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/services/shop").await;
    says(&page, &["href=\"/services/shop/versions/3\"", "Deploy v3, instant"]);
    says(&visitor.get("/services/shop/versions/3").await, &["made for the branch feature/login;"]);
    let page = visitor.get("/services/shop/versions/3/deploy").await;
    says(
        &page,
        &[
            "v3 was made for the branch feature/login.",
            "fewer containers than the 3",
            "the traffic goes from v1 to v3",
        ],
    );
    let pressed = visitor.press(&page, "/services/shop/deploy").await;
    let page = visitor.get(pressed.location()).await;
    eventually("it is live", async || world.live(&shop).await == [V3]).await;
    says(&page, &["deployment 2 of"]);
    let page = visitor.get("/services/shop/versions/3/deploy").await;
    says(&page, &["v3 is live already."]);
    assert!(!page.body.contains("id=\"of-branch\""), "it is a version as any other now");
}
