//! Clients that others wrote, and our listener.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use launcher_fluent::{EventTime, ListenOptions, User};
use launcher_testkit::clients;
use rmpv::Value;
use serde_json::json;
use tokio::process::Command;

use crate::ground::{Certificate, Collector, LOCAL, number, security};

pub(crate) static CLIENTS: LazyLock<PathBuf> =
    LazyLock::new(|| clients::installed("fluent-clients", env!("CARGO_TARGET_TMPDIR")));

/// A program of `clients/`.
pub(crate) fn program(name: &str) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/clients").join(name);
    let python = CLIENTS.join("venv/bin/python");
    let mut command =
        if name.ends_with(".py") { Command::new(python) } else { Command::new("node") };
    command.arg(script).env("NODE_PATH", CLIENTS.join("node_modules")).kill_on_drop(true);
    command
}

async fn run(name: &str, options: &serde_json::Value) {
    let output = program(name).arg(options.to_string()).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn python(nanoseconds: bool, asynchronous: bool) {
    let collector = Collector::start().await;
    let options = json!({
        "port": collector.port(), "nanoseconds": nanoseconds, "async": asynchronous, "count": 500,
    });
    run("sender.py", &options).await;
    let records = collector.wait_for(500).await;
    let nanos = if nanoseconds { 250_000_000 } else { 0 };
    for (index, record) in records.iter().enumerate() {
        assert_eq!(&*record.tag, "python.test");
        assert_eq!(record.time, EventTime { seconds: 1_600_000_000, nanos });
        assert_eq!(number(record), index as u64);
        assert_eq!(record.get("text"), Some(&"grüß dich".into()));
        let list = vec![1.into(), 2.5.into(), Value::Nil, true.into()];
        let nested = Value::Map(vec![("list".into(), Value::Array(list))]);
        assert_eq!(record.get("nested"), Some(&nested));
    }
    let received = collector.listener.received();
    assert_eq!((received.records, received.frames), (500, 500));
    assert_eq!(received.errors, Default::default());
}

#[tokio::test]
async fn fluent_logger_for_python_sends_whole_seconds() {
    python(false, false).await;
}

#[tokio::test]
async fn fluent_logger_for_python_sends_nanoseconds() {
    python(true, false).await;
}

#[tokio::test]
async fn fluent_logger_for_python_sends_from_a_thread_of_its_own() {
    python(true, true).await;
}

/// Sends with the client for Node.js, and checks what came.
async fn node(options: ListenOptions, mut client: serde_json::Value) -> Collector {
    let collector = Collector::with(options).await;
    client["socket"]["port"] = collector.port().into();
    client["socket"]["host"] = client["socket"]["host"].as_str().unwrap_or("127.0.0.1").into();
    run("sender.js", &json!({ "count": 300, "client": client })).await;
    let records = collector.wait_for(300).await;
    assert_eq!(records.len(), 300);
    for (index, record) in records.iter().enumerate() {
        assert_eq!(&*record.tag, "node.test");
        assert_eq!(record.time, EventTime { seconds: 1_600_000_000, nanos: 250_000_000 });
        assert_eq!(number(record), index as u64);
        assert_eq!(record.get("text"), Some(&"grüß dich".into()));
    }
    assert_eq!(collector.listener.received().errors, Default::default());
    collector
}

#[tokio::test]
async fn a_client_for_node_sends_in_all_modes() {
    for mode in ["Message", "Forward", "PackedForward", "CompressedPackedForward"] {
        node(ListenOptions::at(LOCAL), json!({ "eventMode": mode })).await;
        // It waits for its acknowledgements.
        let ack = json!({ "eventMode": mode, "ack": { "ackTimeout": 20_000 } });
        let collector = node(ListenOptions::at(LOCAL), ack).await;
        let received = collector.listener.received();
        assert_eq!(received.acknowledged, received.frames);
    }
}

fn known(users: Vec<User>) -> ListenOptions {
    ListenOptions { security: Some(security("listener")), users, ..ListenOptions::at(LOCAL) }
}

fn ann() -> User {
    User { name: "ann".to_owned(), password: "sesame".into() }
}

#[tokio::test]
async fn a_client_for_node_is_recognized_by_key_and_user() {
    let key = json!({
        "security": { "clientHostname": "node", "sharedKey": "the key" },
        "ack": { "ackTimeout": 20_000 },
    });
    node(known(Vec::new()), key.clone()).await;
    let mut user = key;
    user["security"]["username"] = "ann".into();
    user["security"]["password"] = "sesame".into();
    node(known(vec![ann()]), user).await;
}

#[tokio::test]
async fn a_client_for_node_is_refused_with_another_key_or_password() {
    for (key, password) in [("another key", "sesame"), ("the key", "another password")] {
        let collector = Collector::with(known(vec![ann()])).await;
        let client = json!({
            "socket": { "host": "127.0.0.1", "port": collector.port() },
            "security": {
                "clientHostname": "node", "sharedKey": key, "username": "ann", "password": password,
            },
        });
        let options = json!({ "count": 1, "client": client });
        let output = program("sender.js").arg(options.to_string()).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("mismatch"), "{said}");
        assert_eq!(collector.listener.received().errors.handshake, 1);
        assert!(collector.records().is_empty());
    }
}

#[tokio::test]
async fn a_client_for_node_sends_over_tls() {
    let certificate = Certificate::new();
    let tls = Some(certificate.acceptor());
    let options = ListenOptions { tls, ..known(vec![ann()]) };
    let client = json!({
        "eventMode": "CompressedPackedForward",
        "ack": { "ackTimeout": 20_000 },
        "socket": { "tls": { "ca": certificate.pem, "servername": "localhost" } },
        "security": {
            "clientHostname": "node", "sharedKey": "the key", "username": "ann", "password": "sesame",
        },
    });
    node(options, client).await;
}
