//! Who did what: what is written down, and how it is read.

use axum::body::Body;
use axum::http::{Request, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use launcher_model::role::Role;
use launcher_store::{AuditFilter, Outcome, Way};
use serde_json::{Value, json};

use crate::people::{PASSWORD, cookie, sign_in, with, with_sam};
use crate::world::{World, eventually};

pub(crate) async fn audited(world: &World, query: &str) -> Vec<Value> {
    let list = world.get(&format!("/api/v1/audit?limit=500{query}")).await.is(200).json();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_may_change_something_is_written_down_and_so_is_what_was_refused() {
    let world = with_sam().await;
    world.service("shop").await;
    let sam = cookie(&sign_in(&world, "sam", PASSWORD).await.is(303));
    sign_in(&world, "sam", "wrong-horse-battery").await.is(401);
    sign_in(&world, "a-password-in-the-wrong-field", "").await.is(401);
    let deploy = json!({ "version": 7 });
    with(&world, &sam, "POST", "/api/v1/services/shop/deployments", deploy).await.is(404);
    with(&world, &sam, "DELETE", "/api/v1/services/shop", json!({})).await.tells(403, "forbidden");
    with(&world, &sam, "GET", "/api/v1/services/shop", json!({})).await.is(200);
    let stranger = Request::delete("/api/v1/services/shop").body(Body::empty()).unwrap();
    world.send(stranger).await.is(401);

    let own = audited(&world, "&who=sam").await;
    let told: Vec<_> = own
        .iter()
        .map(|one| format!("{} {} {} {}", one["way"], one["method"], one["path"], one["outcome"]))
        .map(|text| text.replace('"', ""))
        .collect();
    assert_eq!(
        told,
        [
            "session DELETE /api/v1/services/shop refused",
            "session POST /api/v1/services/shop/deployments refused",
            "password POST /login refused",
            "password POST /login done",
        ]
    );
    assert_eq!((&own[1]["service"], &own[1]["version"]), (&json!("shop"), &json!(7)));
    assert_eq!(own[1]["session"], own[3]["session"], "the session that began");
    let shop = audited(&world, "&service=shop").await;
    assert_eq!((&shop[0]["who"], &shop[0]["status"]), (&Value::Null, &json!(401)));
    let all = serde_json::to_string(&audited(&world, "").await).unwrap();
    for secret in [PASSWORD, "wrong-horse", "wrong-field", &sam[20..]] {
        assert!(!all.contains(secret), "{all}");
    }
    assert!(audited(&world, "&since=-1h").await.len() > 4);
    world.get("/api/v1/audit?since=someday").await.tells(422, "invalid");
}

#[tokio::test]
async fn the_record_comes_in_parts_and_as_a_file() {
    let world = World::without_edge().await;
    for _ in 0..3 {
        world.call("DELETE", "/api/v1/tokens/nothing", None).await.is(404);
    }
    let first = world.get("/api/v1/audit?limit=2").await.is(200).json();
    let next = first["next"].as_str().unwrap();
    let second = world.get(&format!("/api/v1/audit?limit=2&cursor={next}")).await.is(200).json();
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    let csv = world.get("/api/v1/audit?format=csv").await.is(200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
    let text = csv.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("id,at,who,way,"), "{text}");
    assert!(
        lines[1].ends_with(",mika,token,,,DELETE,/api/v1/tokens/nothing,,,404,refused"),
        "{text}"
    );
    for (query, number) in [
        ("kind=refused", 3),
        ("kind=done,refused", 3),
        ("kind=done,failed", 0),
        ("from=-1h", 3),
        ("to=-1h", 0),
        ("from=2001-01-01&to=2001-01-02", 0),
    ] {
        let csv = world.get(&format!("/api/v1/audit?format=csv&{query}")).await.is(200).text();
        assert_eq!(csv.lines().count(), number + 1, "{query}: {csv}");
    }
    world.get("/api/v1/audit?kind=lost").await.tells(422, "invalid");
    let ndjson = world.get("/api/v1/audit?format=ndjson").await.is(200).text();
    let objects: Vec<Value> =
        ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[0], world.get("/api/v1/audit").await.json()["items"][0]);
}

#[tokio::test]
async fn a_call_that_is_broken_off_is_written_down() {
    let world = World::without_edge().await;
    let request = world.request("PUT", "/api/v1/secrets/shop%2Fkey");
    let request = request.header(header::CONTENT_TYPE, "application/json");
    // A body that never comes.
    let body =
        Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let call = world.response(request.body(body).unwrap());
    let within = std::time::Duration::from_millis(200);
    assert!(tokio::time::timeout(within, call).await.is_err());
    let all = AuditFilter { limit: 10, ..AuditFilter::default() };
    eventually("it is written down", async || {
        !world.app.store.audited(&all).await.unwrap().is_empty()
    })
    .await;
    let call = &world.app.store.audited(&all).await.unwrap()[0].call;
    assert_eq!((call.outcome, call.way), (Outcome::BrokenOff, Way::Token));
    assert_eq!(call.path, "/api/v1/secrets/shop/key");
}

#[tokio::test]
async fn a_push_that_is_refused_is_written_down_and_its_first_question_is_not() {
    let world = World::without_edge().await;
    world.service("shop").await;
    let viewer = world.token_with("sensu", Role::Viewer).await;
    let path = "/git/shop.git/info/refs?service=git-receive-pack";
    let ask = async |password: Option<&str>| {
        let mut request = Request::get(path);
        if let Some(password) = password {
            let basic = BASE64_STANDARD.encode(format!("git:{password}"));
            request = request.header(header::AUTHORIZATION, format!("Basic {basic}"));
        }
        world.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
    };
    assert_eq!(
        (ask(None).await, ask(Some(&viewer)).await, ask(Some("wrong")).await),
        (401, 403, 401)
    );
    let filter = AuditFilter { limit: 50, ..AuditFilter::default() };
    let all = world.app.store.audited(&filter).await.unwrap();
    let of_git: Vec<_> = all.iter().filter(|one| one.call.path.starts_with("/git/")).collect();
    let told: Vec<_> =
        of_git.iter().map(|one| (one.call.who.as_deref(), one.call.outcome)).collect();
    assert_eq!(told, [(None, Outcome::Refused), (Some("sensu"), Outcome::Refused)]);
    assert_eq!(of_git[1].call.service.as_ref().unwrap().as_str(), "shop");
}
