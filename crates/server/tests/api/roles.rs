//! What tokens of each role may do.

use axum::body::Body;
use axum::http::{Request, header};
use launcher_model::role::Role;
use serde_json::json;

use crate::routes::documented;
use crate::world::{Answer, World};

async fn call(world: &World, token: &str, method: &str, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    world.send(request.body(Body::empty()).unwrap()).await
}

/// Those calls that a token may make, of all that there are. What it may not changes nothing.
async fn allowed(world: &World, token: &str) -> Vec<(String, String)> {
    let mut calls = documented(world).await;
    calls.push(("GET".to_owned(), "/api/openapi.json".to_owned()));
    calls.push(("PATCH".to_owned(), "/api/v1/services/shop".to_owned()));
    let mut allowed = Vec::new();
    for (method, path) in calls {
        let answer = call(world, token, &method, &path).await;
        if answer.status == 403 {
            answer.tells(403, "forbidden");
        } else {
            assert_ne!(answer.status, 401, "{method} {path}");
            allowed.push((method, path));
        }
    }
    allowed
}

#[tokio::test]
async fn an_agent_tells_what_hosts_use_and_does_nothing_else() {
    let world = World::without_edge().await;
    world.service("shop").await;
    let token = world.token_with("web1", Role::Agent).await;
    let before = world.kept().await;
    let may = [("POST", "/api/v1/hosts/something/reports"), ("GET", "/api/v1/server")];
    let may = may.map(|(method, path)| (method.to_owned(), path.to_owned()));
    let mut allowed = allowed(&world, &token).await;
    allowed.sort();
    assert_eq!(allowed, [may[1].clone(), may[0].clone()]);
    assert_eq!(world.kept().await, before);
    let problem = call(&world, &token, "GET", "/api/v1/services").await.problem();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("web1") && detail.contains("the role agent"), "{detail}");
}

#[tokio::test]
async fn what_a_role_may_not_is_forbidden_outside_the_api_too() {
    let world = World::without_edge().await;
    world.service("shop").await;
    let agent = world.token_with("web1", Role::Agent).await;
    let viewer = world.token_with("sensu", Role::Viewer).await;
    for path in ["/metrics", "/graphs/shop/requests.svg"] {
        let refused = call(&world, &agent, "GET", path).await;
        refused.tells(403, "forbidden");
        call(&world, &viewer, "GET", path).await.is(200);
        call(&world, "nonsense", "GET", path).await.tells(401, "unauthorized");
    }
    // What would launch something.
    for token in [&agent, &viewer] {
        let path = format!("/api/v1/hooks/jenkins/shop?token={token}");
        let hook = Request::post(path).body(Body::from("{}")).unwrap();
        world.send(hook).await.tells(403, "forbidden");
    }
}

#[tokio::test]
async fn a_refusal_names_the_role_that_is_needed() {
    let world = World::without_edge().await;
    world.service("shop").await;
    let agent = world.token_with("web1", Role::Agent).await;
    let viewer = world.token_with("sensu", Role::Viewer).await;
    let reports = "/api/v1/hosts/web1/reports";
    let unknown = launcher_server::TokenText::random();
    for (token, method, path, advice) in [
        (agent.as_str(), "GET", "/api/v1/services", "`launcher token create NAME --role viewer`"),
        (&agent, "GET", "/metrics", "`launcher token create NAME --role viewer`"),
        (&agent, "DELETE", "/api/v1/services/shop", "`launcher token create NAME`"),
        (&viewer, "DELETE", "/api/v1/services/shop", "`launcher token create NAME`"),
        (&viewer, "POST", reports, "`launcher token create NAME --role agent`"),
        (unknown.expose(), "POST", reports, "`--role agent` for an agent"),
    ] {
        let problem = call(&world, token, method, path).await.problem();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(advice), "{method} {path}: {detail}");
    }
}

#[tokio::test]
async fn a_viewer_sees_all_and_changes_nothing() {
    let world = World::without_edge().await;
    world.service("shop").await;
    let token = world.token_with("sensu", Role::Viewer).await;
    let before = world.kept().await;
    let allowed = allowed(&world, &token).await;
    let all = documented(&world).await;
    // People, what they did, what the server does with its own logins, and commands in containers, a conversation
    // with which is a GET, are an administrator's; the sessions that one may end are one's own.
    let admins = ["/people", "/audit", "/checkup", "/exec"];
    let closed = |path: &str| admins.iter().any(|part| path.contains(part));
    let looks = all.iter().filter(|(method, path)| method == "GET" && !closed(path)).count();
    let own = |(method, path): &(String, String)| method == "DELETE" && path.contains("/sessions/");
    let allowed: Vec<_> = allowed.into_iter().filter(|call| !own(call)).collect();
    // A method that a path does not take is told to those who are known.
    assert_eq!(allowed.len(), looks + 2, "all of them, and the document: {allowed:?}");
    assert!(allowed.iter().all(|(method, _)| method == "GET" || method == "PATCH"), "{allowed:?}");
    assert_eq!(world.kept().await, before);
    assert_eq!(call(&world, &token, "GET", "/api/v1/services/shop").await.status, 200);
}

#[tokio::test]
async fn a_token_of_a_role_is_made_and_listed_by_it() {
    let world = World::without_edge().await;
    let body = json!({ "name": "web1", "role": "agent" });
    let made = world.call("POST", "/api/v1/tokens", body).await.is(201).json();
    let token = made["token"].as_str().unwrap();
    call(&world, token, "GET", "/api/v1/server").await.is(200);
    call(&world, token, "GET", "/api/v1/tokens").await.tells(403, "forbidden");
    let list = world.get("/api/v1/tokens").await.is(200).json();
    let role = |name: &str| {
        let tokens = list["items"].as_array().unwrap();
        tokens.iter().find(|one| one["name"] == name).unwrap()["role"].clone()
    };
    assert_eq!((role("web1"), role(crate::world::WHO)), (json!("agent"), json!("admin")));
    let body = json!({ "name": "other", "role": "root" });
    assert_eq!(world.call("POST", "/api/v1/tokens", body).await.status.as_u16() / 100, 4);
}

#[tokio::test]
async fn only_an_administrator_pushes_and_signs_in() {
    let world = World::without_edge().await;
    world.service("shop").await;
    for role in [Role::Viewer, Role::Agent] {
        let token = world.token_with(role.as_str(), role).await;
        let path = "/git/shop.git/info/refs?service=git-receive-pack";
        let answer = call(&world, &token, "GET", path).await.is(403);
        assert!(answer.text().contains(&format!("the role {role}")), "{}", answer.text());
        let form = Request::post("/login").header("sec-fetch-site", "same-origin");
        let form = form.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = world.send(form.body(Body::from(format!("token={token}"))).unwrap()).await;
        let answer = answer.is(403);
        assert!(answer.text().contains("for programs"), "{}", answer.text());
        assert_eq!(answer.header("set-cookie"), "");
    }
}
