//! What the pages show and what their buttons do, without JavaScript.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use axum::http::StatusCode;
use launcher_model::environment::EnvironmentState;
use launcher_model::{ServiceName, VersionNumber};
use pages_support::{Visitor, World, eventually};

const V1: VersionNumber = VersionNumber(1);
const V2: VersionNumber = VersionNumber(2);

/// A service with version 1 live and version 2 ready beside it.
async fn blue_and_green(world: &World) -> ServiceName {
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, V1).await;
    world.ready(&shop, "1.1").await;
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_deploys_and_another_goes_back() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;

    let home = visitor.get("/").await;
    for shown in ["shop:1.0", "shop:1.1", "v2.shop.localhost:8080", "healthy\"></i>", "Deploy v2"] {
        assert!(home.body.contains(shown), "{shown} in {}", home.body);
    }
    let answer = visitor.press(&home, "/services/shop/deploy").await;
    assert_eq!(answer.location(), "/");
    assert_eq!(world.live(&shop).await, [V2]);
    let home = visitor.get("/").await;
    let flash = home.flash().unwrap();
    assert!(flash.starts_with("v2 is live: switched on 1 edge in "), "{flash}");
    assert!(home.body.contains("Roll back to v1, instant"), "{}", home.body);
    assert_eq!(visitor.get("/").await.flash(), None, "it is said once");

    let page = visitor.get("/services/shop").await;
    assert!(page.body.contains("0 failed"), "the receipt: {}", page.body);
    let answer = visitor.press(&page, "/services/shop/rollback").await;
    assert_eq!(answer.location(), "/services/shop");
    assert_eq!(world.live(&shop).await, [V1]);
    let page = launcher_store::Page { before: None, limit: 10 };
    let filter = launcher_store::DeploymentFilter { service: Some(shop), among: None, page };
    let history = world.app.store.deployments(&filter).await.unwrap();
    let by: Vec<_> = history.into_iter().map(|one| one.by).collect();
    assert_eq!(by, ["mika", "mika", "mika"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_which_paths_another_service_answers() {
    let world = World::without_edge().await;
    world.service("api", "").await;
    world.service("shop", "[paths]\n\"/api\" = \"api\"\n").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let shop = visitor.get("/services/shop").await;
    let told = "<code>/api</code> is answered by <a href=\"/services/api\">api</a>";
    assert!(shop.body.contains(told), "{}", shop.body);
    let api = visitor.get("/services/api").await;
    assert!(!api.body.contains("is answered by"), "{}", api.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_to_a_stopped_environment_says_what_it_starts() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    world.deploy(&shop, V2).await;
    world.app.control.stop(&shop, V1, "test").await.unwrap();
    world.reaches(&shop, V1, EnvironmentState::Stopped).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/services/shop").await;
    assert!(page.body.contains("Roll back to v1, starts 3 first"), "{}", page.body);
    visitor.press(&page, "/services/shop/rollback").await;
    eventually("v1 is live", async || world.live(&shop).await == [V1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_out_of_date_does_nothing() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let old = visitor.get("/services/shop").await;
    let three = world.ready(&shop, "1.2").await;
    world.deploy(&shop, three).await;

    let fields = ["form_secret", "generation"].map(|name| (name, old.field(name)));
    for act in ["deploy", "stop", "destroy"] {
        let form = [fields[0], fields[1], ("version", "2"), ("sure", "true")];
        visitor.post(&format!("/services/shop/{act}"), &form).await;
        let page = visitor.get("/services/shop").await;
        let flash = page.flash().unwrap();
        assert!(flash.contains("v3 is live now. Nothing was done"), "{act}: {flash}");
    }
    assert_eq!(world.live(&shop).await, [three]);
    let two = world.app.control.environment(&shop, V2).await.unwrap();
    assert_eq!(two.environment.state, EnvironmentState::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn pressing_twice_deploys_once() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/").await;
    visitor.press(&page, "/services/shop/deploy").await;
    visitor.press(&page, "/services/shop/deploy").await;
    let flash = visitor.get("/").await.flash().unwrap().to_owned();
    assert_eq!(flash, "v2 is live already; nothing was changed.");
    assert_eq!(world.app.store.route(&shop).await.unwrap().generation.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_said() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    world.ready(&shop, "1").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/services/shop").await;
    assert!(page.body.contains("No edge is connected"), "{}", page.body);
    visitor.press(&page, "/services/shop/deploy").await;
    let patient = visitor.get("/services/shop").await;
    assert!(patient.flash().unwrap().starts_with("v1 is on its way"), "{:?}", patient.flash());
    eventually("the deployment is aborted", async || {
        let page = Visitor::signed_in(&world).await.get("/services/shop").await;
        page.body.contains("aborted, nothing was changed: no edge is connected")
    })
    .await;
    assert_eq!(world.live(&shop).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_environment_shows_why_with_its_last_lines() {
    let world = World::new().await;
    blue_and_green(&world).await;
    world.fails("shop", "1.2", &["<b>no</b> \"database\" & no hope"]).await;
    let mut visitor = Visitor::signed_in(&world).await;
    for path in ["/", "/services/shop"] {
        let page = visitor.get(path).await;
        assert!(page.body.contains("status 7"), "{path}: {}", page.body);
        assert!(!page.body.contains("<b>no</b>"), "{path} writes a container's words as they are");
        assert!(page.body.contains("&#60;b&#62;no&#60;/b&#62;"), "{path}: {}", page.body);
    }
    let home = visitor.get("/").await;
    assert!(home.body.contains("<title>1 needs eyes"), "{}", home.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_others_are_shown_as_text() {
    let world = World::without_edge().await;
    let shop = world.service("shop", "").await;
    let hostile = "<script>alert(1)</script>\"'";
    let request = launcher_control::LaunchRequest {
        image: Some(":1".to_owned()),
        commit: Some(hostile.to_owned()),
        branch: Some(hostile.to_owned()),
        ..launcher_control::LaunchRequest::new(shop.clone(), hostile)
    };
    world.app.control.launch(request).await.unwrap();
    let event =
        launcher_model::event::NewEvent::new(launcher_model::event::EventKind::EngineLost, hostile);
    world.app.store.record(&[event.service(&shop)], world.app.now()).await.unwrap();
    world.fake.go_away(hostile);
    eventually("the engine is lost", async || world.app.control.engine().lost.is_some()).await;

    let mut visitor = Visitor::signed_in(&world).await;
    for path in
        ["/", "/services/shop", "/live/home", "/live/services/shop", "/login?next=<script>alert(1)"]
    {
        let page = visitor.get(&path.replace('<', "%3C").replace('>', "%3E")).await;
        assert!(!page.body.contains("<script>alert"), "{path}: {}", page.body);
    }
    let page = visitor.get("/services/shop").await;
    assert!(page.body.contains("does not answer since"), "{}", page.body);
    assert!(page.body.contains("&#60;script&#62;alert(1)"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_small_acts_do_what_they_say() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let state = async || world.app.control.environment(&shop, V2).await.unwrap().environment;

    let page = visitor.get("/services/shop").await;
    for act in ["stop", "destroy"] {
        let asks = page.body.matches(&format!("/sure/{act}\"")).count();
        assert_eq!(asks, 1, "only for what is not live: {act}");
    }
    let asks = visitor.get("/services/shop/versions/2/sure/stop").await;
    for shown in
        ["Stop v2 of shop?", "3 containers of v2 of shop are ended", "launcher stop shop v2"]
    {
        assert!(asks.body.contains(shown), "{shown} in {}", asks.body);
    }
    visitor.press(&asks, "/services/shop/stop").await;
    world.reaches(&shop, V2, EnvironmentState::Stopped).await;
    let page = visitor.get("/services/shop").await;
    assert!(page.flash().unwrap().contains("v2 is being stopped"));
    visitor.press(&page, "/services/shop/start").await;
    world.reaches(&shop, V2, EnvironmentState::Ready).await;

    let pin = [
        ("form_secret", page.field("form_secret")),
        ("version", "2"),
        ("generation", page.field("generation")),
    ];
    visitor.post("/services/shop/pin", &pin).await;
    assert!(state().await.pinned);
    let sure = [pin[0], pin[1], pin[2], ("sure", "true")];
    visitor.post("/services/shop/destroy", &sure).await;
    let page = visitor.get("/services/shop").await;
    assert!(page.flash().unwrap().starts_with("V2 is pinned"), "{:?}", page.flash());
    visitor.post("/services/shop/unpin", &pin).await;
    let unasked = visitor.post("/services/shop/destroy", &pin).await;
    assert_eq!(unasked.location(), "/services/shop/versions/2/sure/destroy");
    assert_eq!(state().await.state, EnvironmentState::Ready, "nothing is done without a word");
    visitor.post("/services/shop/destroy", &sure).await;
    world.reaches(&shop, V2, EnvironmentState::Destroyed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_as_a_page() {
    let world = World::without_edge().await;
    world.service("shop", "").await;
    let mut visitor = Visitor::signed_in(&world).await;
    for path in ["/services/nothing", "/services/%3Cb%3E", "/live/services/nothing"] {
        let page = visitor.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.body.contains("To the services"), "{path}");
    }
    let page = visitor.get("/").await;
    let form = [("form_secret", page.field("form_secret")), ("version", "1"), ("generation", "0")];
    let answer = visitor.post("/services/shop/explode", &form).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let form = [("form_secret", page.field("form_secret")), ("version", "x"), ("generation", "0")];
    let answer = visitor.post("/services/shop/deploy", &form).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_sorted_by_need_unless_it_is_in_use() {
    let world = World::new().await;
    blue_and_green(&world).await;
    let accounts = world.service("accounts", "").await;
    world.ready(&accounts, "1").await;
    world.deploy(&accounts, V1).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let names = |page: &str| -> Vec<String> {
        let rows = page.split("data-name=\"").skip(1);
        rows.map(|row| row.split('"').next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&visitor.get("/live/home").await.body), ["shop", "accounts"]);
    let kept = visitor.get("/live/home?keep=accounts,gone,shop").await;
    assert_eq!(names(&kept.body), ["accounts", "shop"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_that_previews_ask_for_a_login_and_why_nobody_may_look() {
    let world = World::new().await;
    let shop = world.service("shop", "[previews]\nlogin = \"shop/logins\"\n").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let told = "Nobody may look at previews: the secret shop/logins (for the login of previews) is not set";
    let spec = world.app.store.service(&shop).await.unwrap().unwrap().spec;
    eventually("the secret was looked for", async || {
        world.app.control.preview_logins(&spec).unwrap().trouble.is_some()
    })
    .await;
    let body = visitor.get(&format!("/services/{shop}")).await.body;
    assert!(body.contains(told), "{body}");
    assert!(body.contains("previews ask for a login from <code>shop/logins</code>"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_freeze_the_page_asks_for_a_reason() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let hour = |hours| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        at.strftime("%Y-%m-%d %H:%M").to_string()
    };
    let window = format!("{} – {} UTC", hour(-2), hour(30));
    world.service("shop", &format!("[deploy]\nfreeze = [{window:?}]\n")).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/services/shop").await;
    for shown in ["Frozen until ", &window, "name=\"force\"", "name=\"note\""] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    visitor.press(&page, "/services/shop/deploy").await;
    let page = visitor.get("/services/shop").await;
    let flash = page.flash().unwrap();
    assert!(flash.starts_with("Shop is frozen until "), "{flash}");
    assert_eq!(world.live(&shop).await, [V1]);

    let fields = ["form_secret", "version", "generation"].map(|name| (name, page.field(name)));
    let fields: Vec<_> = fields.into_iter().filter(|(name, _)| *name != "version").collect();
    let insists = [&fields[..], &[("version", "2"), ("force", "true"), ("sure", "true")]].concat();
    visitor.post("/services/shop/deploy", &insists).await;
    let page = visitor.get("/services/shop").await;
    assert!(page.flash().unwrap().contains("add a note"), "{:?}", page.flash());
    let why = [&insists[..], &[("note", "the till is broken")]].concat();
    visitor.post("/services/shop/deploy", &why).await;
    assert_eq!(world.live(&shop).await, [V2]);
    let page = visitor.get("/services/shop").await;
    assert!(page.body.contains("the till is broken (forced during the freeze"), "{}", page.body);
    visitor.press(&page, "/services/shop/rollback").await;
    assert_eq!(world.live(&shop).await, [V1]);
    let page = visitor.get("/services/shop").await;
    let flash = page.flash().unwrap();
    assert!(flash.contains("going back is always possible"), "{flash}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_yes_a_press_leads_to_a_page_that_names_service_and_version() {
    let world = World::new().await;
    let shop = blue_and_green(&world).await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/services/shop").await;
    for shown in [
        "data-sure=\"Deploy v2 of shop\"",
        "data-sure=\"Give v2 of shop {share} % of the traffic\"",
    ] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    let fields = ["form_secret", "generation"].map(|name| (name, page.field(name)));
    let form = [fields[0], fields[1], ("version", "2"), ("from", "service")];
    let asks = visitor.post("/services/shop/deploy", &form).await;
    assert_eq!(asks.location(), "/services/shop/versions/2/deploy");
    let asks = visitor.get("/services/shop/versions/2/deploy").await;
    for shown in
        ["Deploy v2", "href=\"/services/shop\"", "Nothing is done before the button is pressed"]
    {
        assert!(asks.body.contains(shown), "{shown} in {}", asks.body);
    }
    let share = [&form[..], &[("was", "10"), ("slider", "25"), ("weight", "10")]].concat();
    let asks = visitor.post("/services/shop/share", &share).await;
    assert_eq!(asks.status, StatusCode::OK);
    assert!(asks.body.contains("Give v2 of shop 25 % of the traffic?"), "{}", asks.body);
    assert_eq!(world.live(&shop).await, [V1], "nothing was done");
    assert_eq!(world.app.store.route(&shop).await.unwrap().generation.0, 1);

    let names = ["form_secret", "version", "generation", "weight", "from", "sure"];
    let yes = names.map(|name| (name, asks.field(name)));
    assert_eq!(visitor.post("/services/shop/share", &yes).await.location(), "/services/shop");
    let route = world.app.store.route(&shop).await.unwrap();
    assert_eq!(route.weights[&V2].percent(), 25);
    let odd = [&form[..], &[("weight", "lots")]].concat();
    assert_eq!(visitor.post("/services/shop/share", &odd).await.location(), "/services/shop");
    assert!(visitor.get("/services/shop").await.flash().unwrap().contains("is no share"));
}
