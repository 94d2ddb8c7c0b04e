//! A stand-in for a server, whose answers a test decides, and the program as a user starts it.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// Longer than anything here takes; a program that hangs is ended then.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a call was.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Method and path with query, such as `GET /api/v1/services?limit=500`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A server that answers as a test says, and keeps what it was called with.
#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Stub {
    /// Starts one; `answer` is given each call and how many calls of the same line came before it.
    pub(crate) async fn start(
        answer: impl Fn(&Call, usize) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let kept = calls.clone();
        let router = Router::new().fallback(move |request: Request| {
            let (answer, kept) = (answer.clone(), kept.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, 1 << 20).await.unwrap();
                let path = parts.uri.path_and_query().unwrap();
                let line = format!("{} {path}", parts.method);
                let call = Call { line, headers: parts.headers, body };
                let before = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(call.clone());
                    kept.iter().filter(|one| one.line == call.line).count() - 1
                };
                answer(&call, before)
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, calls }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.line).collect()
    }

    /// The URL of a way to this server on which the first `cut` answers are lost.
    pub(crate) async fn behind_bad_line(&self, cut: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let upstream = self.url.trim_start_matches("http://").to_owned();
        let taken = AtomicUsize::new(0);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let lost = taken.fetch_add(1, Ordering::SeqCst) < cut;
                let server = TcpStream::connect(&upstream).await.unwrap();
                tokio::spawn(relay(client, server, lost));
            }
        });
        url
    }
}

async fn relay(mut client: TcpStream, mut server: TcpStream, lost: bool) {
    if !lost {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        return;
    }
    let mut buffer = vec![0; 64 << 10];
    loop {
        tokio::select! {
            read = client.read(&mut buffer) => match read {
                Ok(length) if length > 0 => server.write_all(&buffer[..length]).await.unwrap(),
                _ => return,
            },
            // The answer is there, and nobody will ever hear it.
            _ = server.readable() => return,
        }
    }
}

/// A URL at which nothing listens.
pub(crate) async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

pub(crate) fn answer(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

pub(crate) fn problem(status: u16, kind: &str, detail: &str) -> Response {
    let body = json!({
        "type": format!("urn:launcher:problem:{kind}"), "title": "No", "status": status, "detail": detail,
    });
    let headers = [("content-type", "application/problem+json")];
    (StatusCode::from_u16(status).unwrap(), headers, body.to_string()).into_response()
}

pub(crate) fn unexpected(call: &Call) -> Response {
    problem(404, "not-found", &format!("the test expects no {}", call.line))
}

/// A stream of `(name, id, data)`, which ends with the last one.
pub(crate) fn events(events: &[(&str, i64, Value)]) -> Response {
    let texts = events.iter().map(|(name, id, data)| {
        format!(": a comment\n\nevent: {name}\nid: {id}\ndata: {data}\n\n")
    });
    ([("content-type", "text/event-stream")], texts.collect::<String>()).into_response()
}

/// A version of the service `shop`, whose environment is in this state.
pub(crate) fn version(number: u32, state: &str) -> Value {
    let text = include_str!("../../src/cli/render/fixtures/versions.json");
    let mut version = serde_json::from_str::<Value>(text).unwrap()[0].clone();
    version["number"] = json!(number);
    version["environment"]["version"] = json!(number);
    version["environment"]["state"] = json!(state);
    version["environment"]["preview_url"] = json!(format!("http://v{number}.shop.localhost:8080"));
    version
}

/// The program, with nothing of the surroundings but what is given.
pub(crate) fn launcher(home: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    command.args(arguments).env_clear().env("HOME", home).env("TZ", "UTC").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program against a server, with a token.
pub(crate) async fn run(url: &str, arguments: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let mut command = launcher(home.path(), arguments);
    end(command.env("LAUNCHER_URL", url).env("LAUNCHER_TOKEN", "of-the-test")).await
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) async fn end(command: &mut Command) -> Ran {
    ended(command.spawn().unwrap(), "").await
}

/// Gives a started program its input, and waits for its end.
pub(crate) async fn ended(mut child: Child, input: &str) -> Ran {
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.unwrap();
    }
    let output: Output =
        tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it hangs").unwrap();
    Ran {
        status: output.status.code().expect("it was killed"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
