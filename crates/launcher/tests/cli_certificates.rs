//! `launcher certificates renew` waits until there is an outcome, and says which.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli_support;

use cli_support::{Ran, Stub, answer, run, unexpected};
use serde_json::{Value, json};

/// A certificate that was asked for at noon, as a server shows it.
fn certificate(more: &Value) -> Value {
    let mut view = json!({
        "service": "shop",
        "state": "valid",
        "names": ["shop.example.com"],
        "issuer": "One",
        "not_after": "2027-02-22T12:00:00Z",
        "issued_at": "2026-11-24T12:00:05Z",
        "renews_at": "2027-01-23T12:00:00Z",
        "failure": null,
    });
    view.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    view
}

/// Renews at a server whose orders end so, at the second look.
async fn renewed(outcome: Value, arguments: &[&str]) -> Ran {
    let asked = json!({ "asked_at": "2026-11-24T12:00:00Z" });
    let stub = Stub::start(move |call, so_far| match call.line.as_str() {
        "POST /api/v1/certificates/shop/renew" => answer(202, &certificate(&asked)),
        "GET /api/v1/certificates?limit=500" => {
            let view = if so_far < 1 { &asked } else { &outcome };
            answer(200, &json!({ "items": [certificate(view)], "next": null }))
        }
        _ => unexpected(call),
    });
    let stub = stub.await;
    let ran = run(&stub.url, &[&["certificates", "renew", "shop"], arguments].concat()).await;
    assert!(stub.lines().len() >= 3, "{:?}", stub.lines());
    ran
}

#[tokio::test]
async fn it_says_until_when_the_other_one_counts() {
    let ran = renewed(json!({}), &[]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stderr.contains("shop: there is another certificate"), "{ran:?}");
    assert!(ran.stderr.contains("2027-02-22T12:00:00Z"), "{ran:?}");
    let ran = renewed(json!({}), &["--json"]).await;
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&printed["service"], &printed["state"]), (&json!("shop"), &json!("valid")));
}

#[tokio::test]
async fn it_fails_with_the_authoritys_reason() {
    let failure = json!({
        "why": "the authority refused: too many (rateLimited)",
        "at": "2026-11-24T12:00:01Z",
        "again_at": "2026-11-24T12:01:01Z",
        "times": 1,
    });
    let ran = renewed(json!({ "state": "failing", "failure": failure }), &[]).await;
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("too many (rateLimited)"), "{ran:?}");
}
