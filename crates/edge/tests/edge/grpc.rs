//! gRPC, with its own library for Python at both ends.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use launcher_edge::check::check;
use launcher_edge::table::ServiceTable;
use launcher_edge::{Config, Daemon, Start};
use launcher_model::VersionNumber;
use launcher_model::service::Health;
use launcher_testkit::clients;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::support::*;

/// Longer than a program of Python takes that works, on a machine that has much to do.
const LONG: Duration = Duration::from_secs(120);

async fn python() -> PathBuf {
    let installed = || clients::installed("grpc-clients", env!("CARGO_TARGET_TMPDIR"));
    tokio::task::spawn_blocking(installed).await.unwrap().join("venv/bin/python")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge/grpc").join(name)
}

/// A server. It is gone when this is dropped.
struct Server {
    address: SocketAddr,
    orders: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Server {
    async fn start(python: &Path) -> Self {
        let mut command = Command::new(python);
        command.arg(script("server.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = tokio::time::timeout(LONG, lines.next_line()).await.unwrap().unwrap();
        let port: u16 = port.expect("the server starts").parse().unwrap();
        let address = ([127, 0, 0, 1], port).into();
        Self { address, orders: child.stdin.take().unwrap(), lines, _child: child }
    }

    /// Has it say of itself that it serves, or not.
    async fn says(&mut self, status: &str) {
        self.orders.write_all(format!("{status}\n").as_bytes()).await.unwrap();
        let said = tokio::time::timeout(LONG, self.lines.next_line()).await.unwrap().unwrap();
        assert_eq!(said.as_deref(), Some(status));
    }

    fn table(&self) -> ServiceTable {
        let mut table = speaks_h2c(shop(1, &[(1, 100)], &[(1, &[])]));
        table.traffic.response_timeout = launcher_model::Span::secs(60);
        let pool = table.pools.get_mut(&VersionNumber(1)).unwrap();
        pool.health = Health {
            grpc: true,
            tcp: false,
            timeout: launcher_model::Span::secs(60),
            ..Health::default()
        };
        pool.endpoints = [("0-grpc".to_owned(), self.address)].into();
        table
    }
}

#[tokio::test]
async fn heavy_calls_of_every_kind_pass() {
    let python = python().await;
    let server = Server::start(&python).await;
    let lab = Lab::new(&[server.table()]).await;
    let mut client = Command::new(&python);
    client.arg(script("client.py")).arg(lab.edge.http.to_string()).arg(HOST).kill_on_drop(true);
    let output = tokio::time::timeout(LONG, client.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{wrong}");
    assert_eq!(said, "all is well\n");
    until("nothing is under way", || lab.edge.in_flight() == 0).await;
    assert_eq!(lab.edge.counters.read()[0].counted.failed, 0);
}

/// A client that does what it is told, line by line.
struct Talker {
    orders: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    child: Child,
}

impl Talker {
    fn start(python: &Path, edge: SocketAddr) -> Self {
        let mut command = Command::new(python);
        command.arg(script("talk.py")).arg(edge.to_string()).arg(HOST);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { orders: child.stdin.take().unwrap(), lines, child }
    }

    async fn told(&mut self, order: &str) -> String {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
        let said = tokio::time::timeout(LONG, self.lines.next_line()).await.unwrap().unwrap();
        said.unwrap_or_else(|| panic!("{order}: the client has ended"))
    }
}

#[tokio::test]
async fn heavy_a_stream_goes_on_while_its_edge_is_replaced() {
    let python = python().await;
    let server = Server::start(&python).await;
    let lab = Lab::new(&[server.table()]).await;
    let mut client = Talker::start(&python, lab.edge.http);
    assert_eq!(client.told("stream 1").await, "echo 1");
    assert_eq!(client.told("call abc").await, "cba");

    let config = Config { http: Vec::new(), ..config(lab.dir.path()) };
    let start = Start { sockets: Vec::new(), take_over: true };
    let next = Edge::run(soon("taking over", Daemon::begin(config, start)).await.unwrap());
    let mut control = Control::accept(&lab.listener).await;
    control.welcome(&[server.table()]).await;

    assert_eq!(client.told("stream 2").await, "echo 2");
    // From when it has been told on, calls go over a connection to the successor.
    let calls = async {
        while answered(&next) == 0 {
            assert_eq!(client.told("call def").await, "fed");
        }
    };
    tokio::time::timeout(LONG, calls).await.expect("the client is told");
    assert_eq!(lab.edge.in_flight(), 1);
    assert_eq!(client.told("stream 3").await, "echo 3");
    assert_eq!(client.told("end").await, "StatusCode.OK");
    assert!(tokio::time::timeout(LONG, client.child.wait()).await.unwrap().unwrap().success());
    lab.edge.ended().await;
    next.stop().await;
}

/// How many calls an edge has answered.
fn answered(edge: &Edge) -> u64 {
    edge.counters.read()[0].counted.requests.iter().sum()
}

#[tokio::test]
async fn heavy_a_server_is_healthy_when_it_says_so() {
    let python = python().await;
    let mut server = Server::start(&python).await;
    let contact = server.table().pools[&VersionNumber(1)].contact();
    check(server.address, &contact).await.unwrap();
    server.says("NOT_SERVING").await;
    let why = check(server.address, &contact).await.unwrap_err();
    assert_eq!(why, "grpc.health.v1.Health/Check answered NOT_SERVING");
    server.says("SERVING").await;
    check(server.address, &contact).await.unwrap();
}
