//! An edge that is replaced while clients of HTTP/2 have requests under way: those end where they are, and
//! the next ones go to its successor.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use launcher_edge::table::ServiceTable;
use launcher_edge::{CertificateFiles, Config, Daemon, Https, Start};
use launcher_testkit::Folder;
use rustls::ClientConfig;
use tokio::net::{TcpStream, UnixListener};
use tokio::process::Command;

use super::ending::slow;
use crate::support::*;

/// How clients reach an edge.
#[derive(Clone)]
struct Way {
    address: SocketAddr,
    /// None where they speak without TLS.
    tls: Option<Arc<ClientConfig>>,
}

impl Way {
    async fn connect(&self) -> Http2 {
        match &self.tls {
            None => Http2::over(TcpStream::connect(self.address).await.unwrap()).await,
            Some(client) => Http2::over(greet(self.address, HOST, client).await.unwrap()).await,
        }
    }

    fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/", self.address)
    }
}

/// An edge that is replaced, again and again.
struct Line {
    edge: Edge,
    control: Control,
    listener: UnixListener,
    dir: Folder,
    files: CertificateFiles,
    _keys: Folder,
    authority: Authority,
    services: Vec<ServiceTable>,
}

impl Line {
    async fn new(services: Vec<ServiceTable>) -> Self {
        let (keys, authority) = (Folder::new(), Authority::new());
        let files = authority.issue(keys.path(), "shop", &[HOST]);
        let https = Https {
            addresses: vec!["127.0.0.1:0".parse().unwrap()],
            certificates: vec![files.clone()],
            ..Https::default()
        };
        let lab = Lab::start(&services, |config| config.https = https).await;
        let Lab { edge, control, listener, dir } = lab;
        Self { edge, control, listener, dir, files, _keys: keys, authority, services }
    }

    fn ways(&self) -> [Way; 2] {
        let mut client = self.authority.client();
        client.alpn_protocols = vec![b"h2".to_vec()];
        let encrypted = Way { address: self.edge.https[0], tls: Some(Arc::new(client)) };
        [Way { address: self.edge.http, tls: None }, encrypted]
    }

    /// Has another edge take the place of the one that serves, which is returned.
    async fn succeed(&mut self) -> Edge {
        let config = Config {
            http: Vec::new(),
            https: Https { certificates: vec![self.files.clone()], ..Https::default() },
            ..config(self.dir.path())
        };
        let start = Start { sockets: Vec::new(), take_over: true };
        let next = soon("taking over", Daemon::begin(config, start)).await.unwrap();
        let before = std::mem::replace(&mut self.edge, Edge::run(next));
        self.control = Control::accept(&self.listener).await;
        self.control.welcome(&self.services).await;
        before
    }
}

fn live(container: &Container) -> Vec<ServiceTable> {
    vec![shop(1, &[(1, 100)], &[(1, &[container])])]
}

/// Waits until a client knows that it is to send no more.
async fn is_told(client: &mut Http2) {
    let told = soon("GOAWAY", async {
        loop {
            match std::future::poll_fn(|cx| client.send.poll_ready(cx)).await {
                Err(error) => break error,
                Ok(()) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    });
    assert!(told.await.is_go_away());
}

#[tokio::test]
async fn what_is_under_way_ends_and_the_next_goes_to_the_successor() {
    const EACH: usize = 40;
    let (container, go) = slow("late").await;
    let mut line = Line::new(live(&container)).await;
    let mut clients = Vec::new();
    for way in line.ways() {
        let mut client = way.connect().await;
        let mut responses = Vec::new();
        for _ in 0..EACH {
            responses.push(client.begin(asking("GET", "/"), true).await.0);
        }
        clients.push((client, responses));
    }
    until("all are there", || container.requests() == 2 * EACH).await;
    let before = line.succeed().await;
    // A client is told with the next response, or in its turn; here it has one at once.
    for (client, _) in &mut clients {
        let unknown = http::Request::get("http://other.test/").body(()).unwrap();
        assert_eq!(client.ask(unknown).await.unwrap().status, 404);
        is_told(client).await;
    }
    // Who connects from now on is the successor's.
    let mut later = Vec::new();
    for way in line.ways() {
        let mut client = way.connect().await;
        let (response, _) = client.begin(asking("GET", "/"), true).await;
        later.push((client, vec![response]));
    }
    until("they are there", || line.edge.in_flight() == 2).await;
    assert_eq!(before.in_flight(), 2 * EACH as u64);
    go.send(true).unwrap();
    for (client, responses) in clients.into_iter().chain(later) {
        for response in responses {
            let answer = whole2(soon("an answer", response).await.unwrap()).await.unwrap();
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "late"));
        }
        drop(client);
    }
    before.ended().await;
}

/// Asks until it is enough, some at a time, and connects anew when it is told to. Returns how many requests
/// were answered, and over how many connections.
async fn ask_on(way: Way, enough: Arc<AtomicBool>) -> (u64, u64) {
    let (mut answered, mut connections) = (0, 0);
    while !enough.load(Ordering::SeqCst) {
        let mut client = way.connect().await;
        connections += 1;
        while !enough.load(Ordering::SeqCst) {
            let mut responses = Vec::new();
            while responses.len() < 16 {
                let Ok(send) = client.send.clone().ready().await else { break };
                client.send = send;
                let Ok((response, _)) = client.send.send_request(asking("GET", "/"), true) else {
                    break;
                };
                responses.push(response);
            }
            // None has been sent that was not taken: the client was told before.
            let is_told = responses.len() < 16;
            for response in responses {
                let response = soon("a response", response).await.expect("a request was lost");
                assert_eq!(whole2(response).await.expect("a response was cut").body, "c");
                answered += 1;
            }
            if is_told {
                break;
            }
        }
    }
    (answered, connections)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_replaced_again_and_again_under_load_and_no_request_is_lost() {
    const TIMES: u64 = 10;
    let container = Container::named("c").await;
    let mut line = Line::new(live(&container)).await;
    let enough = Arc::new(AtomicBool::new(false));
    let ways = line.ways();
    let asking: Vec<_> =
        (0..8).map(|n| tokio::spawn(ask_on(ways[n % 2].clone(), enough.clone()))).collect();
    for _ in 0..TIMES {
        let so_far = container.requests();
        until("load", || container.requests() > so_far + 200).await;
        line.succeed().await.ended().await;
    }
    enough.store(true, Ordering::SeqCst);
    for asking in asking {
        let (answered, connections) = soon("the last answers", asking).await.unwrap();
        assert!(answered > 100 && connections > TIMES, "{answered} {connections}");
    }
    assert_eq!(line.edge.counters.read()[0].counted.failed, 0);
}

#[tokio::test]
async fn h2load_is_answered_by_the_edge_that_was_replaced() {
    let (container, go) = slow("by h2load").await;
    let mut line = Line::new(live(&container)).await;
    let host = format!(":authority: {HOST}");
    let running = line.ways().map(|way| {
        let mut command = Command::new("h2load");
        command.args(["-n", "64", "-c", "4", "-m", "16", "-H", &host, &way.url()]);
        tokio::spawn(command.stdin(Stdio::null()).kill_on_drop(true).output())
    });
    until("all are there", || container.requests() == 128).await;
    let before = line.succeed().await;
    go.send(true).unwrap();
    for running in running {
        let output = soon("h2load", running).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let all = "64 total, 64 started, 64 done, 64 succeeded, 0 failed, 0 errored, 0 timeout";
        assert!(said.contains(all), "{said}");
    }
    before.ended().await;
}
