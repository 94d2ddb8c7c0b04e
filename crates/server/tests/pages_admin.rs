//! People, tokens, secrets, notifications and the server itself, from the pages.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use launcher_model::role::{Role, Roles};
use launcher_model::{PersonName, ServiceName};
use launcher_notify::{Config, Place, Rule, To, Webhook, WebhookKind};
use launcher_store::Person;
use pages_support::{Answer, Visitor, World, eventually};

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

async fn person(world: &World, name: &str) -> Option<Person> {
    world.app.store.person(&PersonName::new(name).unwrap()).await.unwrap()
}

/// What is shown once.
fn once(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("id=\"once\">").expect("something is shown once");
    rest.split('<').next().unwrap().replace("&#47;", "/")
}

fn fields<'a>(page: &'a Answer, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let (_, form) = page.body.split_once("<main").unwrap();
    let (_, rest) = form.split_once("name=\"form_secret\" value=\"").unwrap();
    let own = ("form_secret", rest.split('"').next().unwrap());
    [own].into_iter().chain(more.iter().copied()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_added_comes_in_by_the_link_and_is_changed_and_removed() {
    let world = World::new().await;
    world.service("shop", "").await;
    let mut admin = Visitor::signed_in(&world).await;
    let page = admin.get("/new/person").await;
    let said = [
        ("name", "Anna"),
        ("display_name", "<b>Anna</b>"),
        ("role", "viewer"),
        ("service1", "shop"),
        ("role1", "deployer"),
        ("service2", ""),
        ("role2", "viewer"),
    ];
    let from = [("sec-fetch-site", "same-origin"), ("origin", "https://launcher.test")];
    let shown = admin.post_from("/new/person", &fields(&page, &said), &from).await;
    assert_eq!(shown.status, 201, "{}", shown.body);
    let link = once(&shown);
    let path = link.strip_prefix("https://launcher.test").expect(&link).to_owned();
    assert_eq!(person(&world, "anna").await.unwrap().roles.in_words(), "viewer; deployer on shop");
    let again = admin.post("/new/person", &fields(&page, &said)).await;
    assert_eq!(again.status, 409, "pressed twice");
    assert!(again.body.contains("value=\"Anna\"") && again.body.contains("&#60;b&#62;Anna"));

    let mut anna = Visitor::stranger(&world);
    let password = "correct horse battery";
    let entering = anna.post(&path, &[("password", password), ("again", password)]).await;
    assert_eq!(entering.location(), "/");
    let people = admin.get("/people").await.body;
    assert!(people.contains("href=\"/people/anna\"") && !people.contains("<b>Anna"), "{people}");
    for (path, link) in [("/people/anna", true), ("/people/mika", false), ("/people", false)] {
        assert_eq!(anna.get(path).await.status == 200, link, "{path}");
    }

    // What is not chosen any more is taken away.
    let page = admin.get("/people/anna").await;
    assert!(page.body.contains("name=\"on:shop\""), "{}", page.body);
    let said = [("role", "none"), ("on:shop", "viewer"), ("display_name", "Anna")];
    assert_eq!(admin.post("/people/anna", &fields(&page, &said)).await.location(), "/people/anna");
    assert_eq!(
        admin.get("/people/anna").await.flash().unwrap(),
        "anna may sign in, as viewer on shop."
    );
    let wrong = [("role", "none"), ("service1", "no/service"), ("role1", "viewer")];
    let refused = admin.post("/people/anna", &fields(&page, &wrong)).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let said = [("role", "none"), ("on:shop", "viewer"), ("disabled", "yes")];
    admin.post("/people/anna", &fields(&page, &said)).await.location();
    assert!(anna.get("/").await.location().starts_with("/login"), "signed out at once");

    let said = [("role", "viewer")];
    admin.post("/people/anna", &fields(&page, &said)).await.location();
    let link = once(&admin.post("/people/anna/link", &fields(&page, &[])).await);
    assert!(link.starts_with("/login/"), "{link}");
    for told in ["anna is removed, and signed out everywhere.", "There is nobody called anna"] {
        assert_eq!(
            admin.post("/people/anna/remove", &fields(&page, &[])).await.location(),
            "/people"
        );
        assert!(admin.get("/people").await.flash().unwrap().starts_with(told), "{told}");
    }
    assert!(person(&world, "anna").await.is_none());
    let audit = admin.get("/audit").await.body;
    for done in ["POST /new/person", "POST /people/anna/link", "POST /people/anna/remove"] {
        assert!(audit.contains(done), "{done} in {audit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays_one() {
    let world = World::new().await;
    let _: Visitor<'_> = Visitor::person(&world, "ada", Roles::everywhere(Role::Admin)).await;
    let _: Visitor<'_> = Visitor::person(&world, "vera", Roles::everywhere(Role::Viewer)).await;
    let ada = PersonName::new("ada").unwrap();
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".into();
    world.app.store.set_password(&ada, &hash, "test", world.app.now()).await.unwrap();
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/people/ada").await;
    let refused = visitor.post("/people/ada", &fields(&page, &[("role", "viewer")])).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("role=\"alert\""), "{}", refused.body);
    assert_eq!(person(&world, "ada").await.unwrap().roles.role, Role::Admin);
    visitor.post("/people/ada/remove", &fields(&page, &[])).await.location();
    assert!(person(&world, "ada").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changes_ones_own_password_and_nobody_elses() {
    let world = World::new().await;
    let mut admin = Visitor::signed_in(&world).await;
    let page = admin.get("/new/person").await;
    let said = [("name", "sam"), ("role", "viewer")];
    let link = once(&admin.post("/new/person", &fields(&page, &said)).await);
    let (old, new) = ("the one before it", "the one after it");
    let mut sam = Visitor::stranger(&world);
    assert_eq!(sam.post(&link, &[("password", old), ("again", old)]).await.location(), "/");
    let mut elsewhere = Visitor::stranger(&world);
    let by_password = [("name", "sam"), ("password", old)];
    assert_eq!(elsewhere.post("/login", &by_password).await.location(), "/");

    assert!(sam.get("/sessions").await.body.contains("href=\"/people/sam\""));
    let page = sam.get("/people/sam").await;
    assert!(!page.body.contains("name=\"role\"") && !page.body.contains("/people/sam/remove"));
    let path = "/people/sam/password";
    for (said, told) in [
        (
            [("current", "wrong wrong wrong"), ("password", new), ("again", new)],
            "not the password so far",
        ),
        ([("current", old), ("password", new), ("again", old)], "not the same"),
        ([("current", old), ("password", "short"), ("again", "short")], "12 to 256"),
    ] {
        let refused = sam.post(path, &fields(&page, &said)).await;
        assert!(
            refused.status.is_client_error() && refused.body.contains(told),
            "{}",
            refused.body
        );
    }
    let said = [("current", old), ("password", new), ("again", new)];
    assert_eq!(sam.post(path, &fields(&page, &said)).await.location(), "/people/sam");
    let page = sam.get("/people/sam").await;
    assert!(page.flash().unwrap().starts_with("Your password is changed"));
    assert!(elsewhere.get("/").await.location().starts_with("/login"));
    let page = admin.get("/people/sam").await;
    assert_eq!(admin.post(path, &fields(&page, &said)).await.status, 403);
    assert_eq!(
        elsewhere.post("/login", &[("name", "sam"), ("password", new)]).await.location(),
        "/"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_and_revoked() {
    let world = World::new().await;
    let mut admin = Visitor::signed_in(&world).await;
    let page = admin.get("/new/token").await;
    let said = [("name", "ci/<b>"), ("role", "none"), ("service1", "shop"), ("role1", "deployer")];
    let shown = admin.post("/new/token", &fields(&page, &said)).await;
    assert_eq!(shown.status, 201, "{}", shown.body);
    let text = once(&shown);
    assert!(text.starts_with("rl_") && !shown.body.contains("ci/<b>"), "{}", shown.body);
    let again = admin.post("/new/token", &fields(&page, &said)).await;
    assert_eq!(again.status, 409);
    let said = [("name", "x"), ("role", "agent"), ("service1", "shop"), ("role1", "viewer")];
    assert_eq!(admin.post("/new/token", &fields(&page, &said)).await.status, 422);

    let people = admin.get("/people").await;
    assert!(people.body.contains("deployer on shop") && !people.body.contains(&text));
    let path = "/tokens/ci%2F%3Cb%3E/revoke";
    assert!(people.body.contains(&format!("action=\"{path}\"")), "{}", people.body);
    assert_eq!(admin.post(path, &fields(&people, &[])).await.location(), "/people");
    let people = admin.get("/people").await;
    assert_eq!(people.flash().unwrap(), "The token ci/&#60;b&#62; is not valid any more.");
    assert!(!people.body.contains(path));
    admin.post(path, &fields(&people, &[])).await.location();
    assert!(
        admin.get("/people").await.flash().unwrap().contains("no valid token"),
        "pressed twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_set_and_never_shown() {
    let world = World::new().await;
    world.service("shop", "[secrets]\nDATABASE_URL = \"shop/database-url\"\n").await;
    let mut admin = Visitor::signed_in(&world).await;
    let settings = admin.get("/services/shop/settings").await.body;
    let path = "/secrets/shop%2Fdatabase%2Durl";
    assert!(settings.contains("not set") && settings.contains(path), "{settings}");
    assert_eq!(admin.get("/new/secret?name=shop/database-url").await.location(), path);
    assert_eq!(admin.get("/new/secret?name=No").await.location(), "/secrets");
    assert!(admin.get("/secrets").await.flash().unwrap().contains("is not a secret"));

    let page = admin.get(&format!("{path}?service=shop")).await;
    let value = "postgres://hunter2\r\nline";
    let said = [("value", value), ("back", "shop")];
    let set = admin.post(path, &fields(&page, &said)).await;
    assert_eq!(set.location(), "/services/shop/settings");
    let secret = world.app.store.secrets().await.unwrap().remove(0).newest;
    let names = [secret.name.clone()];
    assert_eq!(world.app.store.newest_secrets(&names).await.unwrap().len(), 1);
    let pages =
        ["/services/shop/settings", "/secrets", path, "/audit", "/events", "/services/shop"];
    for page in pages {
        let body = admin.get(page).await.body;
        assert!(!body.contains("hunter2"), "{page}: {body}");
    }
    let secrets = admin.get("/secrets").await.body;
    assert!(secrets.contains("by mika") && secrets.contains("DATABASE_URL"), "{secrets}");
    let empty = admin.post(path, &fields(&page, &[("value", "")])).await;
    assert_eq!(empty.location(), path);
    assert!(admin.get(path).await.flash().unwrap().contains("1 to"));

    let unset = format!("{path}/unset");
    for told in ["is not set any more", "no secret"] {
        assert_eq!(admin.post(&unset, &fields(&page, &[])).await.location(), "/secrets");
        let body = admin.get("/secrets").await;
        assert!(body.flash().unwrap().contains(told), "{told}: {:?}", body.flash());
    }
    let audit = admin.get("/audit").await.body;
    assert!(audit.contains("POST /secrets/shop/database-url"), "{audit}");

    let mut viewer = Visitor::person(&world, "vera", Roles::everywhere(Role::Viewer)).await;
    let body = viewer.get("/secrets").await.body;
    assert!(body.contains("shop/database-url") && !body.contains(path), "{body}");
    assert_eq!(viewer.get(path).await.status, 403);
    let own =
        Roles { role: Role::None, services: [(name("shop"), Role::Admin)].into_iter().collect() };
    let mut own = Visitor::person(&world, "olga", own).await;
    assert_eq!(own.get("/secrets").await.status, 403);
    let body = own.get("/services/shop/settings").await.body;
    assert!(body.contains("shop/database-url") && !body.contains(path), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_administrates_is_for_administrators() {
    let world = World::new().await;
    world.service("shop", "").await;
    let mut deployer = Visitor::person(&world, "dana", Roles::everywhere(Role::Deployer)).await;
    let page = deployer.get("/services/shop").await;
    let secret = [("form_secret", page.field("form_secret")), ("role", "admin"), ("name", "x")];
    for path in ["/new/person", "/new/token", "/new/secret", "/people/mika", "/secrets/x"] {
        assert_eq!(deployer.get(path).await.status, 403, "{path}");
    }
    for path in [
        "/new/person",
        "/new/token",
        "/people/dana",
        "/people/dana/link",
        "/people/dana/remove",
        "/tokens/mika/revoke",
        "/secrets/x",
        "/secrets/x/unset",
        "/notifications/x/test",
    ] {
        assert_eq!(deployer.post(path, &secret).await.status, 403, "{path}");
    }
    for path in ["/server", "/notifications", "/secrets"] {
        let page = deployer.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.contains("Its configuration"), "{path}");
    }
    assert!(world.app.store.tokens().await.unwrap()[0].revoked_at.is_none());

    let mut admin = Visitor::signed_in(&world).await;
    let server = admin.get("/server").await.body;
    for told in
        ["Its configuration", "No file was read", "href=\"/secrets\"", "href=\"/notifications\""]
    {
        assert!(server.contains(told), "{told} in {server}");
    }
    assert!(admin.get("/notifications").await.body.contains("Nobody is told"));
    let page = admin.get("/server").await;
    let form = [("form_secret", page.field("form_secret"))];
    assert_eq!(admin.post("/notifications/nobody/test", &form).await.location(), "/notifications");
    assert!(admin.get("/notifications").await.flash().unwrap().contains("no target"));
}

fn hook(name: &str, url: String) -> Place {
    let all = |text: &str| [text.to_owned()];
    let rule = Rule::new(&all("*"), &all("all")).unwrap();
    let (kind, secret) = (WebhookKind::Signed, Some("hunter2".into()));
    let to = To::Webhook(Webhook { kind, url: url.into(), secret, allow_private: true });
    Place { name: name.to_owned(), rule, to }
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_of_notifications_are_shown_and_tried_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let takes = format!("http://{}/hook", listener.local_addr().unwrap());
    let answers = axum::Router::new().fallback(axum::routing::any(async || "taken"));
    let serving = tokio::spawn(async { axum::serve(listener, answers).await.unwrap() });
    let places = vec![hook("well", takes), hook("chat#<b>", "http://127.0.0.1:1/T0/hidden".into())];
    let told = Config { places, ..Config::default() };
    let world = World::telling(told).await;
    world.service("shop", "").await;
    let mut admin = Visitor::signed_in(&world).await;
    eventually("one is told and the other fails", async || {
        let targets = world.app.notifier.targets().await.unwrap();
        targets.iter().any(|one| one.told > 0) && targets.iter().any(|one| one.last_error.is_some())
    })
    .await;
    let page = admin.get("/notifications").await;
    for shown in ["cannot be told for", "chat#&#60;b&#62;", ">well<", "Send a test"] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    for hidden in ["hunter2", "T0/hidden", "#<b>"] {
        assert!(!page.body.contains(hidden), "{hidden} in {}", page.body);
    }
    for (path, told) in [("well", "well has the test message"), ("chat%23%3Cb%3E", "did not take")]
    {
        let path = format!("/notifications/{path}/test");
        assert!(page.body.contains(&format!("action=\"{path}\"")), "{path} in {}", page.body);
        assert_eq!(admin.post(&path, &fields(&page, &[])).await.location(), "/notifications");
        let after = admin.get("/notifications").await;
        assert!(after.flash().unwrap().contains(told), "{:?}", after.flash());
    }
    let mut viewer = Visitor::person(&world, "vera", Roles::everywhere(Role::Viewer)).await;
    assert!(!viewer.get("/notifications").await.body.contains("Send a test"));
    serving.abort();
}
