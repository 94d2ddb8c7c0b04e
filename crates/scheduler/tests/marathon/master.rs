//! A server that answers as it is told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use launcher_scheduler::marathon::{Config, Marathon};

/// A call as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// With its query.
    pub(crate) target: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What is answered.
pub(crate) enum Reply {
    Json(u16, Value),
    /// Status, content type, body.
    Text(u16, &'static str, String),
    /// Status and `Location`.
    Redirect(u16, String),
    /// A head without a length, and then whatever comes, until there is no more.
    Stream(mpsc::UnboundedReceiver<Vec<u8>>),
    /// Nothing.
    Hangup,
}

type Script = dyn Fn(&Seen) -> Reply + Send + Sync;

/// The server. It is gone when it is dropped.
pub(crate) struct Master {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    serving: JoinHandle<()>,
}

impl Master {
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), script).await
    }

    pub(crate) async fn at(
        address: SocketAddr,
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let script: Arc<Script> = Arc::new(script);
        let record = Arc::clone(&seen);
        let serving = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(answer(stream, Arc::clone(&script), Arc::clone(&record)));
            }
        });
        Self { address, seen, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The driver, as an installation named `test` uses it.
    pub(crate) fn driver(&self) -> Marathon {
        driver(config(&[self]))
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn config(masters: &[&Master]) -> Config {
    let urls = masters.iter().map(|master| master.url()).collect();
    let deadline = Duration::from_secs(10);
    Config { urls, deadline, ..Config::new("test", "") }
}

pub(crate) fn driver(config: Config) -> Marathon {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Marathon::connect(config).unwrap()
}

/// What `/v2/info` says.
pub(crate) fn info(version: &str) -> Value {
    serde_json::json!({ "name": "marathon", "version": version, "leader": "m1:8080", "marathon_config": {} })
}

/// Nothing of anything.
pub(crate) fn nothing(seen: &Seen) -> Reply {
    match seen.path() {
        "/v2/info" => Reply::Json(200, info("1.9.73")),
        "/v2/apps" => Reply::Json(200, serde_json::json!({ "apps": [] })),
        "/v2/queue" => Reply::Json(200, serde_json::json!({ "queue": [] })),
        "/v2/deployments" => Reply::Json(200, serde_json::json!([])),
        _ => Reply::Json(404, serde_json::json!({ "message": "URI not found" })),
    }
}

async fn answer(stream: TcpStream, script: Arc<Script>, record: Arc<Mutex<Vec<Seen>>>) {
    let mut stream = BufReader::new(stream);
    let Some(seen) = read(&mut stream).await else { return };
    let reply = script(&seen);
    record.lock().unwrap().push(seen);
    let mut stream = stream.into_inner();
    let (status, head, body) = match reply {
        Reply::Json(status, body) => {
            (status, "Content-Type: application/json".to_owned(), body.to_string())
        }
        Reply::Text(status, kind, body) => (status, format!("Content-Type: {kind}"), body),
        Reply::Redirect(status, place) => (status, format!("Location: {place}"), String::new()),
        Reply::Hangup => return,
        Reply::Stream(mut pieces) => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\nConnection: close\r\n\r\n";
            if stream.write_all(head.as_bytes()).await.is_err() {
                return;
            }
            while let Some(piece) = pieces.recv().await {
                if stream.write_all(&piece).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            return;
        }
    };
    let head = format!(
        "HTTP/1.1 {status} Status\r\n{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { method, target, headers, body })
}
