//! How the command line lists and deletes branches.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli_support;

use cli_support::{Stub, answer, run};
use serde_json::{Value, json};

/// A service whose branches of these names have environments.
fn service(name: &str, matching: &[&str]) -> Value {
    json!({
        "name": name, "live": {}, "generation": 0, "urls": [], "environments": [],
        "spec": { "service": { "name": name, "build": ".", "port": 80 },
            "branches": { "match": matching } },
        "created_at": "2026-11-24T10:00:00Z", "changed_at": "2026-11-24T10:00:00Z"
    })
}

#[tokio::test]
async fn branches_are_listed_and_deleted_by_their_git_names() {
    let stub = Stub::start(|call, _| match call.line.split_once(' ').unwrap().0 {
        "DELETE" => answer(204, &json!(null)),
        _ if call.line.contains("/blog/branches") || call.line.contains("/mail/branches") => {
            answer(200, &json!({ "items": [], "next": null }))
        }
        _ if call.line.ends_with("/blog") => answer(200, &service("blog", &[])),
        _ if call.line.ends_with("/mail") => answer(200, &service("mail", &["feature/*", "fix/*"])),
        _ => {
            let one = json!({ "name": "feature/login", "url": "http://feature-login.shop.localhost",
                "version": 7, "state": "asleep", "pushed_at": "2026-11-24T10:00:00Z",
                "looked_at": null, "sleeps_at": null, "expires_at": null });
            answer(200, &json!({ "items": [one], "next": null }))
        }
    })
    .await;
    let ran = run(&stub.url, &["branches", "shop"]).await;
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stdout.contains("feature/login  v7       asleep"), "{}", ran.stdout);
    let ran = run(&stub.url, &["branches", "shop", "--json"]).await;
    let printed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed[0]["state"], "asleep");
    let ran = run(&stub.url, &["branches", "blog"]).await;
    assert!(ran.stderr.contains("with match = [\"*\"] under [branches]"), "{ran:?}");
    assert!(ran.stderr.contains("`launcher launch blog --image REF --branch NAME`"), "{ran:?}");
    // What is set already is not advised.
    let ran = run(&stub.url, &["branches", "mail"]).await;
    assert!(!ran.stderr.contains("launcher.toml"), "{ran:?}");
    assert!(ran.stderr.contains("yet; one that matches feature/*, fix/* gets it"), "{ran:?}");
    assert!(ran.stderr.contains(&format!("`git push {}/git/mail.git NAME`", stub.url)), "{ran:?}");
    let ran = run(&stub.url, &["branches", "delete", "shop", "feature/login"]).await;
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stderr.contains("branch feature/login of shop has no environment any more"));
    let called = stub.calls().pop().unwrap();
    assert!(
        called.line.starts_with("DELETE /api/v1/services/shop/branches/feature%2Flogin"),
        "{}",
        called.line
    );
    assert_eq!(run(&stub.url, &["branches"]).await.status, 2, "a service has to be named");
}
