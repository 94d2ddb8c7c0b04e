//! Server and edge as systemd starts them from their socket units: by the program of systemd's that does
//! so from a shell.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Folder};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// `launcher`, started when the first connection comes to one of these addresses, where systemd listens.
struct Activated {
    child: Child,
    log: PathBuf,
}

impl Activated {
    fn new(sockets: &[SocketAddr], dir: &Path, arguments: &[&str]) -> Self {
        let log = dir.join(format!("{}.log", arguments[0]));
        let file = fs::File::create(&log).unwrap();
        // The process that listens becomes the one that is started.
        let mut command = Command::new("systemd-socket-activate");
        command.args(sockets.iter().map(|address| format!("--listen={address}")));
        // No engine is needed here.
        let engine = format!("--setenv=LAUNCHER_DOCKER_HOST=unix://{}/none", dir.display());
        command.arg(engine).arg(env!("CARGO_BIN_EXE_launcher")).args(arguments);
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { child: command.spawn().expect("`systemd-socket-activate` is installed"), log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    async fn listens(&self) {
        until("systemd listening", SOON, || async {
            self.log().contains("Listening on").then_some(())
        })
        .await;
    }

    /// Waits until it ends by itself: whether well.
    async fn ends(&mut self) -> bool {
        let child = &mut self.child;
        for _ in 0..SOON.as_millis() / 10 {
            if let Some(ended) = child.try_wait().unwrap() {
                return ended.success();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("it does not end: {}", self.log());
    }

    async fn stop(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(self.ends().await, "{}", self.log());
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// The status of the answer to a request on a connection of its own.
async fn status(from: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(from).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: nobody\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(SOON, stream.read_to_string(&mut answer));
    read.await.expect("it is answered").unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_server_and_edge_are_started_by_their_first_connections() {
    let dir = Folder::named("activated-");
    let (data, edge) = (dir.path().join("data"), dir.path().join("edge"));
    let (listen, http) = (free_address(), free_address());
    let data_at = data.to_str().unwrap();
    // Another address by its arguments: systemd's socket counts.
    let elsewhere = free_address().to_string();
    let arguments = ["server", "--data", data_at, "--listen", &elsewhere];
    let server = Activated::new(&[listen], dir.path(), &arguments);
    server.listens().await;
    assert!(!data.exists(), "it is not started before somebody comes");
    // The connection that started it is answered.
    assert_eq!(status(listen, "/healthz").await, "200");
    let address = fs::read_to_string(data.join("address")).unwrap();
    assert_eq!(address.trim(), format!("http://{listen}"));
    assert!(TcpListener::bind(&elsewhere).is_ok(), "nothing listens there");

    // The edge has no address but systemd's.
    let (edge_at, socket) = (edge.to_str().unwrap(), data.join("edge.sock"));
    let socket = socket.to_str().unwrap();
    let arguments = ["edge", "--name", "local", "--data", edge_at, "--server-socket", socket];
    let edge = Activated::new(&[http], dir.path(), &arguments);
    edge.listens().await;
    assert_eq!(status(http, "/").await, "404", "there is no service");
    let token = fs::read_to_string(data.join("admin-token")).unwrap();
    let api = Api::new(&format!("http://{listen}"), token.trim());
    let listed = until("the edge being connected", SOON, || async {
        let edges = api.get("/edges").await["items"].clone();
        (edges[0]["state"] == "connected").then_some(edges)
    })
    .await;
    assert_eq!(listed[0]["http"], json!([http.to_string()]));
    edge.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_server_says_that_it_takes_one_socket() {
    let dir = Folder::named("activated-");
    let sockets = [free_address(), free_address()];
    let data = dir.path().join("data");
    let arguments = ["server", "--data", data.to_str().unwrap()];
    let mut server = Activated::new(&sockets, dir.path(), &arguments);
    server.listens().await;
    let _knock = std::net::TcpStream::connect(sockets[0]).unwrap();
    assert!(!server.ends().await);
    let said = server.log();
    assert!(said.contains("the server listens on one socket, and systemd handed over 2"), "{said}");
}
