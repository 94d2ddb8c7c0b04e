//! What the pages show to whom.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use launcher_model::role::{Role, Roles};
use launcher_model::{ServiceName, VersionNumber};
use pages_support::{Visitor, World};

/// `shop` has a version that is live and one that is ready; so has `mail`.
async fn two_services(world: &World) {
    for name in ["shop", "mail"] {
        let service = world.service(name, "").await;
        world.ready(&service, "1.0").await;
        world.deploy(&service, VersionNumber(1)).await;
        world.ready(&service, "1.1").await;
    }
}

fn roles(role: Role, on: &[(&str, Role)]) -> Roles {
    let services = on.iter().map(|(name, role)| (ServiceName::new(*name).unwrap(), *role));
    Roles { role, services: services.collect() }
}

/// Pages that show a button which changes something, beside the one that signs out.
async fn with_buttons(visitor: &mut Visitor<'_>, pages: &[&'static str]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for page in pages {
        let answer = visitor.get(page).await;
        assert_eq!(answer.status, 200, "{page}: {}", answer.body);
        if answer.body.contains("method=\"post\" action=\"/services/") {
            found.push(*page);
        }
    }
    found
}

const PAGES: [&str; 7] = [
    "/",
    "/services/shop",
    "/services/mail",
    "/services/shop/versions/2",
    "/services/mail/versions/2",
    "/services/shop/versions/2/deploy",
    "/services/mail/versions/2/deploy",
];

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_has_no_buttons() {
    let world = World::new().await;
    two_services(&world).await;
    let mut viewer = Visitor::person(&world, "vera", roles(Role::Viewer, &[])).await;
    assert_eq!(with_buttons(&mut viewer, &PAGES).await, [""; 0]);
    let mut deployer = Visitor::person(&world, "dana", roles(Role::Deployer, &[])).await;
    assert_eq!(with_buttons(&mut deployer, &PAGES).await, PAGES);
    let mut both = roles(Role::Viewer, &[("shop", Role::Deployer)]);
    let mut of_shop = Visitor::person(&world, "sam", both.clone()).await;
    let shop =
        ["/", "/services/shop", "/services/shop/versions/2", "/services/shop/versions/2/deploy"];
    assert_eq!(with_buttons(&mut of_shop, &PAGES).await, shop);
    let home = of_shop.get("/").await.body;
    let presses = home.matches("class=\"asks\">Deploy v2<").count();
    assert!(presses == 1 && home.contains("Deploy v2 of shop"), "{home}");
    // What the page does not show is not done either.
    both.role = Role::None;
    let mut other = Visitor::person(&world, "olga", both).await;
    let page = other.get("/services/shop").await;
    let fields =
        [("form_secret", page.field("form_secret")), ("version", "2"), ("generation", "1")];
    assert_eq!(other.post("/services/mail/deploy", &fields).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_may_not_see_is_on_no_page() {
    let world = World::new().await;
    two_services(&world).await;
    let own = roles(Role::None, &[("shop", Role::Viewer)]);
    let mut visitor = Visitor::person(&world, "sam", own).await;
    for page in ["/", "/builds", "/deployments", "/events"] {
        let body = visitor.get(page).await.body;
        assert!(!body.contains("mail"), "{page}: {body}");
        assert!(!body.contains("href=\"/hosts\""), "{page}: {body}");
    }
    for page in [
        "/services/mail",
        "/services/mail/versions/1",
        "/services/mail/versions/2/deploy",
        "/services/mail/deployments/2",
        "/services/shop/deployments/2",
        "/events?service=mail",
    ] {
        assert_eq!(visitor.get(page).await.status, 404, "{page}");
    }
    for page in ["/hosts", "/edges"] {
        assert_eq!(visitor.get(page).await.status, 403, "{page}");
    }
    assert_eq!(visitor.get("/jump?to=mail").await.location(), "/?filter=mail");
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_who_comes_in_and_what_they_did() {
    let world = World::new().await;
    two_services(&world).await;
    let mut viewer = Visitor::person(&world, "vera", roles(Role::Viewer, &[])).await;
    let refused = viewer.post("/services/shop/deploy", &[("version", "2")]).await;
    assert_eq!(refused.status, 403);
    for page in ["/people", "/audit"] {
        assert_eq!(viewer.get(page).await.status, 403, "{page}");
    }
    assert!(!viewer.get("/").await.body.contains("href=\"/audit\""));

    let mut admin = Visitor::signed_in(&world).await;
    let people = admin.get("/people").await.body;
    for shown in ["vera", "viewer", "has no password yet", "mika", "Tokens, for programs"] {
        assert!(people.contains(shown), "{shown} in {people}");
    }
    let audit = admin.get("/audit").await.body;
    for shown in ["<b>vera</b>", "POST /services/shop/deploy", "refused", "shop", "/login"] {
        assert!(audit.contains(shown), "{shown} in {audit}");
    }
    let of_mail = admin.get("/audit?service=mail").await.body;
    assert!(!of_mail.contains("/services/shop/deploy"), "{of_mail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_ended_by_whose_it_is_or_by_an_administrator() {
    let world = World::new().await;
    let mut vera = Visitor::person(&world, "vera", roles(Role::Viewer, &[])).await;
    let mut other = Visitor::person(&world, "olga", roles(Role::Viewer, &[])).await;
    let mut admin = Visitor::signed_in(&world).await;
    let page = vera.get("/sessions").await;
    assert!(page.body.contains("this one") && !page.body.contains("olga"), "{}", page.body);
    let all = admin.get("/sessions").await;
    let end = |name: &str| {
        let (before, _) = all.body.split_once(&format!("<th scope=\"row\">{name}")).unwrap();
        let (_, id) = before.rsplit_once("id=\"session-").unwrap();
        format!("/sessions/{}/end", id.split('"').next().unwrap())
    };
    let path = end("vera");
    let stolen = [("form_secret", all.field("form_secret"))];
    assert_eq!(other.post(&path, &stolen).await.status, 403, "the form is of another session");
    let page = vera.get("/sessions").await;
    assert_eq!(
        vera.post(&end("olga"), &[("form_secret", page.field("form_secret"))]).await.location(),
        "/sessions"
    );
    assert!(vera.get("/sessions").await.flash().unwrap().contains("none of yours"));
    assert_eq!(other.get("/").await.status, 200);

    assert_eq!(admin.post(&path, &stolen).await.location(), "/sessions");
    assert_eq!(admin.get("/sessions").await.flash().unwrap(), "That session is over.");
    assert!(vera.get("/").await.location().starts_with("/login"));
}
