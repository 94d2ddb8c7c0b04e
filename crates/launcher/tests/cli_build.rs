//! How `launcher build` sends a folder, and what it says when that goes wrong.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli_support;

use cli_support::{Stub, answer, events, nowhere, problem, run, unexpected, version};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SETTINGS: &str = "[service]\nname = \"shop\"\nbuild = \".\"\nport = 8080\n";

fn app() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("launcher.toml"), SETTINGS).unwrap();
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    folder
}

fn build(state: &str, reason: Option<&str>) -> Value {
    json!({
        "id": 7, "service": "shop", "origin": "upload", "by": "anna", "state": state, "reason": reason,
        "steps": [], "attempts": 1, "version": (state == "passed").then_some(3),
        "created_at": "2026-01-01T00:00:00Z",
    })
}

/// A server on which the build ends in this state; its log breaks off once.
async fn server(state: &'static str, reason: Option<&'static str>) -> Stub {
    let entry = |text: &str| json!({ "kind": "note", "at": "2026-01-01T00:00:00Z", "text": text });
    Stub::start(move |call, before| match call.line.as_str() {
        "GET /api/v1/services/shop" => answer(200, &json!({ "name": "shop" })),
        "POST /api/v1/services/shop/builds" => answer(202, &build("queued", None)),
        "GET /api/v1/builds/7/log" if before == 0 => events(&[("entry", 1, entry("one"))]),
        "GET /api/v1/builds/7/log" => {
            events(&[("entry", 1, entry("one")), ("entry", 2, entry("two")), ("end", 3, json!({}))])
        }
        "GET /api/v1/builds/7" => answer(200, &build(state, reason)),
        "GET /api/v1/services/shop/versions/3" => answer(200, &version(3, "ready")),
        _ => unexpected(call),
    })
    .await
}

#[tokio::test]
async fn a_folder_is_sent_followed_and_told() {
    let (stub, app) = (server("passed", None).await, app());
    let from = app.path().to_str().unwrap();
    let ran = run(&stub.url, &["build", "--from", from, "--branch", "try"]).await;
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (0, "v3 http://v3.shop.localhost:8080\n"),
        "{ran:?}"
    );
    let lines: Vec<_> = ran.stderr.lines().filter(|line| ["one", "two"].contains(line)).collect();
    assert_eq!(lines, ["one", "two"], "each is told once: {ran:?}");
    let calls = stub.calls();
    let sent = calls.iter().find(|call| call.line.starts_with("POST")).unwrap();
    let boundary = sent.header("content-type").split_once("boundary=").unwrap().1.to_owned();
    let text = String::from_utf8_lossy(&sent.body).into_owned();
    let parts: Vec<&str> = text.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 5, "{text}");
    let named = |name: &str| format!("\r\nContent-Disposition: form-data; name=\"{name}\"\r\n");
    assert_eq!(parts[1], format!("{}\r\n{SETTINGS}\r\n", named("settings")));
    assert_eq!(parts[2], format!("{}\r\ntry\r\n", named("branch")));
    assert!(parts[3].starts_with(&named("context")) && parts[3].contains("FROM scratch"));
    assert_eq!(parts[4], "--\r\n");
}

#[tokio::test]
async fn a_build_that_fails_exits_with_1() {
    let (stub, app) = (server("failed", Some("test failed: no luck")).await, app());
    let ran = run(&stub.url, &["build", "--from", app.path().to_str().unwrap(), "--json"]).await;
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.ends_with("\nerror: build 7: test failed: no luck\n"), "{ran:?}");
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["state"], "failed");
}

#[tokio::test]
async fn who_is_refused_sends_nothing() {
    let stub = Stub::start(|_, _| problem(404, "not-found", "there is no service shop")).await;
    let app = app();
    let from = app.path().to_str().unwrap();
    let ran = run(&stub.url, &["build", "--from", from]).await;
    let words = format!(
        "error: there is no service shop; create it with `launcher apply -f {from}/launcher.toml`, and build it again\n"
    );
    assert_eq!((ran.status, ran.stderr.as_str()), (1, words.as_str()));
    assert_eq!(stub.lines(), ["GET /api/v1/services/shop"]);
    let ran = run(&stub.url, &["build", "blog", "--from", from]).await;
    assert!(ran.stderr.contains("is of the service shop, and not of blog"), "{ran:?}");
    let ran = run(&nowhere().await, &["build", "--from", from]).await;
    assert!(ran.status == 1 && ran.stderr.contains("no server answers at"), "{ran:?}");
}

#[tokio::test]
async fn a_server_that_goes_away_in_the_middle_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 4096];
            loop {
                let length = stream.read(&mut buffer).await.unwrap_or(0);
                if !buffer[..length].starts_with(b"GET ") {
                    break;
                }
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2";
                stream.write_all(format!("{head}\r\n\r\n{{}}").as_bytes()).await.unwrap();
            }
        }
    });
    let app = app();
    let large = std::fs::File::create(app.path().join("large")).unwrap();
    large.set_len(64 << 20).unwrap();
    let ran = run(&url, &["build", "--from", app.path().to_str().unwrap()]).await;
    server.abort();
    assert_eq!(ran.status, 1, "{ran:?}");
    for words in ["broke while the working copy was being sent", "`launcher builds` shows whether"]
    {
        assert!(ran.stderr.contains(words), "{ran:?}");
    }
}

#[tokio::test]
async fn a_log_is_followed_whether_that_is_said_or_not() {
    let stub = server("passed", None).await;
    for arguments in [
        &["builds", "log", "7"][..],
        &["builds", "log", "7", "-f"],
        &["builds", "log", "--follow", "7"],
    ] {
        let ran = run(&stub.url, arguments).await;
        assert_eq!(
            (ran.status, ran.stdout.lines().last()),
            (0, Some("two")),
            "{arguments:?}: {ran:?}"
        );
    }
}
