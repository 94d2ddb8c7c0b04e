//! Every request of the application, over real connections.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use launcher_sample::{Broken, Options, Server};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

type Body = BoxBody<Bytes, std::convert::Infallible>;

/// A running instance.
struct Sample {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    outcome: JoinHandle<u8>,
}

impl Sample {
    async fn start(options: Options) -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let threads = NonZeroUsize::new(2).unwrap();
        let server = Server::bind(Options { listen, threads, ..options }).await.unwrap();
        let addr = server.addr();
        let (stop, stopped) = oneshot::channel();
        let run = async move { server.run(async { stopped.await.unwrap() }).await.unwrap() };
        Self { addr, stop, outcome: tokio::spawn(run) }
    }

    async fn version(version: &str) -> Self {
        Self::start(Options { version: version.into(), ..Options::default() }).await
    }

    async fn connect(&self) -> SendRequest<Body> {
        self.connect_and_watch().await.0
    }

    /// A connection, and a task that ends with it.
    async fn connect_and_watch(&self) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>) {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        (sender, tokio::spawn(connection))
    }

    async fn call(&self, method: &str, path: &str) -> (StatusCode, String) {
        let response = self.connect().await.send_request(request(method, path)).await.unwrap();
        (response.status(), read(response).await)
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.call("GET", path).await
    }
}

fn request(method: &str, path: &str) -> Request<Body> {
    let builder = Request::builder().method(method).uri(path).header("host", "sample");
    builder.body(Empty::new().boxed()).unwrap()
}

/// An echo whose body is sent chunk by chunk.
fn streamed_echo() -> (mpsc::UnboundedSender<Bytes>, Request<Body>) {
    let (chunks, body) = mpsc::unbounded_channel();
    let body = futures_util::stream::unfold(body, |mut body| async {
        body.recv().await.map(|chunk| (Ok(Frame::data(chunk)), body))
    });
    let body = BoxBody::new(StreamBody::new(body));
    (chunks, Request::post("/echo").body(body).unwrap())
}

async fn read(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn the_page_and_its_headers_say_who_answered() {
    let sample = Sample::version("7").await;
    let mut connection = sample.connect().await;
    for count in 1..=2 {
        let response = connection.send_request(request("GET", "/")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        assert_eq!(response.headers()["x-version"], "7");
        let container = response.headers()["x-container"].to_str().unwrap().to_owned();
        let page = read(response).await;
        assert!(page.contains("<h1>7</h1>"), "{page}");
        assert!(page.contains(&format!("container {container}")), "{page}");
        assert!(page.contains(&format!("request {count}<")), "{page}");
    }
    assert_eq!(sample.get("/version").await, (StatusCode::OK, "7".to_owned()));
}

#[tokio::test]
async fn what_it_does_not_know_is_refused() {
    let sample = Sample::version("1").await;
    assert_eq!(sample.get("/nothing").await.0, 404);
    assert_eq!(sample.get("/bytes?n=many").await.0, 400);
    assert_eq!(sample.get("/slow?ms=-1").await.0, 400);
    assert_eq!(sample.get("/exit?code=256").await.0, 400);
    assert_eq!(sample.call("POST", "/version").await.0, 405);
    assert_eq!(sample.get("/health/fail").await.0, 405);
    assert_eq!(sample.call("HEAD", "/version").await, (StatusCode::OK, String::new()));
    assert_eq!(sample.get("/ws").await.0, 426);
}

#[tokio::test]
async fn bytes_are_as_many_as_asked_for() {
    let sample = Sample::version("1").await;
    for n in [0, 1, 65_536, 65_537, 1_000_000] {
        let path = format!("/bytes?n={n}");
        let response = sample.connect().await.send_request(request("GET", &path)).await.unwrap();
        assert_eq!(response.headers()["content-length"], n.to_string().as_str());
        assert_eq!(read(response).await.len(), n);
    }
    assert_eq!(sample.get("/bytes").await.1.len(), 65_536);
}

#[tokio::test]
async fn echo_streams() {
    let sample = Sample::version("1").await;
    let (chunks, request) = streamed_echo();
    let response = sample.connect().await.send_request(request).await.unwrap();
    let mut echo = response.into_body();
    for chunk in ["one", "two"] {
        chunks.send(chunk.into()).unwrap();
        let frame = echo.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), chunk);
    }
    drop(chunks);
    assert!(echo.frame().await.is_none());
}

#[tokio::test]
async fn a_slow_answer_holds_no_other_up() {
    let sample = Sample::version("3").await;
    let begun = Instant::now();
    assert_eq!(sample.get("/slow?ms=50").await.1, "3");
    assert!(begun.elapsed() >= Duration::from_millis(50));

    // More connections than threads, so that one shares the thread of the slow answer.
    let quick = async {
        for _ in 0..4 {
            assert_eq!(sample.get("/version").await.1, "3");
        }
    };
    tokio::select! {
        biased;
        _ = sample.get("/slow?ms=60000") => panic!("the slow answer came first"),
        () = quick => {}
    }
}

#[tokio::test]
async fn an_environment_variable_can_be_read() {
    let sample = Sample::version("1").await;
    assert_eq!(sample.get("/env?name=PATH").await.1, std::env::var("PATH").unwrap());
    assert_eq!(sample.get("/env?name=NOT_SET_AT_ALL").await.0, 404);
    assert_eq!(sample.get("/env").await.0, 404);
}

#[tokio::test]
async fn the_health_check_waits_for_the_start_and_can_be_switched() {
    let start_delay = Duration::from_secs(1);
    let sample = Sample::start(Options { start_delay, ..Options::default() }).await;
    let begun = Instant::now();
    let (status, reason) = sample.get("/healthz").await;
    assert_eq!(status, 503);
    assert!(reason.starts_with("warming up"), "{reason}");
    while sample.get("/healthz").await.0 != 200 {
        assert!(begun.elapsed() < Duration::from_secs(20), "never warm");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(sample.call("POST", "/health/fail").await.0, 204);
    assert_eq!(sample.get("/healthz").await.0, 500);
    assert_eq!(sample.call("POST", "/health/pass").await.0, 204);
    assert_eq!(sample.get("/healthz").await.0, 200);
}

#[tokio::test]
async fn an_unhealthy_one_says_why() {
    let broken = Some(Broken::Unhealthy);
    let sample = Sample::start(Options { broken, ..Options::default() }).await;
    let (status, reason) = sample.get("/healthz").await;
    assert_eq!(status, 500);
    assert!(reason.contains("migration"), "{reason}");
    assert_eq!(sample.get("/version").await.0, 200);
}

#[tokio::test]
async fn a_hanging_one_takes_the_request_and_never_answers() {
    let sample = Sample::start(Options { broken: Some(Broken::Hang), ..Options::default() }).await;
    let answer = tokio::time::timeout(Duration::from_millis(200), sample.get("/healthz")).await;
    assert!(answer.is_err(), "answered {answer:?}");
}

#[tokio::test]
async fn one_with_a_lost_database_ends_with_1() {
    let sample = Sample::start(Options { broken: Some(Broken::Exit), ..Options::default() }).await;
    assert_eq!(sample.outcome.await.unwrap(), 1);
}

#[tokio::test]
async fn a_request_can_end_it_at_once() {
    let sample = Sample::version("1").await;
    let mut connection = sample.connect().await;
    assert!(connection.send_request(request("GET", "/exit?code=3")).await.is_err());
    assert_eq!(sample.outcome.await.unwrap(), 3);
}

#[tokio::test]
async fn the_websocket_says_the_version_and_then_echoes() {
    let sample = Sample::version("42").await;
    let url = format!("ws://{}/ws", sample.addr);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("42"));
    for message in [Message::text("hello"), Message::binary(vec![0, 159, 146, 150])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    assert!(matches!(socket.next().await.unwrap().unwrap(), Message::Close(_)));
}

#[tokio::test]
async fn at_its_end_it_finishes_what_it_has() {
    let sample = Sample::version("1").await;
    let (mut socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{}/ws", sample.addr)).await.unwrap();
    socket.next().await.unwrap().unwrap();
    let (mut idle, idle_ends) = sample.connect_and_watch().await;
    read(idle.send_request(request("GET", "/version")).await.unwrap()).await;

    // The body's first chunk is back, so the request is under way when the end comes.
    let (chunks, request) = streamed_echo();
    let mut busy = sample.connect().await;
    let response = busy.send_request(request).await.unwrap();
    chunks.send("before, ".into()).unwrap();
    let mut echo = response.into_body();
    assert_eq!(echo.frame().await.unwrap().unwrap().into_data().unwrap(), "before, ");

    sample.stop.send(()).unwrap();
    let Some(Ok(Message::Close(Some(close)))) = socket.next().await else { panic!("not closed") };
    assert_eq!(close.code, CloseCode::Away);
    assert!(socket.next().await.is_none());
    idle_ends.await.unwrap().unwrap();
    assert!(TcpStream::connect(sample.addr).await.is_err());
    assert!(!sample.outcome.is_finished());

    chunks.send("after".into()).unwrap();
    drop(chunks);
    assert_eq!(echo.collect().await.unwrap().to_bytes(), "after");
    assert_eq!(sample.outcome.await.unwrap(), 0);
}
