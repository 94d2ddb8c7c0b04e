//! How the command line tells who is told what, and tries it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli_support;

use cli_support::{Stub, answer, run, unexpected};
use serde_json::{Value, json};

fn target(failing: bool) -> Value {
    let since = failing.then_some("2026-11-24T11:40:00Z");
    let error = failing.then_some("it answered 503: \u{1b}[2J");
    json!({
        "name": "libera#deploys", "kind": "irc", "services": ["*"], "events": ["usual"], "told_up_to": 7,
        "waiting": 3, "told": 2, "errors": 1, "given_up": 0, "failing_since": since, "last_error": error,
        "next_try": null,
    })
}

async fn server(failing: bool) -> Stub {
    Stub::start(move |call, _| match call.line.as_str() {
        "GET /api/v1/notifications?limit=500" => {
            answer(200, &json!({ "items": [target(failing)], "next": null }))
        }
        "POST /api/v1/notifications/libera%23deploys/test" => {
            let why = failing.then_some("it answered 503: \u{1b}[2J");
            answer(200, &json!({ "told": !failing, "why": why, "took_ms": 12 }))
        }
        _ => unexpected(call),
    })
    .await
}

#[tokio::test]
async fn targets_are_listed_and_tried() {
    let stub = server(false).await;
    let listed = run(&stub.url, &["notifications"]).await;
    assert!(listed.status == 0 && listed.stdout.contains("libera#deploys"), "{listed:?}");
    let json = run(&stub.url, &["notifications", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap(), json!([target(false)]));
    let tested = run(&stub.url, &["notifications", "test", "libera#deploys"]).await;
    let said = "libera#deploys has the test message, after 12.0 ms\n";
    assert_eq!((tested.status, tested.stderr.as_str()), (0, said), "{tested:?}");
}

#[tokio::test]
async fn a_target_that_fails_is_said_with_why_and_nothing_that_a_terminal_obeys() {
    let stub = server(true).await;
    let listed = run(&stub.url, &["notifications"]).await;
    assert!(
        listed.stdout.contains("failing since") && !listed.stdout.contains('\u{1b}'),
        "{listed:?}"
    );
    let tested = run(&stub.url, &["notifications", "test", "libera#deploys"]).await;
    assert_eq!(tested.status, 1);
    assert!(tested.stderr.contains("could not be told: it answered 503"), "{tested:?}");
    assert!(!tested.stderr.contains('\u{1b}'), "{tested:?}");
}
