//! What the command line prints of lists and events: all of it, nothing that a terminal obeys, and for as
//! long as somebody reads.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli_support;

use cli_support::{Stub, answer, ended, events, launcher, problem, run, unexpected, version};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test]
async fn what_others_wrote_does_nothing_to_a_terminal() {
    let stub = Stub::start(|_, _| {
        let text = include_str!("../src/cli/render/fixtures/deployments.json");
        let mut deployments: serde_json::Value = serde_json::from_str(text).unwrap();
        deployments[0]["note"] = json!("a\u{1b}[31mred\nline2");
        answer(200, &json!({ "items": deployments, "next": null }))
    });
    let stub = stub.await;
    let ran = run(&stub.url, &["history", "shop"]).await;
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stdout.contains(r"a\x1b[31mred\nline2"), "{ran:?}");
    assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
    let ran = run(&stub.url, &["history", "shop", "--json"]).await;
    let printed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed[0]["note"], "a\u{1b}[31mred\nline2");
    let refused = Stub::start(|_, _| problem(409, "refused", "it said \u{1b}]0;x\u{7}")).await;
    let ran = run(&refused.url, &["stop", "shop", "2"]).await;
    assert_eq!(ran.stderr, "error: it said \\x1b]0;x\\x07\n");
}

#[tokio::test]
async fn a_list_is_followed_to_its_end() {
    let stub = Stub::start(|call, _| match call.line.as_str() {
        "GET /api/v1/services?limit=500" => {
            answer(200, &json!({ "items": [{ "name": "a" }], "next": "a b" }))
        }
        "GET /api/v1/services?limit=500&cursor=a+b" => {
            answer(200, &json!({ "items": [{ "name": "c" }], "next": null }))
        }
        _ => unexpected(call),
    });
    let stub = stub.await;
    let ran = run(&stub.url, &["services", "--json"]).await;
    assert_eq!(ran.status, 0, "{ran:?}");
    let printed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed, json!([{ "name": "a" }, { "name": "c" }]));
}

#[tokio::test]
async fn an_empty_list_says_what_to_do_next_and_is_empty_as_json() {
    let stub = Stub::start(|_, _| answer(200, &json!({ "items": [], "next": null }))).await;
    let lists = [
        &["services"][..],
        &["status"],
        &["history", "shop"],
        &["hosts"],
        &["edges"],
        &["certificates"],
        &["containers"],
        &["secret", "list"],
        &["token", "list"],
    ];
    for list in lists {
        let ran = run(&stub.url, list).await;
        assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{list:?}");
        assert!(ran.stderr.contains("`launcher "), "{list:?}: {ran:?}");
        let ran = run(&stub.url, &[list, &["--json"]].concat()).await;
        assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (0, "[]\n", ""));
    }
}

#[tokio::test]
async fn no_event_is_asked_for_and_none_is_said_to_be_missing() {
    let stub = Stub::start(|call, _| {
        let event = |id: i64| {
            let text = format!("event {id}");
            json!({ "id": id, "at": "2026-11-24T12:00:00Z", "kind": "edge_connected", "text": text })
        };
        match call.line.as_str() {
            "GET /api/v1/events?limit=1" => {
                answer(200, &json!({ "items": [event(7)], "next": "7" }))
            }
            "GET /api/v1/events?after=7" => events(&[("edge_connected", 8, event(8))]),
            _ => unexpected(call),
        }
    });
    let stub = stub.await;
    let ran = run(&stub.url, &["events", "-n", "0"]).await;
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    let home = tempfile::tempdir().unwrap();
    let mut command = launcher(home.path(), &["events", "-n", "0", "-f"]);
    command.env("LAUNCHER_URL", &stub.url).env("LAUNCHER_TOKEN", "of-the-test");
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    assert_eq!(first, "2026-11-24 12:00:00  event 8", "what is older is not followed");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn events_are_printed_as_comma_separated_values() {
    let stub = Stub::start(|call, _| {
        let event = json!({ "id": 7, "at": "2026-11-24T12:00:00Z", "kind": "deployment_live", "service": "shop",
            "version": 42, "deployment": 3, "by": "mika", "text": "v42 is live, \"at last\"" });
        match call.line.as_str() {
            "GET /api/v1/events?kind=deployment&limit=500" => {
                answer(200, &json!({ "items": [event], "next": null }))
            }
            "GET /api/v1/events?limit=500" => answer(200, &json!({ "items": [], "next": null })),
            _ => unexpected(call),
        }
    });
    let stub = stub.await;
    let head = "id,at,kind,service,version,deployment,by,text\r\n";
    let line = "7,2026-11-24T12:00:00Z,deployment_live,shop,42,3,mika,\"v42 is live, \"\"at last\"\"\"\r\n";
    let ran = run(&stub.url, &["events", "--kind", "deployment", "--csv"]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (0, format!("{head}{line}").as_str()));
    let ran = run(&stub.url, &["events", "--csv"]).await;
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (0, head, ""));
    assert_eq!(run(&stub.url, &["events", "--csv", "-f"]).await.status, 2);
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it_silently() {
    let stub = Stub::start(|call, _| {
        let event = |id: i64| {
            let text = format!("event {id}");
            json!({ "id": id, "at": "2026-11-24T12:00:00Z", "kind": "edge_connected", "text": text })
        };
        if call.line.contains("limit") {
            return answer(200, &json!({ "items": [event(1)], "next": null }));
        }
        let many: Vec<_> = (2..5000).map(|id| ("edge_connected", id, event(id))).collect();
        events(&many)
    });
    let stub = stub.await;
    let home = tempfile::tempdir().unwrap();
    let mut command = launcher(home.path(), &["events", "-f"]);
    command.env("LAUNCHER_URL", &stub.url).env("LAUNCHER_TOKEN", "of-the-test");
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "2026-11-24 12:00:00  event 1");
    drop(lines);
    let ran = ended(child, "").await;
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
}

#[tokio::test]
async fn no_line_is_asked_for_and_none_is_said_to_be_missing() {
    let stub = Stub::start(|call, _| match call.line.as_str() {
        "GET /api/v1/services/shop/versions/3" => answer(200, &version(3, "ready")),
        line if line.starts_with("GET /api/v1/services/shop/versions/3/logs") => {
            events(&[("end", 0, json!({ "over": false }))])
        }
        _ => unexpected(call),
    });
    let stub = stub.await;
    let ran = run(&stub.url, &["logs", "shop", "3", "--tail", "0"]).await;
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stderr.contains("--tail 0 asks for no line"), "{ran:?}");
    assert!(!ran.stderr.contains("nothing yet"), "{ran:?}");
    let ran = run(&stub.url, &["logs", "shop", "3", "--tail", "0", "-f"]).await;
    assert!(ran.stderr.contains("has printed nothing since"), "{ran:?}");
    let ran = run(&stub.url, &["logs", "shop", "3"]).await;
    assert!(ran.stderr.contains("have printed nothing yet"), "{ran:?}");
}

#[tokio::test]
async fn what_a_configuration_says_does_nothing_to_a_terminal() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.toml");
    let text = "[[webhooks]]\nname = \"a\\u001b[31mb\"\nkind = \"slack\"\nurl = \"https://a\"\n";
    std::fs::write(&file, text).unwrap();
    let arguments = ["server", "--config", file.to_str().unwrap(), "--data", "/nowhere"];
    let ran = ended(launcher(home.path(), &arguments).spawn().unwrap(), "").await;
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("a\\x1b[31mb") && !ran.stderr.contains('\u{1b}'), "{ran:?}");
}
