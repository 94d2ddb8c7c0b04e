//! People: added, signed in, thrown out.

use axum::body::Body;
use axum::http::{Request, header};
use launcher_model::PersonName;
use launcher_model::role::Role;
use serde_json::{Value, json};

use crate::audit::audited;
use crate::world::{Answer, World};

pub(crate) const PASSWORD: &str = "correct-horse-battery";

async fn form(world: &World, path: &str, cookie: &str, fields: &str) -> Answer {
    let request = Request::post(path)
        .header(header::HOST, "launcher.test")
        .header("sec-fetch-site", "same-origin")
        .header(header::USER_AGENT, "Firefox/150")
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    world.send(request.body(Body::from(fields.to_owned())).unwrap()).await
}

pub(crate) async fn sign_in(world: &World, name: &str, password: &str) -> Answer {
    form(world, "/login", "", &format!("name={name}&password={password}&next=")).await
}

/// The cookie that an answer sets.
pub(crate) fn cookie(answer: &Answer) -> String {
    let line = answer.header("set-cookie");
    assert!(line.starts_with("launcher_session=rl_") && line.contains("HttpOnly"), "{line}");
    line.split(';').next().unwrap().to_owned()
}

pub(crate) async fn with(
    world: &World,
    cookie: &str,
    method: &str,
    path: &str,
    body: Value,
) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::COOKIE, cookie)
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/json");
    world.send(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn add(world: &World, body: Value) -> Value {
    world.call("POST", "/api/v1/people", body).await.is(201).json()
}

pub(crate) async fn with_sam() -> World {
    let world = World::without_edge().await;
    add(&world, json!({ "name": "sam", "role": "deployer", "password": PASSWORD })).await;
    world
}

#[tokio::test]
async fn a_link_is_a_whole_address_where_the_server_knows_its_own() {
    let mut world = World::without_edge().await;
    let link = add(&world, json!({ "name": "ada", "role": "viewer" })).await["link"].clone();
    assert!(link.as_str().unwrap().starts_with("/login/rl_"), "{link}");
    world.is_reached_at("https://launcher.example.com");
    let added = add(&world, json!({ "name": "sam", "role": "viewer" })).await;
    let another = world.call("POST", "/api/v1/people/sam/password", json!({})).await.is(200).json();
    for link in [&added["link"], &another["link"]] {
        let link = link.as_str().unwrap();
        assert!(link.starts_with("https://launcher.example.com/login/rl_"), "{link}");
    }
}

#[tokio::test]
async fn a_person_sets_a_password_by_a_link_and_signs_in() {
    let world = World::without_edge().await;
    let services = json!({ "shop": "deployer" });
    let body =
        json!({ "name": "sam", "display_name": "Sam K.", "role": "none", "services": services });
    let added = add(&world, body).await;
    assert_eq!(added["person"]["services"], services);
    assert_eq!(added["person"]["password_set_at"], Value::Null);
    let link = added["link"].as_str().unwrap();

    let page = world.send(Request::get(link).body(Body::empty()).unwrap()).await.is(200).text();
    assert!(page.contains("sam") && page.contains("new-password"), "{page}");
    for (fields, why) in [
        ("password=short&again=short", "12 to 256"),
        ("password=correct-horse-battery&again=another-horse-battery", "not the same"),
    ] {
        let refused = form(&world, link, "", fields).await.is(422);
        assert!(refused.text().contains(why), "{}", refused.text());
    }
    let both = format!("password={PASSWORD}&again={PASSWORD}");
    let entered = form(&world, link, "", &both).await.is(303);
    let first = cookie(&entered);
    form(&world, link, "", &both).await.is(410);
    assert!(!world.database_has(PASSWORD), "it is kept as a hash alone");

    let you = with(&world, &first, "GET", "/api/v1/server", json!({})).await.is(200).json();
    assert_eq!(you["you"], "sam");
    let second = cookie(&sign_in(&world, "%20Sam%20", PASSWORD).await.is(303));
    assert_ne!(first, second);
    let sessions = with(&world, &second, "GET", "/api/v1/sessions", json!({})).await.is(200).json();
    let items = sessions["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{sessions}");
    assert_eq!((&items[0]["current"], &items[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!((&items[0]["name"], &items[0]["agent"]), (&json!("sam"), &json!("Firefox/150")));
    assert!(items[0]["last_seen"].is_string(), "{sessions}");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_told_apart_by_nobody() {
    let world = with_sam().await;
    add(&world, json!({ "name": "anna", "role": "viewer" })).await;
    add(&world, json!({ "name": "ben", "role": "viewer", "password": PASSWORD })).await;
    world.call("PUT", "/api/v1/people/ben", json!({ "disabled": true })).await.is(200);
    let mut pages = Vec::new();
    for (name, password) in [
        ("sam", "wrong-horse-battery"),
        ("nobody", PASSWORD),
        ("anna", PASSWORD),
        ("ben", PASSWORD),
        ("ben", ""),
    ] {
        let answer = sign_in(&world, name, password).await.is(401);
        assert_eq!(answer.header("set-cookie"), "");
        pages.push(answer.text().replace(name, "NAME"));
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:?}");
}

#[tokio::test]
async fn guessing_at_a_name_is_slowed_down() {
    let world = with_sam().await;
    for _ in 0..10 {
        sign_in(&world, "sam", "wrong-horse-battery").await.is(401);
    }
    sign_in(&world, "sam", PASSWORD).await.is(429);
}

#[tokio::test]
async fn signing_in_ends_the_session_that_the_browser_was_in() {
    let world = with_sam().await;
    let first = cookie(&sign_in(&world, "sam", PASSWORD).await.is(303));
    let fields = format!("name=sam&password={PASSWORD}");
    let second = cookie(&form(&world, "/login", &first, &fields).await.is(303));
    with(&world, &first, "GET", "/api/v1/server", json!({})).await.is(401);
    with(&world, &second, "GET", "/api/v1/server", json!({})).await.is(200);
}

#[tokio::test]
async fn a_password_or_being_disabled_ends_all_sessions_at_once() {
    let world = with_sam().await;
    let server =
        async |cookie: &str| with(&world, cookie, "GET", "/api/v1/server", json!({})).await;
    let first = cookie(&sign_in(&world, "sam", PASSWORD).await.is(303));
    let path = "/api/v1/people/sam/password";
    let newer = "another-horse-battery";
    with(&world, &first, "POST", path, json!({ "password": newer })).await.tells(422, "invalid");
    let wrong = json!({ "password": newer, "current": "wrong-horse-battery" });
    with(&world, &first, "POST", path, wrong).await.tells(403, "forbidden");
    server(&first).await.is(200);
    let right = json!({ "password": newer, "current": PASSWORD });
    with(&world, &first, "POST", path, right).await.is(200);
    server(&first).await.is(401);
    sign_in(&world, "sam", PASSWORD).await.is(401);

    let second = cookie(&sign_in(&world, "sam", newer).await.is(303));
    world.call("PUT", "/api/v1/people/sam", json!({ "disabled": true })).await.is(200);
    server(&second).await.is(401);
    world.call("PUT", "/api/v1/people/sam", json!({ "disabled": false })).await.is(200);
    server(&second).await.is(401);
    cookie(&sign_in(&world, "sam", newer).await.is(303));

    // One's own is never changed without it.
    world.call("PUT", "/api/v1/people/sam", json!({ "role": "admin" })).await.is(200);
    let admin = cookie(&sign_in(&world, "sam", newer).await.is(303));
    with(&world, &admin, "POST", path, json!({ "password": PASSWORD })).await.tells(422, "invalid");

    // An administrator gives another one, or a link by which they set it.
    let link = world.call("POST", path, json!({})).await.is(200).json();
    assert!(link["link"].as_str().unwrap().starts_with("/login/rl_"));
    world.call("POST", path, json!({ "password": PASSWORD })).await.is(200);
    cookie(&sign_in(&world, "sam", PASSWORD).await.is(303));
}

#[tokio::test]
async fn one_sees_and_ends_ones_own_sessions_and_an_administrator_all() {
    let world = with_sam().await;
    add(&world, json!({ "name": "anna", "role": "viewer", "password": PASSWORD })).await;
    let sam = cookie(&sign_in(&world, "sam", PASSWORD).await.is(303));
    let anna = cookie(&sign_in(&world, "anna", PASSWORD).await.is(303));
    let list = async |cookie: &str| {
        let list = with(&world, cookie, "GET", "/api/v1/sessions", json!({})).await.is(200).json();
        list["items"].as_array().unwrap().clone()
    };
    let own = list(&sam).await;
    assert_eq!((own.len(), &own[0]["name"]), (1, &json!("sam")));
    let path = format!("/api/v1/sessions/{}", own[0]["id"]);
    with(&world, &anna, "DELETE", &path, json!({})).await.tells(404, "not-found");
    let all = world.get("/api/v1/sessions").await.is(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    with(&world, &sam, "DELETE", &path, json!({})).await.is(204);
    with(&world, &sam, "GET", "/api/v1/server", json!({})).await.is(401);
    let other = format!("/api/v1/sessions/{}", list(&anna).await[0]["id"]);
    world.call("DELETE", &other, None).await.is(204);
    with(&world, &anna, "GET", "/api/v1/server", json!({})).await.is(401);
    world.call("DELETE", &other, None).await.tells(404, "not-found");
}

#[tokio::test]
async fn people_are_listed_changed_and_removed() {
    let world = with_sam().await;
    let taken = json!({ "name": "sam", "role": "viewer" });
    world.call("POST", "/api/v1/people", taken).await.tells(409, "refused");
    for body in [
        json!({ "name": "Sam", "role": "viewer" }),
        json!({ "name": "anna" }),
        json!({ "name": "anna", "role": "agent" }),
        json!({ "name": "anna", "role": "none", "services": { "shop": "none" } }),
        json!({ "name": "anna", "role": "viewer", "password": "short" }),
    ] {
        let status = world.call("POST", "/api/v1/people", body.clone()).await.status;
        assert_eq!(status.as_u16(), 422, "{body}");
    }
    let body = json!({ "role": "viewer", "services": { "shop": "admin" }, "display_name": "Sam" });
    let changed = world.call("PUT", "/api/v1/people/sam", body).await.is(200).json();
    assert_eq!((&changed["role"], &changed["display_name"]), (&json!("viewer"), &json!("Sam")));
    let body = json!({ "display_name": "" });
    let changed = world.call("PUT", "/api/v1/people/sam", body).await.is(200).json();
    assert_eq!(changed["services"], json!({ "shop": "admin" }), "what is not named stays");
    assert_eq!(changed["display_name"], Value::Null);
    let list = world.get("/api/v1/people").await.is(200);
    assert!(!list.text().contains("argon2"), "{}", list.text());
    assert_eq!(list.json()["items"][0], world.get("/api/v1/people/sam").await.is(200).json());

    let sam = cookie(&sign_in(&world, "sam", PASSWORD).await.is(303));
    with(&world, &sam, "GET", "/api/v1/people/sam", json!({})).await.is(200);
    with(&world, &sam, "GET", "/api/v1/people", json!({})).await.tells(403, "forbidden");
    world.call("DELETE", "/api/v1/people/sam", None).await.is(204);
    world.call("DELETE", "/api/v1/people/sam", None).await.tells(404, "not-found");
    with(&world, &sam, "GET", "/api/v1/server", json!({})).await.is(401);
    let events = world.get("/api/v1/events").await.text();
    assert!(events.contains("person_added") && events.contains("person_removed"));
}

#[tokio::test]
async fn the_last_administrator_among_people_stays_one() {
    let world = with_sam().await;
    add(&world, json!({ "name": "anna", "role": "admin" })).await;
    let refused = world.call("PUT", "/api/v1/people/anna", json!({ "role": "viewer" })).await;
    let problem = refused.tells(409, "refused");
    assert!(problem["detail"].as_str().unwrap().contains("last administrator"), "{problem}");
    world.call("DELETE", "/api/v1/people/anna", None).await.tells(409, "refused");
    world.call("PUT", "/api/v1/people/sam", json!({ "role": "admin" })).await.is(200);
    world.call("DELETE", "/api/v1/people/anna", None).await.is(204);
}

#[tokio::test]
async fn a_link_leads_in_only_while_its_person_may_come_in() {
    let world = with_sam().await;
    let name = PersonName::new("sam").unwrap();
    let link = world.app.person_link(&name).await.unwrap();
    world.call("DELETE", "/api/v1/people/sam", None).await.is(204);
    let path = format!("/login/{}", link.expose());
    let fields = format!("password={PASSWORD}&again={PASSWORD}");
    form(&world, &path, "", &fields).await.is(410);
    let kept = serde_json::to_string(&audited(&world, "").await).unwrap();
    assert!(kept.contains("/login/{secret}") && !kept.contains(link.expose()), "{kept}");
}

#[tokio::test]
async fn what_happens_to_people_is_told_to_administrators_alone() {
    let world = with_sam().await;
    let viewer = world.token_with("sensu", Role::Viewer).await;
    let events = async |token: &str, query: &str| {
        let request = Request::get(format!("/api/v1/events{query}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        world.send(request.body(Body::empty()).unwrap()).await.is(200).text()
    };
    let admin = world.token_with("root", Role::Admin).await;
    for query in ["", "?after=0"] {
        assert!(events(&admin, query).await.contains("person_added"), "{query}");
        let seen = events(&viewer, query).await;
        assert!(!seen.contains("person_") && seen.contains("token_created"), "{query}: {seen}");
    }
}
