//! What the access log is told.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use launcher_edge::Limits;
use launcher_edge::access::{self, End, Entry, Log, Options, Sink, Traffic, Writer};
use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_edge::table::Assets;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use super::support::{
    Client, Container, HOST, Lab, get, request, reset, shop, soon, text, until, websocket,
    websocket_echo,
};

/// What a test looks at of an entry.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    began: SystemTime,
    took: Duration,
    queued: Duration,
    head: Option<Duration>,
    version: Option<u32>,
    container: Option<String>,
    traffic: Traffic,
    line: String,
    status: Option<u16>,
    bytes: (u64, u64),
    again: u32,
    agent: Option<String>,
    end: End,
}

impl Told {
    fn of(entry: &Entry<'_>) -> Self {
        assert_eq!(entry.service, "shop");
        assert_eq!((entry.client.to_string().as_str(), entry.protocol), ("127.0.0.1", "HTTP/1.1"));
        Self {
            began: entry.began,
            took: entry.took,
            queued: entry.queued,
            head: entry.head,
            version: entry.version,
            container: entry.container.map(str::to_owned),
            traffic: entry.traffic,
            line: format!("{} {}{}", entry.method, entry.host, entry.path),
            status: entry.status,
            bytes: (entry.received, entry.sent),
            again: entry.again,
            agent: entry.agent.as_deref().map(str::to_owned),
            end: entry.end,
        }
    }
}

/// What was told.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<Told>>>);

impl Sink for Book {
    fn write(&mut self, entry: &Entry<'_>) {
        self.0.lock().unwrap().push(Told::of(entry));
    }
}

impl Book {
    fn open() -> (Self, Log, Writer) {
        let book = Self::default();
        let (log, writer) = access::open(book.clone(), Options::default()).unwrap();
        (book, log, writer)
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Waits until so many were told since the last time.
    async fn take(&self, count: usize) -> Vec<Told> {
        until("entries of the log", || self.len() >= count).await;
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    async fn one(&self) -> Told {
        let mut told = self.take(1).await;
        assert_eq!(told.len(), 1);
        told.remove(0)
    }
}

async fn lab(log: Log, services: &[launcher_edge::table::ServiceTable]) -> Lab {
    Lab::logging(services, Limits::default(), Some(log)).await
}

#[tokio::test]
async fn a_request_is_told_whole() {
    let container = Container::serve("one-of-them", |request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut response = text("x".repeat(body.len() * 2));
        *response.status_mut() = StatusCode::CREATED;
        response
    })
    .await;
    let (book, log, _writer) = Book::open();
    let lab = lab(log, &[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let before = SystemTime::now();
    for _ in 0..2 {
        let request = Request::post("/cart?item=1&launcher-try=v9.secret")
            .header("host", HOST)
            .header("user-agent", "test/1.0")
            .header("cookie", "launcher-try-shop=v1.secret")
            .body(Full::new(Bytes::from(vec![1; 500])));
        client.ask(request.unwrap()).await;
    }
    for told in book.take(2).await {
        assert_eq!(told.line, format!("POST {HOST}/cart?item=1"));
        assert_eq!((told.status, told.bytes, told.again), (Some(201), (500, 1000), 0));
        assert_eq!((told.version, told.traffic), (Some(1), Traffic::Production));
        assert_eq!(told.container.as_deref(), Some("0-one-of-the"));
        assert_eq!((told.agent.as_deref(), told.end), (Some("test/1.0"), End::Whole));
        let head = told.head.unwrap();
        assert!(head >= Duration::from_millis(20) && head <= told.took, "{told:?}");
        assert_eq!(told.queued, Duration::ZERO);
        let passed = told.began.duration_since(before - Duration::from_millis(5));
        assert!(passed.unwrap() < Duration::from_secs(10), "{told:?}");
        assert!(!format!("{told:?}").contains("secret"));
    }
}

#[tokio::test]
async fn what_the_edge_answers_itself_is_told() {
    let container = Container::named("c").await;
    let (book, log, _writer) = Book::open();
    let lab = lab(log, &[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let address = lab.edge.http;
    // Nobody's.
    assert_eq!(get(address, "unknown.test", "/").await.status, 404);
    let missing = get(address, "v7.shop.preview.test", "/a").await;
    let told = book.one().await;
    assert_eq!((told.status, told.version, told.container), (Some(404), Some(7), None));
    assert_eq!((told.traffic, told.head, told.end), (Traffic::Preview, None, End::Whole));
    assert_eq!(told.bytes.1, missing.body.len() as u64);
    // A link that tries a version is followed.
    assert_eq!(get(address, HOST, "/b?launcher-try=v1.t1").await.status, 302);
    let told = book.one().await;
    assert_eq!((told.status, told.line), (Some(302), format!("GET {HOST}/b")));
    container.kill();
    let failed = get(address, HOST, "/c").await;
    let told = book.one().await;
    assert_eq!((told.status, told.again), (Some(502), 1));
    assert_eq!((told.version, told.bytes.1), (Some(1), failed.body.len() as u64));
    assert_eq!(told.container.as_deref(), Some("0-c"));
}

#[tokio::test]
async fn an_answer_that_ends_early_is_told_as_such() {
    let breaks = Container::raw("breaks", |mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart").await;
    })
    .await;
    let waits = Container::raw("waits", |mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart").await;
        std::future::pending::<()>().await;
    })
    .await;
    let silent = Container::raw("silent", |stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let (book, log, _writer) = Book::open();
    let pools: &[(u32, &[&Container])] = &[(1, &[&breaks]), (2, &[&waits]), (3, &[&silent])];
    let lab = lab(log, &[shop(1, &[(1, 100)], pools)]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let response = client.send(request(HOST, "/")).await.unwrap();
    soon("the end", response.into_body().collect()).await.unwrap_err();
    let told = book.one().await;
    assert_eq!((told.status, told.bytes.1, told.end), (Some(200), 4, End::Broken));

    let mut client = Client::connect(lab.edge.http).await;
    let response = client.send(request("v2.shop.preview.test", "/")).await.unwrap();
    drop((response, client));
    let told = book.one().await;
    assert_eq!((told.status, told.version, told.end), (Some(200), Some(2), End::Gone));

    let mut stream = tokio::net::TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: v3.shop.preview.test\r\n\r\n").await.unwrap();
    until("the request", || silent.connections() > 0).await;
    drop(stream);
    let told = book.one().await;
    assert_eq!((told.status, told.version, told.end), (None, Some(3), End::Gone));
    assert_eq!((told.traffic, told.head), (Traffic::Preview, None));
}

#[tokio::test]
async fn a_body_that_does_not_come_whole_is_told_as_what_it_is() {
    let container = Container::serve("c", |request| async move {
        let body = request.into_body().collect().await;
        text(body.map_or_else(|_| "broken".into(), |body| body.to_bytes()))
    })
    .await;
    let (book, log, _writer) = Book::open();
    let lab = lab(log, &[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let head = "POST / HTTP/1.1\r\nhost: shop.test\r\ntransfer-encoding: chunked\r\n\r\n";
    let begin = async || {
        let mut stream = tokio::net::TcpStream::connect(lab.edge.http).await.unwrap();
        stream.write_all(format!("{head}5\r\nhello\r\n").as_bytes()).await.unwrap();
        stream
    };
    let mut stream = begin().await;
    stream.write_all(b"zz\r\n").await.unwrap();
    let told = book.one().await;
    assert_eq!((told.status, told.end, told.bytes.0), (Some(400), End::Whole, 5));
    let mut stream = begin().await;
    stream.shutdown().await.unwrap();
    let told = book.one().await;
    assert_eq!((told.status, told.end), (Some(400), End::Whole));
    let stream = begin().await;
    until("the request", || lab.edge.in_flight() == 1).await;
    reset(stream);
    let told = book.one().await;
    assert_eq!((told.status, told.end), (None, End::Gone));
}

#[tokio::test]
async fn an_upgraded_connection_is_told_when_it_ends() {
    let echo = websocket_echo().await;
    let (book, log, _writer) = Book::open();
    let lab = lab(log, &[shop(1, &[(1, 100)], &[(1, &[&echo])])]).await;
    let mut socket = websocket(lab.edge.http).await;
    socket.send(Message::binary(vec![1; 1000])).await.unwrap();
    soon("the echo", socket.next()).await.unwrap().unwrap();
    assert_eq!(book.len(), 0);
    socket.close(None).await.unwrap();
    while soon("the end", socket.next()).await.is_some() {}
    drop(socket);
    let told = book.one().await;
    assert_eq!((told.status, told.end), (Some(101), End::Whole));
    assert!(told.bytes.0 >= 1008 && told.bytes.1 >= 1004, "{told:?}");
}

#[tokio::test]
async fn another_container_that_was_asked_is_told() {
    let breaks = Container::raw("b", |stream| async move { drop(stream) }).await;
    let whole = Container::named("w").await;
    let (book, log, _writer) = Book::open();
    let lab = lab(log, &[shop(1, &[(1, 100)], &[(1, &[&breaks, &whole])])]).await;
    let mut told = Vec::new();
    while !told.iter().any(|told: &Told| told.again == 1) {
        assert_eq!(lab.get("/").await.body, "w");
        told.push(book.one().await);
    }
    for told in told {
        assert_eq!((told.status, told.container.as_deref()), (Some(200), Some("1-w")));
    }
}

/// Waits until it may go on.
struct Stuck(mpsc::Receiver<()>);

impl Sink for Stuck {
    fn write(&mut self, _: &Entry<'_>) {
        let _ = self.0.recv();
    }
}

#[tokio::test]
async fn a_log_that_is_stuck_holds_no_request_up() {
    let container = Container::named("c").await;
    let (go_on, stuck) = mpsc::channel();
    let (log, writer) = access::open(Stuck(stuck), Options::default()).unwrap();
    let table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    let lab = lab(log.clone(), std::slice::from_ref(&table)).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Client::connect(lab.edge.http).await);
    }
    // As much as waits for the writer, and more.
    let (path, mut asked) = (format!("/{}", "a".repeat(7_000)), 0_u64);
    soon("more than can wait", async {
        while log.dropped() == 0 {
            let asking = clients.iter_mut().map(|client| client.ask(request(HOST, &path)));
            for answer in futures_util::future::join_all(asking).await {
                assert_eq!(answer.body, "c");
            }
            asked += 8;
        }
    })
    .await;
    assert!(asked * 7_000 > 7 << 20, "{asked}");
    drop(go_on);
    lab.edge.stop().await;
    soon("the writer", writer.close()).await;
    assert!(log.dropped() < asked);
}

#[tokio::test]
async fn nothing_is_missing_when_the_edge_has_stopped() {
    let container = Container::serve("slow", |request| async move {
        if request.uri().path() == "/slow" {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Response::new(Full::new(Bytes::from("done")).boxed())
    })
    .await;
    let (book, log, writer) = Book::open();
    let lab = lab(log, &[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    for _ in 0..30 {
        lab.get("/").await;
    }
    let address = lab.edge.http;
    let slow = tokio::spawn(async move { get(address, HOST, "/slow").await });
    until("the slow request", || container.requests() == 31).await;
    lab.edge.stop().await;
    assert_eq!(slow.await.unwrap().body, "done");
    soon("the writer", writer.close()).await;
    assert_eq!(book.len(), 31);
}

#[tokio::test]
async fn a_file_of_another_version_is_told_as_that_ones() {
    let v1 = Container::named("v1").await;
    let v2 = Container::serve("v2", |_| async {
        let mut response = text("none");
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    })
    .await;
    let (book, log, _writer) = Book::open();
    let mut table = shop(1, &[(2, 100)], &[(1, &[&v1]), (2, &[&v2])]);
    table.rules.assets = Some(Assets {
        prefixes: vec!["/assets/".into()],
        lately: vec![launcher_model::VersionNumber(1)],
    });
    let lab = lab(log, &[table]).await;
    assert_eq!(lab.get("/assets/a.js").await.body, "v1");
    let told = book.one().await;
    assert_eq!((told.version, told.status, told.again), (Some(1), Some(200), 1));
    assert_eq!((told.traffic, told.end), (Traffic::Production, End::Whole));
    assert_eq!(told.container.as_deref(), Some("0-v1"));
    assert_eq!(lab.get("/other.js").await.status, 404);
    let told = book.one().await;
    assert_eq!((told.version, told.status, told.again), (Some(2), Some(404), 0));
}

#[tokio::test]
async fn how_long_a_request_was_held_is_told() {
    let container = Container::named("c").await;
    let (book, log, _writer) = Book::open();
    let mut lab = lab(log, &[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let service = launcher_model::ServiceName::new("shop").unwrap();
    lab.control.say(ToEdge::Hold { service, within_ms: 500 }).await;
    let FromEdge::Held { .. } = lab.control.hear().await else { panic!("it is not held") };
    assert_eq!(lab.get("/").await.status, 200);
    let told = book.one().await;
    assert!(told.queued > Duration::ZERO && told.queued <= told.head.unwrap(), "{told:?}");
    assert_eq!(lab.get("/").await.status, 200);
    assert_eq!(book.one().await.queued, Duration::ZERO);
}
