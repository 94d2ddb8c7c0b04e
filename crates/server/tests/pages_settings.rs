//! Services' settings, and versions, from the pages.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use launcher_model::environment::EnvironmentState;
use launcher_model::role::{Role, Roles};
use launcher_model::{ServiceName, VersionNumber, service};
use pages_support::{Answer, Visitor, World};

const PATH: &str = "/services/shop/settings";
const CHECK: &str = "/services/shop/settings/check";
const SAVES: &str = "<button class=\"do\">";

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

/// What stands in the text field, as a browser reads it.
fn text(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("<textarea").unwrap();
    let (_, rest) = rest.split_once(">\n").unwrap();
    let text = rest.split("</textarea>").next().unwrap();
    let text = text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"");
    text.replace("&#39;", "'").replace("&#38;", "&")
}

/// Presses a button of the editor, with this text in it: the one that saves, or with `/check` the one that shows.
async fn press(visitor: &mut Visitor<'_>, path: &str, page: &Answer, text: &str) -> Answer {
    let fields = fields(page, text);
    visitor.post(path, &fields).await
}

fn fields<'a>(page: &'a Answer, text: &'a str) -> Vec<(&'a str, &'a str)> {
    let form = page.body.split("class=\"editor\"").nth(1).unwrap();
    let hidden = ["form_secret", "loaded", "seen", "shown"].into_iter().filter_map(|field| {
        let (_, rest) = form.split_once(&format!("name=\"{field}\" value=\""))?;
        Some((field, rest.split('"').next()?))
    });
    hidden.chain([("text", text)]).collect()
}

async fn replicas(world: &World, service: &str) -> u16 {
    world.app.store.service(&name(service)).await.unwrap().unwrap().spec.service.replicas
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_saved_as_it_was_shown_what_they_change() {
    let world = World::new().await;
    world.service("shop", "[env]\nGREETING = \"<b>&'\\\"\"\n").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get(PATH).await;
    let before = text(&page);
    let spec = world.app.store.service(&name("shop")).await.unwrap().unwrap().spec;
    assert_eq!(service::read("launcher.toml", &before).unwrap(), spec, "{before}");
    assert!(!page.body.contains("<b>&"), "{}", page.body);
    assert!(page.body.contains("Nothing differs") && !page.body.contains(SAVES));

    // As a browser sends the ends of lines.
    let after = before.replace("replicas = 3", "replicas = 4\n").replace('\n', "\r\n");
    let unseen = press(&mut visitor, PATH, &page, &after).await;
    assert_eq!(unseen.status, 409, "{}", unseen.body);
    assert_eq!(replicas(&world, "shop").await, 3, "it was not shown yet");
    let shown = press(&mut visitor, CHECK, &page, &after).await;
    for told in ["<code>service.replicas</code>", "<b>4</b>", "<code>replicas = 3</code>", SAVES] {
        assert!(shown.body.contains(told), "{told} in {}", shown.body);
    }
    let other = after.replace("replicas = 4", "replicas = 5");
    let unseen = press(&mut visitor, PATH, &shown, &other).await;
    assert_eq!((unseen.status.as_u16(), replicas(&world, "shop").await), (409, 3));

    let saved = press(&mut visitor, PATH, &shown, &after).await;
    assert_eq!(saved.location(), PATH);
    assert_eq!(replicas(&world, "shop").await, 4);
    let page = visitor.get(PATH).await;
    assert!(page.flash().unwrap().starts_with("1 setting of shop changed"));
    // Pressed twice.
    let again = press(&mut visitor, PATH, &shown, &after).await;
    assert_eq!(again.location(), PATH);
    assert!(visitor.get(PATH).await.flash().unwrap().contains("nothing was changed"));
    let audit = visitor.get("/audit?service=shop").await.body;
    assert!(audit.contains("POST /services/shop/settings"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_meanwhile_is_not_overwritten_and_nothing_written_is_lost() {
    let world = World::new().await;
    world.service("shop", "").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get(PATH).await;
    let mine = text(&page).replace("replicas = 3", "replicas = 7");
    let shown = press(&mut visitor, CHECK, &page, &mine).await;
    world.service("shop", "[env]\nLOG_LEVEL = \"debug\"\n").await;

    let stale = press(&mut visitor, PATH, &shown, &mine).await;
    assert_eq!(stale.status, 409);
    assert!(stale.body.contains("Somebody else changed the settings of shop"), "{}", stale.body);
    assert_eq!(text(&stale), mine, "what was written is still there");
    assert!(stale.body.contains("<code>env.LOG_LEVEL</code>"), "{}", stale.body);
    assert_eq!(replicas(&world, "shop").await, 3);
    // Who has seen that may still do it.
    assert_eq!(press(&mut visitor, PATH, &stale, &mine).await.location(), PATH);
    assert_eq!(replicas(&world, "shop").await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_told_by_its_line_and_nothing_is_saved() {
    let world = World::new().await;
    world.service("shop", "").await;
    world.service("mail", "").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get(PATH).await;
    let good = text(&page);
    for (bad, told) in [
        (format!("{good}\n[env]\nA = <script>\n"), "&#60;script&#62;"),
        (good.replace("replicas = 3", "replicas = 0"), "<b>Line "),
        (good.replace("\"shop\"", "\"mail\""), "keeps its name"),
        (good.replace("shop.example.com", "mail.example.com"), "mail.example.com"),
        (good.replace("shop.example.com", "v1.shop.localhost"), "kept for previews"),
        (format!("{good}\n[paths.\"/api\"]\nservice = \"nobody\"\n"), "nobody"),
    ] {
        let answer = press(&mut visitor, PATH, &page, &bad).await;
        assert_eq!(answer.status, 422, "{bad}: {}", answer.body);
        assert!(answer.body.contains(told), "{told} in {}", answer.body);
        assert!(!answer.body.contains("<script>\n") && !answer.body.contains(SAVES));
        assert_eq!(text(&answer), bad);
        let from = [("sec-fetch-site", "same-origin"), ("hx-request", "true")];
        let check = visitor.post_from(CHECK, &fields(&page, &bad), &from).await;
        assert_eq!(check.status, 200);
        assert!(check.body.starts_with("<div id=\"told\"") && check.body.contains(told));
    }
    assert_eq!(replicas(&world, "shop").await, 3);
    // Questions while one types are not written down as deeds.
    let audit = visitor.get("/audit").await.body;
    assert!(!audit.contains("/check"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_service_is_created_and_launched() {
    let world = World::new().await;
    let mut visitor = Visitor::signed_in(&world).await;
    assert!(visitor.get("/").await.body.contains("href=\"/new/service\""));
    let page = visitor.get("/new/service").await;
    let unchanged = text(&page);
    assert!(page.body.contains("<code>service.hosts</code>"), "{}", page.body);
    let created = press(&mut visitor, "/new/service", &page, &unchanged).await;
    assert_eq!(created.location(), "/services/shop/launch");
    let again = press(&mut visitor, "/new/service", &page, &unchanged).await;
    assert_eq!(again.location(), "/services/shop/launch", "pressed twice");
    let other = unchanged.replace("replicas = 2", "replicas = 9");
    let taken = press(&mut visitor, "/new/service", &page, &other).await;
    assert_eq!(taken.status, 422);
    assert!(taken.body.contains("There is a service shop already"), "{}", taken.body);

    let page = visitor.get("/services/shop/launch").await;
    assert!(page.flash().unwrap().contains("launch its first one"));
    assert!(text(&visitor.get("/new/service").await).contains("name = \"shop-2\""));
    let key = page.field("key").to_owned();
    let fields = [("form_secret", page.field("form_secret")), ("key", &key), ("image", ":1.0")];
    for _ in 0..2 {
        let launched = visitor.post("/services/shop/launch", &fields).await;
        assert_eq!(launched.location(), "/services/shop", "{}", launched.body);
        assert!(visitor.get("/services/shop").await.flash().unwrap().starts_with("v1 is being"));
    }
    let (_, all) = world.app.control.environments(&name("shop"), true).await.unwrap();
    assert_eq!(all.len(), 1, "pressed twice, it launches one");
    world.reaches(&name("shop"), VersionNumber(1), EnvironmentState::Ready).await;
    let audit = visitor.get("/audit?service=shop").await.body;
    assert!(audit.contains("POST /services/shop/launch") && audit.contains("v1"), "{audit}");

    let fields = [("form_secret", page.field("form_secret")), ("key", "2"), ("image", "<i>")];
    let refused = visitor.post("/services/shop/launch", &fields).await;
    assert!(refused.status.is_client_error(), "{}", refused.body);
    assert!(refused.body.contains("value=\"&#60;i&#62;\"") && !refused.body.contains("<i>\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_changed_by_deployers_and_shown_to_viewers() {
    let world = World::new().await;
    world.service("shop", "").await;
    world.service("mail", "").await;
    let shop =
        |role| Roles { role: Role::None, services: [(name("shop"), role)].into_iter().collect() };
    let mut viewer = Visitor::person(&world, "vera", shop(Role::Viewer)).await;
    let page = viewer.get(PATH).await;
    assert!(page.body.contains("shop.example.com") && !page.body.contains("<textarea"));
    let body = viewer.get("/services/shop").await.body;
    assert!(body.contains(PATH) && !body.contains("/services/shop/launch"), "{body}");
    for path in ["/services/shop/launch", "/new/service"] {
        assert_eq!(viewer.get(path).await.status, 403, "{path}");
    }
    assert_eq!(viewer.get("/services/mail/settings").await.status, 404);
    assert_eq!(viewer.post(PATH, &[("text", "x")]).await.status, 403);

    let mut deployer = Visitor::person(&world, "dana", shop(Role::Deployer)).await;
    assert!(deployer.get(PATH).await.body.contains("<textarea"));
    assert_eq!(deployer.get("/services/shop/launch").await.status, 200);
    assert_eq!(deployer.get("/new/service").await.status, 403);
    assert!(!deployer.get("/").await.body.contains("/new/service"));
    let page = deployer.get(PATH).await;
    let foreign = [("form_secret", "0"), ("text", "x")];
    assert_eq!(deployer.post(PATH, &foreign).await.status, 403);
    let elsewhere = [("sec-fetch-site", "cross-site")];
    let fields = [("form_secret", page.field("form_secret")), ("text", "x")];
    assert_eq!(deployer.post_from(PATH, &fields, &elsewhere).await.status, 403);
}
