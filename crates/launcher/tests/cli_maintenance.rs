//! How the command line closes a service to its users, and opens it again.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli_support;

use cli_support::{Stub, answer, run};
use serde_json::json;

#[tokio::test]
async fn maintenance_is_turned_on_with_a_page_and_off_again() {
    let stub = Stub::start(|call, _| {
        let on = json!({ "since": "2026-11-24T11:48:00Z", "by": "mika", "retry_after": "10m" });
        let edges = json!([{ "edge": "local" }]);
        match call.line.split_once(' ').unwrap().0 {
            "PUT" => {
                answer(200, &json!({ "changed": true, "on": on, "page_bytes": 17, "edges": edges }))
            }
            "DELETE" => answer(
                200,
                &json!({ "changed": true, "on": null, "page_bytes": 17, "edges": edges }),
            ),
            _ => answer(200, &json!({ "on": null, "page": "<p>Back soon.</p>" })),
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("closed.html");
    let page = file.to_str().unwrap();
    std::fs::write(&file, "<p>Back soon.</p>").unwrap();
    let typed =
        ["maintenance", "shop", "on", "--page", page, "--retry-after", "10m", "--note", "why"];
    let ran = run(&stub.url, &typed).await;
    let said = "shop: maintenance is on; users get 503 with your page of 17 bytes, and are told to come again in 10m; 1 edge acknowledged\n";
    assert_eq!((ran.status, ran.stdout.as_str()), (0, said), "{ran:?}");
    let body = json!({ "page": "<p>Back soon.</p>", "retry_after": "10m", "note": "why" });
    assert_eq!(stub.calls()[0].json(), body);
    assert_eq!(stub.calls()[0].header("idempotency-key").len(), 32);
    run(&stub.url, &["maintenance", "shop", "on"]).await;
    assert_eq!(stub.calls()[1].json(), json!({}), "what was given last is the server's to know");
    run(&stub.url, &["maintenance", "shop", "on", "--no-page"]).await;
    assert_eq!(stub.calls()[2].json(), json!({ "page": "" }));
    let ran = run(&stub.url, &["maintenance", "shop", "off"]).await;
    let said = "shop: maintenance is off; 1 edge acknowledged\n";
    assert_eq!((ran.status, ran.stdout.as_str()), (0, said), "{ran:?}");
    let ran = run(&stub.url, &["maintenance", "shop"]).await;
    assert!(
        ran.stdout.contains("`launcher maintenance shop on` shows users your page of 17 bytes"),
        "{ran:?}"
    );
    let ran = run(&stub.url, &["maintenance", "shop", "show", "--json"]).await;
    let printed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed["page"], "<p>Back soon.</p>");

    // What cannot be sent is told before anything is.
    let before = stub.calls().len();
    std::fs::write(&file, b"caf\xe9").unwrap();
    let ran = run(&stub.url, &["maintenance", "shop", "on", "--page", page]).await;
    assert!(ran.status == 1 && ran.stderr.contains("is not UTF-8 from byte 3 on"), "{ran:?}");
    std::fs::write(&file, vec![b'x'; (256 << 10) + 1]).unwrap();
    let ran = run(&stub.url, &["maintenance", "shop", "on", "--page", page]).await;
    assert!(ran.status == 1 && ran.stderr.contains("at most 256KiB"), "{ran:?}");
    let ran = run(&stub.url, &["maintenance", "shop", "off", "--note", "why"]).await;
    assert!(ran.status == 2 && ran.stderr.contains("go with `on`, not `off`"), "{ran:?}");
    assert_eq!(stub.calls().len(), before);
}

#[tokio::test]
async fn maintenance_that_an_edge_has_not_followed_fails() {
    let stub = Stub::start(|_, _| {
        let on = json!({ "since": "2026-11-24T11:48:00Z", "by": "mika", "retry_after": "5m" });
        let edges =
            json!([{ "edge": "local" }, { "edge": "north", "missing": "it is not connected" }]);
        answer(200, &json!({ "changed": true, "on": on, "page_bytes": 0, "edges": edges }))
    })
    .await;
    for also in [&[][..], &["--json"]] {
        let ran = run(&stub.url, &[&["maintenance", "shop", "on"], also].concat()).await;
        assert_eq!(ran.status, 1, "{ran:?}");
        assert!(ran.stdout.contains("it is not connected"), "{ran:?}");
        assert!(ran.stderr.contains("maintenance of shop has not changed on north"), "{ran:?}");
    }
}
