//! What a deployment will do, how it goes, and what it has done, on the pages, without JavaScript.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use launcher_control::LaunchRequest;
use launcher_model::build::{BuildState, Origin, Step, StepKind, StepState};
use launcher_model::environment::EnvironmentState;
use launcher_model::role::{Role, Roles};
use launcher_model::{ServiceName, Span, VersionNumber};
use launcher_store::{BuildChange, NewBuild};
use pages_support::{Answer, Visitor, WHO, World, eventually};

const V1: VersionNumber = VersionNumber(1);
const V2: VersionNumber = VersionNumber(2);
const V3: VersionNumber = VersionNumber(3);

const OUTLOOK: &str = "/services/shop/versions/2/deploy";

/// `shop` with v1 live and v2 ready beside it.
async fn blue_and_green(world: &World) -> ServiceName {
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, V1).await;
    world.ready(&shop, "1.1").await;
    shop
}

/// Launches an image that came out of a build, with tests that passed, and waits until it is ready.
async fn built(world: &World, shop: &ServiceName, tag: &str, subject: &str) -> VersionNumber {
    let new = NewBuild {
        service: shop.clone(),
        origin: Origin::Push,
        branch: Some("main".to_owned()),
        commit: None,
        subject: Some(subject.to_owned()),
        author: None,
        by: "kim".to_owned(),
    };
    let now = world.app.now();
    let build = world.app.store.queue_build(new, now).await.unwrap().build.id;
    let request = LaunchRequest {
        image: Some(format!(":{tag}")),
        build: Some(build),
        ..LaunchRequest::new(shop.clone(), WHO)
    };
    let number = world.app.control.launch(request).await.unwrap().0.number;
    world.reaches(shop, number, EnvironmentState::Ready).await;
    let test = Step {
        kind: StepKind::Test,
        state: StepState::Passed,
        started_at: now,
        finished_at: Some(now),
        note: Some("12 tests".to_owned()),
    };
    let (state, steps) = (Some(BuildState::Passed), Some(vec![test]));
    let change = BuildChange { state, steps, ..BuildChange::default() };
    world.app.store.change_build(build, change, &[], now).await.unwrap();
    number
}

fn says(page: &Answer, words: &[&str]) {
    for shown in words {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
}

/// The fields of the form that a button of this path is in.
fn fields<'p>(page: &'p Answer, version: &'static str) -> Vec<(&'static str, &'p str)> {
    vec![
        ("form_secret", page.field("form_secret")),
        ("version", version),
        ("generation", page.field("generation")),
    ]
}

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

    // The way back is there, and leads to its own deployment.
    assert!(page.body.contains("href=\"/services/shop/versions/1/deploy\""), "{}", page.body);
    let way_back = visitor.get("/services/shop/versions/1/deploy").await;
    let back = visitor.press(&way_back, "/services/shop/rollback").await;
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
