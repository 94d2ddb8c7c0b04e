//! Every call of the API needs a token, and the document names every call.

use axum::body::Body;
use axum::http::{Request, header};
use launcher_server::TokenText;
use serde_json::Value;

use crate::world::World;

/// What others call that have no token: the tests of [`crate::upstream`] show what is asked of them instead.
const SIGNED: [&str; 2] = ["/api/v1/hooks/{host}/{service}", "/api/v1/hooks/jenkins/{service}"];

/// Every method and path of the API's document that needs a token, with its parameters filled in.
pub(crate) async fn documented(world: &World) -> Vec<(String, String)> {
    let document = world.get("/api/openapi.json").await.is(200).json();
    let paths = document["paths"].as_object().unwrap().clone();
    let signed = |path: &&str| SIGNED.contains(path);
    assert_eq!(paths.keys().map(String::as_str).filter(signed).count(), SIGNED.len());
    let tokens = paths.iter().filter(|(path, _)| !SIGNED.contains(&path.as_str()));
    let calls = tokens.flat_map(|(template, operations)| {
        let methods = operations.as_object().unwrap().keys();
        let methods = methods.filter(|method| *method != "parameters");
        methods.map(|method| (method.to_uppercase(), filled_in(template)))
    });
    calls.collect()
}

/// A path that its template stands for.
pub(crate) fn filled_in(template: &str) -> String {
    let parts = template.split('/').map(|part| match part {
        "{service}" => "shop",
        "{version}" | "{id}" => "1",
        "{name}" | "{edge}" | "{branch}" | "{host}" | "{container}" => "something",
        other => {
            let known = ["{act}", "{file}"].contains(&other) || !other.contains('{');
            assert!(known, "{template}: say here what {other} may be");
            other
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

async fn with_authorization(world: &World, method: &str, path: &str, value: Option<&str>) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(value) = value {
        request = request.header(header::AUTHORIZATION, value);
    }
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    answer.tells(401, "unauthorized");
    assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {path}");
}

#[tokio::test]
async fn no_call_answers_without_a_valid_token() {
    let world = World::without_edge().await;
    world.service("shop").await;
    let before = world.kept().await;
    let mut calls = documented(&world).await;
    assert!(calls.len() >= 30, "{calls:?}");
    calls.push(("GET".to_owned(), "/api/openapi.json".to_owned()));
    // A method that a path does not take is nobody's business either.
    calls.push(("PATCH".to_owned(), "/api/v1/services/shop".to_owned()));
    let basic = format!("Basic {}", world.token);
    let almost = format!("Bearer {}x", world.token);
    let unknown = format!("Bearer {}", TokenText::random().expose());
    let values = ["", "Bearer", "Bearer ", &basic, &almost, &unknown];
    let wrong = [None].into_iter().chain(values.map(Some)).collect::<Vec<_>>();
    for (method, path) in &calls {
        for value in wrong.iter().copied() {
            with_authorization(&world, method, path, value).await;
        }
    }
    assert_eq!(world.kept().await, before);
    for (method, path) in &calls {
        let with_token = world.response(world.request(method, path).body(Body::empty()).unwrap());
        let status = with_token.await.status();
        assert_ne!(status, 401, "{method} {path}");
        assert!(!status.is_server_error(), "{method} {path}: {status}");
    }
}

#[tokio::test]
async fn probes_answer_without_a_token() {
    let world = World::without_edge().await;
    for path in ["/healthz", "/readyz"] {
        world.send(Request::get(path).body(Body::empty()).unwrap()).await.is(200);
    }
}

#[tokio::test]
async fn the_document_is_the_one_that_was_agreed_on() {
    let world = World::without_edge().await;
    let document: Value = world.get("/api/openapi.json").await.is(200).json();
    insta::assert_json_snapshot!("openapi", document, { ".info.version" => "[version]" });
}

#[tokio::test]
async fn every_call_has_a_name_of_its_own() {
    let world = World::without_edge().await;
    let document: Value = world.get("/api/openapi.json").await.is(200).json();
    let paths = document["paths"].as_object().unwrap();
    let mut names = std::collections::BTreeMap::new();
    let methods = ["get", "put", "post", "delete", "patch"];
    for (path, operations) in paths {
        let operations = operations.as_object().unwrap().iter();
        for (method, operation) in
            operations.filter(|(method, _)| methods.contains(&method.as_str()))
        {
            let call = format!("{method} {path}");
            let Some(name) = operation["operationId"].as_str() else {
                panic!("{call} has no name")
            };
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            assert!(!name.is_empty() && name.chars().all(fits), "{call}: {name}");
            if let Some(other) = names.insert(name.to_owned(), call.clone()) {
                panic!("{call} and {other} are both called {name}");
            }
        }
    }
    assert!(names.len() >= 70, "{}", names.len());
    assert_eq!(
        names["get_services_versions_logs"],
        "get /api/v1/services/{service}/versions/{version}/logs"
    );
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_taken_are_problems() {
    let world = World::without_edge().await;
    world.get("/api/v1/nothing").await.tells(404, "not-found");
    world.get("/api/v2/services").await.tells(404, "not-found");
    world.call("PATCH", "/api/v1/services", None).await.tells(405, "method");
}
