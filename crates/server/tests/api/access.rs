//! Who may make which call: every route, for every role, everywhere and on a service.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, header};
use launcher_model::build::Origin;
use launcher_model::role::{Role, Roles};
use launcher_model::{PersonName, ServiceName};
use launcher_server::access::{Caller, Door, Needs, rules};
use launcher_store::{NewBuild, NewPerson, Owner, Person};

use crate::routes::{documented, filled_in};
use crate::world::{Answer, World, spec};

/// All that has routes, as text: what is in it and not in the table is found.
const SOURCES: [&str; 7] = [
    include_str!("../../src/api.rs"),
    include_str!("../../src/pages.rs"),
    include_str!("../../src/pages/lists.rs"),
    include_str!("../../src/git.rs"),
    include_str!("../../src/graphs.rs"),
    include_str!("../../src/metrics_page.rs"),
    include_str!("../../src/probes.rs"),
];

#[tokio::test]
async fn the_table_names_every_route_and_nothing_else() {
    let world = World::without_edge().await;
    let document = world.get("/api/openapi.json").await.is(200).json();
    let mut routes = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys().filter(|it| *it != "parameters") {
            routes.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    for source in SOURCES {
        for line in source.split(".route(\"").skip(1) {
            let (path, line) = line.split_once('"').unwrap();
            let line = line.lines().next().unwrap();
            let methods = ["get(", "post("].iter().filter(|method| line.contains(*method));
            for method in methods {
                routes.insert(format!("{} {path}", method.trim_end_matches('(').to_uppercase()));
            }
            if line.contains("get(answer)") {
                routes.insert(format!("GET {path}"));
            }
        }
    }
    let table: BTreeSet<_> = rules().map(|rule| format!("{} {}", rule.method, rule.path)).collect();
    assert_eq!(table.len(), rules().count(), "a call has one rule");
    let missing: Vec<_> = routes.difference(&table).collect();
    assert!(missing.is_empty(), "no rule says who may: {missing:?}");
    let left: Vec<_> = table.difference(&routes).collect();
    assert!(left.is_empty(), "there is no such route: {left:?}");
}

/// Somebody with these roles, and the cookie of their session.
async fn person(world: &World, name: &str, role: Role, on: &[(&str, Role)]) -> String {
    let services = on.iter().map(|(name, role)| (ServiceName::new(*name).unwrap(), *role));
    let roles = Roles { role, services: services.collect() };
    let name = PersonName::new(name).unwrap();
    let new = NewPerson { name: name.clone(), display_name: None, roles };
    let _: Person = world.app.store.add_person(new, "test", world.app.now()).await.unwrap();
    session(world, &name).await
}

async fn session(world: &World, name: &PersonName) -> String {
    let owner = Owner::Person(name.clone());
    let begun = world.app.begin_session(owner, &Caller::default()).await.unwrap();
    format!("launcher_session={}", begun.cookie.expose())
}

async fn call(world: &World, cookie: &str, method: &str, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = request.header(header::COOKIE, cookie).header("sec-fetch-site", "same-origin");
    answer(world, request.body(Body::empty()).unwrap()).await
}

/// The answer; of a stream, which may have no end, its beginning.
async fn answer(world: &World, request: Request<Body>) -> Answer {
    let response = world.response(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        let (status, headers) = (response.status(), response.headers().clone());
        return Answer { status, headers, body: Vec::new() };
    }
    Answer::of(response).await
}

/// Puts back what calls may have taken away.
async fn as_before(world: &World) {
    for name in ["shop", "mail"] {
        let spec = spec(name);
        world.app.control.put_service(&spec, "test").await.unwrap();
    }
}

async fn with_services_and_a_build() -> World {
    let world = World::without_edge().await;
    as_before(&world).await;
    let build = NewBuild {
        service: ServiceName::new("shop").unwrap(),
        origin: Origin::Upload,
        branch: None,
        commit: None,
        subject: None,
        author: None,
        by: "test".to_owned(),
    };
    assert_eq!(world.app.store.queue_build(build, world.app.now()).await.unwrap().build.id.0, 1);
    world
}

/// What the check says of a call: that it may be made, not, or that there is no such thing.
fn verdict(answer: &Answer) -> &'static str {
    let text = String::from_utf8_lossy(&answer.body);
    let is_hidden =
        text.contains("there is no service shop;") || text.contains("there is no build 1;");
    match answer.status.as_u16() {
        404 if is_hidden => "hidden",
        403 if text.contains("this needs") => "no",
        _ => "yes",
    }
}

/// A name, a role everywhere, and those on services.
type Entering = (&'static str, Role, &'static [(&'static str, Role)]);

/// Who comes in, and with what.
const PEOPLE: [Entering; 8] = [
    ("admin", Role::Admin, &[]),
    ("deployer", Role::Deployer, &[]),
    ("viewer", Role::Viewer, &[]),
    ("none", Role::None, &[]),
    ("admin-of-shop", Role::None, &[("shop", Role::Admin)]),
    ("deployer-of-shop", Role::Viewer, &[("shop", Role::Deployer)]),
    ("viewer-of-shop", Role::None, &[("shop", Role::Viewer)]),
    ("deployer-of-mail", Role::None, &[("mail", Role::Deployer)]),
];

/// The whole table, as it is: a snapshot that a change of what somebody may do shows up in.
#[tokio::test]
async fn every_call_is_made_by_those_who_may_and_nobody_else() {
    let world = with_services_and_a_build().await;
    // So that number 1 is nobody's who comes in here.
    session(&world, &{
        person(&world, "somebody", Role::None, &[]).await;
        PersonName::new("somebody").unwrap()
    })
    .await;
    let mut cookies = Vec::new();
    for (name, role, on) in PEOPLE {
        cookies.push((name, person(&world, name, role, on).await));
    }
    let doors = [Door::Api, Door::Pages, Door::Graphs];
    let mut told = Vec::new();
    for rule in rules().filter(|rule| doors.contains(&rule.door)) {
        let path = filled_in(rule.path).replace("{act}", "pin").replace("{file}", "latency.svg");
        let mut verdicts = Vec::new();
        for (name, cookie) in &cookies {
            as_before(&world).await;
            let answer = call(&world, cookie, rule.method, &path).await;
            assert_ne!(answer.status.as_u16(), 401, "{name}: {} {path}", rule.method);
            assert!(!answer.status.is_server_error(), "{name}: {} {path}: {answer:?}", rule.method);
            match verdict(&answer) {
                "yes" => verdicts.push((*name).to_owned()),
                "hidden" => verdicts.push(format!("({name})")),
                _ => {}
            }
        }
        if rule.path == "/logout" {
            assert!(matches!(rule.needs, Needs::Somebody));
        }
        told.push(format!("{} {}: {}", rule.method, rule.path, verdicts.join(" ")));
    }
    insta::assert_snapshot!("access", told.join("\n"));
}

#[tokio::test]
async fn a_token_may_what_a_person_with_its_roles_may() {
    let world = with_services_and_a_build().await;
    let on_shop = || ServiceName::new("shop").unwrap();
    for (name, role, on) in PEOPLE {
        let cookie = person(&world, name, role, on).await;
        let services = on.iter().map(|(name, role)| (ServiceName::new(*name).unwrap(), *role));
        let roles = Roles { role, services: services.collect() };
        let token = world.token_of(&format!("token {name}"), roles).await;
        for (method, path) in documented(&world).await {
            // What is each one's own.
            if path.contains("/sessions") {
                continue;
            }
            as_before(&world).await;
            let request = Request::builder().method(method.as_str()).uri(&path);
            let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            let by_token = answer(&world, request.body(Body::empty()).unwrap()).await;
            as_before(&world).await;
            let by_person = call(&world, &cookie, &method, &path).await;
            let both = (verdict(&by_token), verdict(&by_person));
            assert_eq!(both.0, both.1, "{name}: {method} {path}: {by_token:?} {by_person:?}");
        }
    }
    assert!(world.app.store.service(&on_shop()).await.unwrap().is_some());
}

#[tokio::test]
async fn lists_show_what_one_may_see() {
    let world = with_services_and_a_build().await;
    let cookie = person(&world, "sam", Role::None, &[("mail", Role::Viewer)]).await;
    for service in ["shop", "mail"] {
        let new = crate::world::new_deployment(&ServiceName::new(service).unwrap());
        world.app.store.begin_deployment(new, &[], world.app.now()).await.unwrap();
    }
    let list = async |path: &str, cookie: &str| {
        call(&world, cookie, "GET", path).await.is(200).json()["items"].clone()
    };
    let services = list("/api/v1/services", &cookie).await;
    assert_eq!(services.as_array().unwrap().len(), 1, "{services}");
    for path in
        ["/api/v1/deployments", "/api/v1/events?after=0", "/api/v1/events", "/api/v1/builds"]
    {
        let items = list(path, &cookie).await;
        for item in items.as_array().unwrap() {
            assert_eq!(item["service"], "mail", "{path}: {item}");
        }
    }
    assert_eq!(list("/api/v1/deployments", &cookie).await.as_array().unwrap().len(), 1);
    call(&world, &cookie, "GET", "/api/v1/events?service=shop").await.tells(404, "not-found");
    let home = call(&world, &cookie, "GET", "/").await.is(200).text();
    assert!(home.contains("/services/mail") && !home.contains("shop"), "{home}");
    let page = call(&world, &cookie, "GET", "/services/shop").await.is(404).text();
    assert!(page.to_lowercase().contains("there is no service shop"), "{page}");

    // Who sees nothing is told so by empty lists, and not by refusals.
    let nobody = person(&world, "anna", Role::None, &[]).await;
    for path in ["/api/v1/services", "/api/v1/deployments", "/api/v1/events", "/api/v1/containers"]
    {
        assert_eq!(list(path, &nobody).await.as_array().unwrap().len(), 0, "{path}");
    }
}

#[tokio::test]
async fn a_session_counts_in_the_api_only_where_a_page_of_ours_asks() {
    let world = with_services_and_a_build().await;
    let cookie = person(&world, "sam", Role::Admin, &[]).await;
    let path = "/api/v1/services/shop";
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example.com"), ("host", "launcher.test")],
    ] {
        let mut request = Request::delete(path).header(header::COOKIE, &cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        world.send(request.body(Body::empty()).unwrap()).await.tells(401, "unauthorized");
    }
    assert!(world.app.store.service(&ServiceName::new("shop").unwrap()).await.unwrap().is_some());
    call(&world, &cookie, "DELETE", path).await.is(204);
}
