//! People, sessions and who did what, from the command line.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli_support;

use std::process::Stdio;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use cli_support::{Call, Ran, Stub, answer, ended, launcher, problem, run, unexpected};
use serde_json::{Value, json};

fn mika(services: &Value) -> Value {
    json!({ "name": "mika", "display_name": null, "role": "viewer", "services": services, "disabled": false,
        "password_set_at": null, "created_at": "2026-11-01T11:00:00Z", "created_by": "admin", "last_seen": null })
}

/// A server that knows mika.
async fn knowing_mika() -> Stub {
    Stub::start(|call: &Call, _| {
        let known = mika(&json!({ "mail": "viewer" }));
        match call.line.split('?').next().unwrap() {
            "POST /api/v1/people" => {
                let link = (call.json()["password"].is_null()).then_some("/login/rl_secret");
                answer(201, &json!({ "person": known, "link": link }))
            }
            "GET /api/v1/people" => answer(200, &json!({ "items": [known], "next": null })),
            "GET /api/v1/people/mika" | "PUT /api/v1/people/mika" => answer(200, &known),
            "DELETE /api/v1/people/mika" | "DELETE /api/v1/sessions/12" => {
                StatusCode::NO_CONTENT.into_response()
            }
            "POST /api/v1/people/mika/password" => {
                let link = (call.json()["password"].is_null()).then_some("/login/rl_secret");
                answer(200, &json!({ "link": link }))
            }
            "GET /api/v1/sessions" => answer(200, &json!({ "items": [], "next": null })),
            "DELETE /api/v1/sessions/7" => problem(404, "not-found", "there is no session 7"),
            "GET /api/v1/audit" => {
                let entry = json!({ "id": 7, "at": "2026-11-24T11:59:00Z", "who": "mika", "way": "session",
                    "session": 12, "address": "192.0.2.7", "method": "POST", "path": "/services/shop/deploy",
                    "service": "shop", "version": 42, "status": 303, "outcome": "done" });
                answer(200, &json!({ "items": [entry], "next": null }))
            }
            _ => unexpected(call),
        }
    })
    .await
}

async fn fed(stub: &Stub, arguments: &[&str], input: &str) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let mut command = launcher(home.path(), arguments);
    command.env("LAUNCHER_URL", &stub.url).env("LAUNCHER_TOKEN", "t").stdin(Stdio::piped());
    ended(command.spawn().unwrap(), input).await
}

#[tokio::test]
async fn a_person_is_added_with_a_link_or_a_password() {
    let stub = knowing_mika().await;
    let added = run(&stub.url, &["person", "add", "mika", "--on", "shop=deployer"]).await;
    let link = format!("{}/login/rl_secret\n", stub.url);
    assert_eq!((added.status, added.stdout.as_str()), (0, link.as_str()), "{added:?}");
    assert!(added.stderr.contains("once and within a day"), "{added:?}");
    let body = stub.calls()[0].json();
    assert_eq!(
        (&body["role"], &body["services"]),
        (&json!("viewer"), &json!({ "shop": "deployer" }))
    );

    let ran = fed(&stub, &["person", "add", "mika", "--password"], "correct horse battery\n").await;
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert!(!ran.stderr.contains("horse"), "{ran:?}");
    assert_eq!(stub.calls()[1].json()["password"], "correct horse battery");
    for wrong in [
        &["person", "add", "Mika"][..],
        &["person", "add", "mika", "--on", "shop"],
        &["person", "add", "mika", "--on", "shop=king"],
        &["person", "add", "mika", "--role", "king"],
    ] {
        assert_eq!(run(&stub.url, wrong).await.status, 2, "{wrong:?}");
    }
    assert_eq!(stub.calls().len(), 2);
}

#[tokio::test]
async fn a_person_is_shown_changed_and_removed() {
    let stub = knowing_mika().await;
    let list = run(&stub.url, &["person", "list"]).await;
    assert!(list.stdout.contains("viewer; viewer on mail"), "{list:?}");
    assert!(list.stdout.contains("no password yet"), "{list:?}");
    let shown = run(&stub.url, &["person", "show", "mika", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&shown.stdout).unwrap()["name"], "mika");

    let before = stub.calls().len();
    let set = ["person", "set", "mika", "--on", "shop=deployer", "--off", "mail", "--disable"];
    assert_eq!(run(&stub.url, &set).await.status, 0);
    let body = stub.calls().last().unwrap().json();
    assert_eq!(body, json!({ "services": { "shop": "deployer" }, "disabled": true }));
    assert_eq!(stub.calls().len(), before + 2);
    assert_eq!(run(&stub.url, &["person", "set", "mika", "--forget-openid"]).await.status, 0);
    assert_eq!(stub.calls().last().unwrap().json(), json!({ "forget_openid": true }));
    let nothing = run(&stub.url, &["person", "set", "mika"]).await;
    assert!(nothing.stderr.contains("nothing is said"), "{nothing:?}");

    let given = fed(&stub, &["person", "password", "mika"], "another horse\n").await;
    assert!(given.stderr.contains("their sessions have ended"), "{given:?}");
    let link = run(&stub.url, &["person", "password", "mika", "--link"]).await;
    assert!(link.stdout.ends_with("/login/rl_secret\n"), "{link:?}");
    assert_eq!(run(&stub.url, &["person", "remove", "mika"]).await.status, 0);
}

#[tokio::test]
async fn sessions_and_the_record_are_shown_to_people_and_programs() {
    let stub = knowing_mika().await;
    let none = run(&stub.url, &["session", "list"]).await;
    assert_eq!((none.status, none.stderr.as_str()), (0, "nobody is signed in to the pages\n"));
    let json = run(&stub.url, &["session", "list", "--json"]).await;
    assert_eq!(json.stdout.trim(), "[]");
    assert_eq!(run(&stub.url, &["session", "revoke", "12"]).await.status, 0);
    let missing = run(&stub.url, &["session", "revoke", "7"]).await;
    assert_eq!((missing.status, missing.stderr.as_str()), (1, "error: there is no session 7\n"));

    let shown =
        run(&stub.url, &["audit", "--who", "mika", "--service", "shop", "--since", "7d"]).await;
    assert!(
        shown.stdout.contains("POST /services/shop/deploy") && shown.stdout.contains("v42"),
        "{shown:?}"
    );
    let line = stub.lines().pop().unwrap();
    assert!(line.contains("who=mika&service=shop&since=-7d"), "{line}");
    let csv = run(&stub.url, &["audit", "--csv"]).await;
    assert_eq!(
        csv.stdout,
        "id,at,who,way,session,address,method,path,service,version,status,outcome\r\n\
         7,2026-11-24T11:59:00Z,mika,session,12,192.0.2.7,POST,/services/shop/deploy,shop,42,303,done\r\n"
    );
}
