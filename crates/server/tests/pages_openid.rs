//! Signing in by a provider of OpenID Connect: a real one, `oidc-provider`, which node runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
mod pages_support;
#[path = "pages_openid/provider.rs"]
mod provider;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{StatusCode, header};
use jiff::SignedDuration;
use launcher_browser::Browsers;
use launcher_model::PersonName;
use launcher_model::role::{Role, Roles};
use launcher_openid::{CLAIM, GROUPS, OpenId, Settings};
use launcher_store::{AuditFilter, NewPerson, NewToken, Outcome, Person, PersonChange, Way};
use pages_support::{Answer, Visitor, World, eventually};
use provider::{CLIENT, Does, Guest, Provider};
use serde_json::json;
use thirtyfour::prelude::*;

const URL: &str = "http://launcher.test";
const CALLBACK: &str = "/login/openid/callback";
const AGAIN: &str = "was not begun in this browser, is over already";

fn settings(issuer: &str, url: &str) -> Settings {
    Settings {
        issuer: issuer.to_owned(),
        client_id: CLIENT.0.to_owned(),
        client_secret: Some(CLIENT.1.into()),
        authority: None,
        name: "Example & Co".to_owned(),
        scopes: vec!["groups".to_owned()],
        claim: CLAIM.to_owned(),
        groups_claim: GROUPS.to_owned(),
        roles: BTreeMap::new(),
        add_people: false,
        url: url.parse().unwrap(),
    }
}

/// A server where people sign in by this provider.
async fn world(settings: Settings) -> World {
    let mut world = World::without_edge().await;
    world.app.openid = Some(Arc::new(OpenId::new(settings).unwrap()));
    world.router = launcher_server::router(&world.app);
    world
}

fn by_groups(settings: &mut Settings) {
    let roles = [("ops", Role::Admin), ("dev", Role::Deployer), ("all", Role::Viewer)];
    settings.roles = roles.map(|(group, role)| (group.to_owned(), role)).into();
}

fn name(text: &str) -> PersonName {
    PersonName::new(text).unwrap()
}

async fn add(world: &World, text: &str, role: Role) {
    let roles = Roles::everywhere(role);
    let new = NewPerson { name: name(text), display_name: None, roles };
    world.app.store.add_person(new, "test", world.app.now()).await.unwrap();
}

async fn person(world: &World, text: &str) -> Person {
    world.app.store.person(&name(text)).await.unwrap().unwrap()
}

/// Presses the button: the address at the provider.
async fn pressed(visitor: &mut Visitor<'_>, door: &str) -> String {
    let page = visitor.get(door).await;
    assert!(page.body.contains("Sign in with Example &#38; Co"), "{}", page.body);
    let (_, rest) = page.body.split_once(&format!("class=\"go\" href=\"{URL}")).unwrap();
    let path = rest.split('"').next().unwrap();
    visitor.get(path).await.location().to_owned()
}

/// Signs in by the provider as somebody whom it does not remember.
async fn signs_in(visitor: &mut Visitor<'_>, who: &str) -> Answer {
    let address = visitor.get("/login/openid").await.location().to_owned();
    let back = Guest::new().goes(&address, Does::SignsIn(who)).await;
    visitor.get(&back).await
}

fn refused(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    let (_, alert) = answer.body.split_once("role=\"alert\">").expect(&answer.body);
    let alert = alert.split('<').next().unwrap();
    assert!(alert.contains(says), "{alert}");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_for_the_first_time_and_again() {
    let provider = Provider::start(&format!("{URL}{CALLBACK}"));
    provider.knows(&json!({ "u1": { "preferred_username": "Lena" } }));
    let world = world(settings(&provider.issuer, URL)).await;
    world.service("shop", "").await;
    add(&world, "lena", Role::Viewer).await;
    let mut visitor = Visitor::stranger(&world);
    let address = pressed(&mut visitor, "/login?next=/services/shop").await;
    let mut guest = Guest::new();
    let back = guest.goes(&address, Does::SignsIn("u1")).await;
    assert!(back.starts_with(&format!("{CALLBACK}?")), "{back}");
    assert_eq!(visitor.get(&back).await.location(), "/services/shop");
    let page = visitor.get("/services/shop").await;
    assert!(page.body.contains("lena"), "{}", page.body);
    let lena = person(&world, "lena").await;
    let subject = lena.openid.unwrap();
    assert_eq!((subject.issuer, subject.subject.as_str()), (provider.issuer.clone(), "u1"));
    assert_eq!(lena.roles, Roles::everywhere(Role::Viewer), "as an administrator gave them");

    // Another name there makes nobody else of them, and the session before is over.
    provider.knows(&json!({ "u1": { "preferred_username": "lena.k" } }));
    let before = visitor.cookie("launcher_session").to_owned();
    let address = visitor.get("/login/openid").await.location().to_owned();
    let back = guest.goes(&address, Does::SignsIn("nobody")).await;
    assert_eq!(visitor.get(&back).await.location(), "/");
    assert_ne!(visitor.cookie("launcher_session"), before);
    let mut thief = Visitor::stranger(&world);
    thief.set_cookie("launcher_session", &before);
    assert_eq!(thief.get("/").await.location(), "/login");

    let filter = AuditFilter { limit: 10, ..AuditFilter::default() };
    let audited = world.app.store.audited(&filter).await.unwrap();
    assert_eq!(audited.len(), 2, "{audited:?}");
    for entry in audited {
        let call = entry.call;
        assert_eq!((call.who.as_deref(), call.way), (Some("lena"), Way::OpenId));
        assert_eq!((call.path.as_str(), call.outcome), (CALLBACK, Outcome::Done));
        assert!(call.session.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_somebodys_name_at_the_provider_is_not_them() {
    let provider = Provider::start(&format!("{URL}{CALLBACK}"));
    let lena = json!({ "preferred_username": "lena" });
    provider.knows(
        &json!({ "u1": lena, "u2": lena, "u3": { "preferred_username": "Le Na" }, "u4": {} }),
    );
    let world = world(settings(&provider.issuer, URL)).await;
    let mut visitor = Visitor::stranger(&world);
    refused(&signs_in(&mut visitor, "u1").await, 403, "launcher person add lena");
    refused(&signs_in(&mut visitor, "u3").await, 403, "calls you Le Na");
    refused(&signs_in(&mut visitor, "u4").await, 403, "there is no preferred_username");
    add(&world, "lena", Role::Viewer).await;
    assert_eq!(signs_in(&mut visitor, "u1").await.location(), "/");

    let mut other = Visitor::stranger(&world);
    refused(&signs_in(&mut other, "u2").await, 403, "launcher person set lena --forget-openid");
    assert_eq!(other.get("/").await.location(), "/login");
    let filter = AuditFilter { limit: 1, ..AuditFilter::default() };
    let call = world.app.store.audited(&filter).await.unwrap().remove(0).call;
    assert_eq!((call.who.as_deref(), call.way), (Some("lena"), Way::OpenId));
    assert_eq!((call.status, call.outcome), (403, Outcome::Refused));

    let forget = PersonChange { forget_openid: true, ..PersonChange::default() };
    world.app.store.change_person(&name("lena"), forget, "admin", world.app.now()).await.unwrap();
    assert_eq!(visitor.get("/").await.location(), "/login", "the sessions of the one before end");
    assert_eq!(signs_in(&mut other, "u2").await.location(), "/");
    refused(&signs_in(&mut visitor, "u1").await, 403, "lena is somebody else");

    let disable = PersonChange { disabled: Some(true), ..PersonChange::default() };
    world.app.store.change_person(&name("lena"), disable, "admin", world.app.now()).await.unwrap();
    refused(&signs_in(&mut other, "u2").await, 403, "lena may not sign in here");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_say_who_comes_in_and_what_they_may() {
    let provider = Provider::start(&format!("{URL}{CALLBACK}"));
    let groups = |groups: &[&str]| {
        let anna = json!({ "preferred_username": "anna", "name": "Anna B.", "groups": groups });
        let ci = json!({ "preferred_username": "ci", "groups": groups });
        provider.knows(&json!({ "u1": anna, "u2": ci }));
    };
    let mut settings = settings(&provider.issuer, URL);
    by_groups(&mut settings);
    settings.add_people = true;
    let world = world(settings).await;
    let mut visitor = Visitor::stranger(&world);
    groups(&["others"]);
    refused(&signs_in(&mut visitor, "u1").await, 403, "None of your groups at Example");
    assert!(world.app.store.people().await.unwrap().is_empty());

    groups(&["all", "dev"]);
    assert_eq!(signs_in(&mut visitor, "u1").await.location(), "/");
    let anna = person(&world, "anna").await;
    assert_eq!(
        (&anna.roles.role, anna.display_name.as_deref()),
        (&Role::Deployer, Some("Anna B."))
    );
    assert_eq!(anna.created_by, "openid");

    // What an administrator gave on a service stays; what groups give is as they are.
    let services = [(world.service("shop", "").await, Role::Admin)].into();
    let roles = Some(Roles { role: Role::Deployer, services });
    let change = PersonChange { roles, ..PersonChange::default() };
    world.app.store.change_person(&name("anna"), change, "admin", world.app.now()).await.unwrap();
    groups(&["ops"]);
    assert_eq!(signs_in(&mut visitor, "u1").await.location(), "/");
    assert_eq!(person(&world, "anna").await.roles.in_words(), "admin; admin on shop");

    groups(&["all"]);
    refused(&signs_in(&mut visitor, "u1").await, 403, "anna is the last administrator here");
    assert_eq!(person(&world, "anna").await.roles.role, Role::Admin);
    add(&world, "ben", Role::Admin).await;
    assert_eq!(signs_in(&mut visitor, "u1").await.location(), "/");
    assert_eq!(person(&world, "anna").await.roles.in_words(), "viewer; admin on shop");

    groups(&[]);
    refused(&signs_in(&mut visitor, "u1").await, 403, "None of your groups");
    groups(&["all"]);
    let roles = Roles::everywhere(Role::Deployer);
    let token = NewToken { name: "ci".to_owned(), hash: [7; 32], roles };
    world.app.store.create_token(token, "test", world.app.now()).await.unwrap();
    refused(&signs_in(&mut visitor, "u2").await, 403, "There is a token called ci already");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_back_is_gone_once_in_the_browser_that_began_it() {
    let provider = Provider::start(&format!("{URL}{CALLBACK}"));
    provider.knows(&json!({ "u1": { "preferred_username": "lena" } }));
    let world = world(settings(&provider.issuer, URL)).await;
    add(&world, "lena", Role::Viewer).await;
    let mut visitor = Visitor::stranger(&world);
    let address = pressed(&mut visitor, "/login").await;
    let back = Guest::new().goes(&address, Does::SignsIn("u1")).await;

    // A link to somebody else's way back signs nobody in, and does not disturb what they have begun.
    let mut other = Visitor::stranger(&world);
    refused(&other.get(&back).await, 400, AGAIN);
    let own = pressed(&mut other, "/login").await;
    refused(&other.get(&back).await, 400, AGAIN);
    let own = Guest::new().goes(&own, Does::SignsIn("u1")).await;
    assert_eq!(other.get(&own).await.location(), "/");

    let kept = visitor.cookie("launcher_openid").to_owned();
    for changed in [format!("{kept}services/shop"), kept.replace('.', ""), kept[1..].to_owned()] {
        visitor.set_cookie("launcher_openid", &changed);
        refused(&visitor.get(&back).await, 400, AGAIN);
    }
    visitor.set_cookie("launcher_openid", &kept);
    let with = |from: &str, to: &str| {
        assert!(back.contains(from), "{back}");
        back.replacen(from, to, 1)
    };
    for changed in [with("state=", "state=x"), with("state=", "other="), with("iss=", "iss=x")] {
        let answer = visitor.get(&changed).await;
        refused(&answer, 400, AGAIN);
        visitor.set_cookie("launcher_openid", &kept);
    }
    assert_eq!(visitor.get(&back).await.location(), "/");
    refused(&visitor.get(&back).await, 400, AGAIN);
    // Whoever has kept the cookie too is told no by the provider: a code is good for once.
    let mut thief = Visitor::stranger(&world);
    for _ in 0..10 {
        thief.set_cookie("launcher_openid", &kept);
        refused(&thief.get(&back).await, 401, "it was used, or took too long");
    }
    thief.set_cookie("launcher_openid", &kept);
    refused(&thief.get(&back).await, 429, "Too many failed attempts");
    assert_eq!(thief.get("/").await.location(), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_ends_within_ten_minutes_and_at_pages_of_ours() {
    let provider = Provider::start(&format!("{URL}{CALLBACK}"));
    provider.knows(&json!({ "u1": { "preferred_username": "lena" } }));
    let world = world(settings(&provider.issuer, URL)).await;
    add(&world, "lena", Role::Viewer).await;
    let mut visitor = Visitor::stranger(&world);
    world.set_back(SignedDuration::from_mins(11));
    let address = pressed(&mut visitor, "/login").await;
    world.set_back(SignedDuration::ZERO);
    let back = Guest::new().goes(&address, Does::SignsIn("u1")).await;
    refused(&visitor.get(&back).await, 400, "took more than ten minutes");

    for foreign in
        ["//evil.example.com", "https://evil.example.com", "/%5Cevil", "/a%0d%0aSet-Cookie:a"]
    {
        let mut visitor = Visitor::stranger(&world);
        let page = visitor.get(&format!("/login?next={foreign}")).await;
        assert!(page.body.contains(&format!("href=\"{URL}/login/openid\"")), "{}", page.body);
        let answer = visitor.get(&format!("/login/openid?next={foreign}")).await;
        let back = Guest::new().goes(answer.location(), Does::SignsIn("u1")).await;
        assert_eq!(visitor.get(&back).await.location(), "/", "{foreign}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_says_no_to_is_a_sentence() {
    let provider = Provider::start(&format!("{URL}{CALLBACK}"));
    let world = world(settings(&provider.issuer, URL)).await;
    let mut visitor = Visitor::stranger(&world);
    let address = pressed(&mut visitor, "/login").await;
    let back = Guest::new().goes(&address, Does::Cancels).await;
    assert!(back.contains("error=access_denied"), "{back}");
    refused(&visitor.get(&back).await, 403, "you did not let it tell who you are");

    let address = pressed(&mut visitor, "/login").await;
    let (_, state) = address.split_once("state=").unwrap();
    let state = state.split('&').next().unwrap();
    let odd = format!("{CALLBACK}?state={state}&error=odd&error_description=%3Cb%3E%07why");
    refused(&visitor.get(&odd).await, 403, "did not sign you in: odd (&#60;b&#62;why).");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_keeps_nobody_else_out() {
    let provider = Provider::start(&format!("{URL}{CALLBACK}"));
    provider.knows(&json!({ "u1": { "preferred_username": "lena" } }));
    let world = world(settings(&provider.issuer, URL)).await;
    add(&world, "lena", Role::Viewer).await;
    let mut visitor = Visitor::stranger(&world);
    let address = pressed(&mut visitor, "/login").await;
    let back = Guest::new().goes(&address, Does::SignsIn("u1")).await;
    drop(provider);
    // More often than anybody may fail: this is no guess.
    let kept = visitor.cookie("launcher_openid").to_owned();
    for _ in 0..11 {
        visitor.set_cookie("launcher_openid", &kept);
        refused(&visitor.get(&back).await, 502, "does not answer as it should");
    }
    assert_eq!(Visitor::signed_in(&world).await.get("/").await.status, StatusCode::OK);

    let nobody = self::world(settings("http://127.0.0.1:1", URL)).await;
    let mut visitor = Visitor::stranger(&nobody);
    refused(&visitor.get("/login/openid?next=/hosts").await, 502, "does not answer as it should");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_pages_are_served_over_tls_the_cookie_is_too() {
    let provider = Provider::start("https://launcher.test/login/openid/callback");
    let world = world(settings(&provider.issuer, "https://launcher.test")).await;
    let answer = Visitor::stranger(&world).get("/login/openid").await;
    let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-launcher_openid="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"), "{cookie}");

    let without = World::without_edge().await;
    let mut visitor = Visitor::stranger(&without);
    assert!(!visitor.get("/login").await.body.contains("Sign in with"));
    for path in ["/login/openid", CALLBACK] {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(answer.body.contains("config.toml has no [openid]"), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_browser_a_browser_goes_to_the_provider_and_comes_back() {
    let mut world = World::without_edge().await;
    world.service("shop", "").await;
    add(&world, "lena", Role::Deployer).await;
    let (listener, url) = World::bind().await;
    let provider = Provider::start(&format!("{url}{CALLBACK}"));
    provider.knows(&json!({ "u1": { "preferred_username": "lena" } }));
    // To a browser that is another site: these pages are at 127.0.0.1, the provider is at localhost.
    world.app.openid = Some(Arc::new(OpenId::new(settings(&provider.issuer, &url)).unwrap()));
    world.serve(listener);

    let browsers = Browsers::start();
    for javascript in [true, false] {
        let browser = browsers.open(javascript).await;
        browser.goto(format!("{url}/services/shop")).await.unwrap();
        browser.find(By::Css("a.go")).await.unwrap().click().await.unwrap();
        let login = browser.query(By::Name("login")).first().await.unwrap();
        login.send_keys("u1").await.unwrap();
        browser.find(By::Name("password")).await.unwrap().send_keys("any").await.unwrap();
        browser.find(By::Css("button[type=submit]")).await.unwrap().click().await.unwrap();
        browser
            .query(By::XPath("//button[text()='Continue']"))
            .first()
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
        eventually("the browser is back where it wanted to go", async || {
            let now = browser.current_url().await.unwrap();
            now.as_str() == format!("{url}/services/shop")
        })
        .await;
        let page = browser.source().await.unwrap();
        assert!(page.contains("lena"), "{page}");
        browser.quit().await.unwrap();
    }
}
