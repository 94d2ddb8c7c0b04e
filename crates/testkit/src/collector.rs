//! A collector of OpenTelemetry's data that reads it with OpenTelemetry's own classes for Python, and fails on
//! demand.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::clients;
use crate::wait::{SOON, until};

/// A collector. It is gone when this is dropped.
pub struct Collector {
    port: u16,
    orders: ChildStdin,
    heard: Arc<Mutex<Heard>>,
    _child: Child,
}

#[derive(Default)]
struct Heard {
    /// Requests, those that were not taken too.
    requests: Vec<Value>,
    /// How many orders it has.
    orders: usize,
}

/// A point of a metric that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What tells it apart from others.
    pub attributes: BTreeMap<String, Value>,
    /// As protobuf's JSON has it: what is 64 bits long is a text.
    pub data: Value,
}

impl Collector {
    /// Starts one. `scratch` is the `CARGO_TARGET_TMPDIR` of the test that asks.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(scratch: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let scratch = scratch.to_owned();
        let installed = move || clients::installed("otlp-clients", &scratch);
        let clients = tokio::task::spawn_blocking(installed).await.unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collector/receiver.py");
        let mut child = Command::new(clients.join("venv/bin/python"))
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().expect("the collector starts");
        let first: Value = serde_json::from_str(&first).unwrap();
        let port = first["port"].as_u64().unwrap().try_into().unwrap();
        let heard = Arc::default();
        tokio::spawn(listen(lines, Arc::clone(&heard)));
        Self { port, orders: child.stdin.take().unwrap(), heard, _child: child }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Has the next requests answered so, one after the other: `receiver.py` says how that is written.
    ///
    /// # Panics
    /// When it is gone.
    pub async fn answer(&mut self, answers: &[Value]) {
        let before = self.heard.lock().unwrap().orders;
        for answer in answers {
            self.orders.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
        }
        until("the collector knows how to answer", SOON, || async {
            let orders = self.heard.lock().unwrap().orders;
            (orders >= before + answers.len()).then_some(())
        })
        .await;
    }

    /// All requests, those too that were not taken, with their headers.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.heard.lock().unwrap().requests.clone()
    }

    fn taken(&self, path: &str) -> Vec<Value> {
        let requests = self.requests().into_iter();
        let taken = requests.filter(|of| of["taken"] == true && of["path"] == path);
        taken.map(|mut of| of["request"].take()).collect()
    }

    /// The points of a metric, whatever its kind, in the order in which they came.
    #[must_use]
    pub fn points(&self, name: &str) -> Vec<Point> {
        let metrics = self.metrics();
        let of_name = metrics.iter().filter(|metric| metric["name"] == name);
        let data = of_name.flat_map(|metric| {
            let kinds = ["sum", "gauge", "histogram", "exponentialHistogram"];
            kinds.into_iter().flat_map(|kind| list(&metric[kind]["dataPoints"]))
        });
        data.map(|data| Point { attributes: attributes(&data), data }).collect()
    }

    /// What is said of a metric, without its points; none before it came.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<Value> {
        let metrics = self.metrics();
        metrics.into_iter().find(|metric| metric["name"] == name)
    }

    fn metrics(&self) -> Vec<Value> {
        let requests = self.taken("/v1/metrics");
        let resources = requests.iter().flat_map(|of| list(&of["resourceMetrics"]));
        let scopes = resources.flat_map(|of| list(&of["scopeMetrics"]));
        scopes.flat_map(|of| list(&of["metrics"])).collect()
    }

    /// The spans that were taken, in the order in which they came.
    #[must_use]
    pub fn spans(&self) -> Vec<Value> {
        let requests = self.taken("/v1/traces");
        let resources = requests.iter().flat_map(|of| list(&of["resourceSpans"]));
        let scopes = resources.flat_map(|of| list(&of["scopeSpans"]));
        scopes.flat_map(|of| list(&of["spans"])).collect()
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// The attributes of a point, a span or a resource: texts, numbers and flags.
#[must_use]
pub fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let attributes = list(&of["attributes"]).into_iter();
    let pairs = attributes.map(|attribute| {
        let value = attribute["value"].as_object().and_then(|value| value.values().next().cloned());
        (attribute["key"].as_str().unwrap_or_default().to_owned(), value.unwrap_or(Value::Null))
    });
    pairs.collect()
}

async fn listen(mut lines: Lines<BufReader<ChildStdout>>, heard: Arc<Mutex<Heard>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(said) = serde_json::from_str::<Value>(&line) else { continue };
        let mut heard = heard.lock().unwrap();
        if said.get("answers").is_some() {
            heard.orders += 1;
        } else {
            heard.requests.push(said);
        }
    }
}
