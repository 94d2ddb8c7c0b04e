//! What speaks Fluentd's protocol at the other end.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex};

use launcher_fluent::{ListenOptions, Listener, Record};
use launcher_testkit::clients;
use launcher_testkit::wait::SOON;
use rmpv::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

static CLIENTS: LazyLock<PathBuf> =
    LazyLock::new(|| clients::installed("fluent-clients", env!("CARGO_TARGET_TMPDIR")));

/// A listener that does not always take what it gets.
pub(crate) struct Collector {
    listener: Listener,
    records: Arc<Mutex<Vec<Record>>>,
    pub(crate) refused: Arc<AtomicUsize>,
}

impl Collector {
    /// One that drops every second batch, and its connection with it, when it is `unreliable`.
    pub(crate) async fn at(address: SocketAddr, unreliable: bool) -> Self {
        let options = ListenOptions::at(address);
        let (listener, mut batches) = Listener::bind(options).await.unwrap();
        let (records, refused) =
            (Arc::<Mutex<Vec<Record>>>::default(), Arc::<AtomicUsize>::default());
        let (taken, dropped) = (records.clone(), refused.clone());
        tokio::spawn(async move {
            let mut refuse = unreliable;
            while let Some(batch) = batches.recv().await {
                if refuse {
                    dropped.fetch_add(1, SeqCst);
                } else {
                    taken.lock().unwrap().extend(batch.records());
                    batch.ack.done();
                }
                refuse = unreliable && !refuse;
            }
        });
        Self { listener, records, refused }
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap().clone()
    }

    /// The paths of the records.
    pub(crate) fn paths(&self) -> BTreeSet<String> {
        let records = self.records.lock().unwrap();
        records.iter().map(|record| text(record, "path").to_owned()).collect()
    }

    /// Is away from now on.
    pub(crate) async fn stop(self) -> BTreeSet<String> {
        let records = self.records.clone();
        self.listener.stop().await;
        let records = records.lock().unwrap();
        records.iter().map(|record| text(record, "path").to_owned()).collect()
    }
}

pub(crate) fn text<'r>(record: &'r Record, field: &str) -> &'r str {
    record.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The server for Node.js, which prints what it gets.
pub(crate) struct Node {
    pub(crate) port: u16,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Node {
    pub(crate) async fn start(options: &serde_json::Value) -> Self {
        let script = "../fluent/tests/forward/clients/server.js";
        let mut command = Command::new("node");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script)).arg(options.to_string());
        command.env("NODE_PATH", CLIENTS.join("node_modules")).kill_on_drop(true);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
        Self { port: port.parse().unwrap(), lines, _process: process }
    }

    pub(crate) async fn next(&mut self) -> serde_json::Value {
        let line = timeout(SOON, self.lines.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

/// Sends records with fluent-logger for Python, as Fluentd would that follows a file.
pub(crate) async fn send(to: SocketAddr, records: &[serde_json::Value]) {
    let mut command = Command::new(CLIENTS.join("venv/bin/python"));
    command.arg(script("feed.py")).arg(to.port().to_string());
    assert!(give(command, records).await.status.success());
}

/// Sends records with the client for Node.js, as these options say.
pub(crate) async fn feed(options: &serde_json::Value, records: &[serde_json::Value]) -> Output {
    let mut command = Command::new("node");
    command.arg(script("feed.js")).arg(options.to_string());
    command.env("NODE_PATH", CLIENTS.join("node_modules")).stderr(Stdio::piped());
    give(command, records).await
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/access_logs").join(name)
}

/// Runs a client that takes records as lines of its input.
async fn give(mut command: Command, records: &[serde_json::Value]) -> Output {
    let mut process = command.stdin(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    for record in records {
        input.write_all(format!("{record}\n").as_bytes()).await.unwrap();
    }
    drop(input);
    timeout(SOON, process.wait_with_output()).await.unwrap().unwrap()
}
