//! What the tests share: an edge, a control plane in the test's hand, containers and clients.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use launcher_edge::protocol::{DrainOutcome, Flip, FromEdge, Readiness, ToEdge};
use launcher_edge::table::{Passes, Pool, RouteTable, Rules, ServiceTable};
use launcher_edge::wire::{self, Writer};
use launcher_edge::{Config, ControlPlane, Daemon, Limits};
use launcher_model::service::{Health, Traffic};
use launcher_model::{
    DeploymentId, EdgeName, Generation, ServiceName, Span, VersionNumber, Weight,
};
use launcher_testkit::Folder;
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// The production hostname of the tests' service.
pub(crate) const HOST: &str = "shop.test";

/// Longer than anything takes that works.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    soon(what, async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// A running edge.
pub(crate) struct Edge {
    pub(crate) http: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Edge {
    pub(crate) fn start(dir: &Path, limits: Limits) -> Self {
        Self::start_on(dir, limits, "127.0.0.1:0".parse().unwrap())
    }

    pub(crate) fn start_on(dir: &Path, limits: Limits, http: SocketAddr) -> Self {
        let config = Config {
            name: EdgeName::new("test").unwrap(),
            http: vec![http],
            threads: 2,
            data_dir: dir.join("edge"),
            control: ControlPlane::Local(dir.join("control.sock")),
            limits,
            stop_within: Duration::from_secs(5),
        };
        let daemon = Daemon::start(config).unwrap();
        let http = daemon.http()[0];
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move {
            daemon
                .run(async {
                    let _ = stopped.await;
                })
                .await;
        });
        Self { http, stop: Some(stop), running: Some(running) }
    }

    /// Has it stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        soon("stopping", self.running.take().unwrap()).await.unwrap();
    }
}

/// The control plane's end of an edge's connection.
pub(crate) struct Control {
    pub(crate) hello: FromEdge,
    to_edge: Writer<WriteHalf<UnixStream>, ToEdge>,
    from_edge: mpsc::UnboundedReceiver<FromEdge>,
    reading: JoinHandle<()>,
    /// Outcomes of drains that came while something else was waited for.
    pub(crate) outcomes: Vec<(i64, DrainOutcome)>,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Control {
    /// Takes the edge's next connection.
    pub(crate) async fn accept(listener: &UnixListener) -> Self {
        let (stream, _) = soon("the edge's connection", listener.accept()).await.unwrap();
        let (mut reader, to_edge) = wire::split::<_, FromEdge, ToEdge>(stream);
        let (heard, from_edge) = mpsc::unbounded_channel();
        let hello = soon("hello", reader.next()).await.unwrap().unwrap();
        let reading = tokio::spawn(async move {
            while let Ok(Some(message)) = reader.next().await {
                if heard.send(message).is_err() {
                    break;
                }
            }
        });
        Self { hello, to_edge, from_edge, reading, outcomes: Vec::new() }
    }

    pub(crate) async fn say(&mut self, message: ToEdge) {
        self.to_edge.send(&message).await.unwrap();
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> FromEdge {
        soon("a message of the edge", self.from_edge.recv()).await.expect("the edge is connected")
    }

    pub(crate) async fn welcome(&mut self, services: &[ServiceTable]) -> Vec<(ServiceName, u64)> {
        let services = services.iter().map(|s| (s.name.clone(), s.clone())).collect();
        let table = RouteTable { preview_domain: "preview.test".into(), services };
        self.say(ToEdge::Welcome { table, unchanged: Vec::new() }).await;
        self.applied().await
    }

    pub(crate) async fn replace(&mut self, service: &ServiceTable) -> Vec<(ServiceName, u64)> {
        self.say(ToEdge::Replace { service: service.clone() }).await;
        self.applied().await
    }

    /// The next message that tells of no drain.
    async fn answer(&mut self) -> FromEdge {
        loop {
            match self.hear().await {
                FromEdge::Drained { deployment, outcome } => {
                    self.outcomes.push((deployment.0, outcome));
                }
                other => return other,
            }
        }
    }

    async fn applied(&mut self) -> Vec<(ServiceName, u64)> {
        match self.answer().await {
            FromEdge::Applied { revisions } => revisions,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn prepare(
        &mut self,
        id: i64,
        service: &ServiceTable,
    ) -> Result<Readiness, String> {
        self.say(ToEdge::Prepare {
            deployment: DeploymentId(id),
            service: service.clone(),
            within_ms: 5_000,
        })
        .await;
        self.prepared(id).await
    }

    pub(crate) async fn prepared(&mut self, id: i64) -> Result<Readiness, String> {
        match self.answer().await {
            FromEdge::Prepared { deployment, outcome } if deployment.0 == id => outcome,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn commit(&mut self, id: i64) -> Result<Flip, String> {
        self.say(ToEdge::Commit { deployment: DeploymentId(id) }).await;
        match self.answer().await {
            FromEdge::Committed { deployment, outcome } if deployment.0 == id => outcome,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn switch(&mut self, id: i64, service: &ServiceTable) -> Flip {
        self.prepare(id, service).await.unwrap();
        self.commit(id).await.unwrap()
    }

    pub(crate) async fn drained(&mut self, id: i64) -> DrainOutcome {
        loop {
            if let Some(at) = self.outcomes.iter().position(|(of, _)| *of == id) {
                return self.outcomes.remove(at).1;
            }
            match self.hear().await {
                FromEdge::Drained { deployment, outcome } => {
                    self.outcomes.push((deployment.0, outcome));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// An edge with its control plane.
pub(crate) struct Lab {
    pub(crate) edge: Edge,
    pub(crate) control: Control,
    pub(crate) listener: UnixListener,
    pub(crate) dir: Folder,
}

impl Lab {
    /// Starts an edge that serves this.
    pub(crate) async fn new(services: &[ServiceTable]) -> Self {
        Self::with(services, Limits::default()).await
    }

    pub(crate) async fn with(services: &[ServiceTable], limits: Limits) -> Self {
        let dir = Folder::new();
        let listener = UnixListener::bind(dir.path().join("control.sock")).unwrap();
        let edge = Edge::start(dir.path(), limits);
        let mut control = Control::accept(&listener).await;
        control.welcome(services).await;
        Self { edge, control, listener, dir }
    }

    /// One GET of production.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        get(self.edge.http, HOST, path).await
    }
}

/// The service of the tests: weights and pools by version.
pub(crate) fn shop(
    revision: u64,
    weights: &[(u32, u8)],
    pools: &[(u32, &[&Container])],
) -> ServiceTable {
    ServiceTable {
        name: ServiceName::new("shop").unwrap(),
        hosts: vec![HOST.to_owned()],
        revision,
        generation: Generation(revision),
        weights: weights
            .iter()
            .map(|(version, weight)| (VersionNumber(*version), Weight::new(*weight).unwrap()))
            .collect(),
        pools: pools
            .iter()
            .map(|(version, of)| (VersionNumber(*version), pool(*version, of)))
            .collect(),
        traffic: Traffic {
            drain: Span::secs(30),
            response_timeout: Span::secs(5),
            connect_timeout: Span::secs(1),
            ..Traffic::default()
        },
        rules: Rules::default(),
    }
}

/// As a control plane makes them, only readable.
pub(crate) fn passes(version: u32) -> Passes {
    Passes { sticky: format!("v{version}.s{version}"), trial: format!("v{version}.t{version}") }
}

fn pool(version: u32, containers: &[&Container]) -> Pool {
    let endpoints = containers.iter().enumerate();
    Pool {
        health: Health { path: Some("/healthz".into()), tcp: false, ..Health::default() },
        endpoints: endpoints.map(|(n, of)| (format!("{n}-{}", of.name), of.address)).collect(),
        passes: passes(version),
        ..Pool::default()
    }
}

/// Something that serves HTTP as a container does.
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Requests that have come, health checks aside.
    pub(crate) requests: Arc<AtomicUsize>,
    /// Connections that have been taken.
    pub(crate) connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
    conversations: Arc<std::sync::Mutex<Vec<JoinHandle<()>>>>,
}

pub(crate) type TestBody = http_body_util::combinators::BoxBody<Bytes, Infallible>;

pub(crate) fn text(text: impl Into<Bytes>) -> Response<TestBody> {
    Response::new(Full::new(text.into()).boxed())
}

impl Container {
    /// Answers every request with its name.
    pub(crate) async fn named(name: &str) -> Self {
        let answer = name.to_owned();
        Self::serve(name, move |_| {
            let answer = answer.clone();
            async move { text(answer) }
        })
        .await
    }

    /// Answers requests as `answer` does, and health checks with 200.
    pub(crate) async fn serve<F, Fut>(name: &str, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response<TestBody>> + Send,
    {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = requests.clone();
        let talk = move |stream: TcpStream| {
            let (answer, counted) = (answer.clone(), counted.clone());
            async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let (answer, counted) = (answer.clone(), counted.clone());
                    async move {
                        if request.uri().path() == "/healthz" {
                            return Ok::<_, Infallible>(text("ok"));
                        }
                        counted.fetch_add(1, Ordering::SeqCst);
                        Ok(answer(request).await)
                    }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades()
                    .await;
            }
        };
        let mut container = Self::raw(name, talk).await;
        container.requests = requests;
        container
    }

    /// Does with each connection what `talk` does.
    pub(crate) async fn raw<F, Fut>(name: &str, talk: F) -> Self
    where
        F: Fn(TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let conversations = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (counted, all) = (connections.clone(), conversations.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let conversation = tokio::spawn(talk(stream));
                all.lock().unwrap().push(conversation);
            }
        });
        let requests = Arc::new(AtomicUsize::new(0));
        Self { name: name.to_owned(), address, requests, connections, accepting, conversations }
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Is gone as a container is that was killed.
    pub(crate) fn kill(&self) {
        self.accepting.abort();
        self.hang_up();
    }

    /// Closes its connections, and takes new ones.
    pub(crate) fn hang_up(&self) {
        for conversation in self.conversations.lock().unwrap().drain(..) {
            conversation.abort();
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An answer that has come whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A client's keep-alive connection.
pub(crate) struct Client<B> {
    requests: SendRequest<B>,
}

impl<B> Client<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        let io = TokioIo::new(stream);
        let (requests, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(async move {
            let _ = connection.with_upgrades().await;
        });
        Self { requests }
    }

    /// Sends a request; `Err` when the connection is of no use any more.
    pub(crate) async fn send(
        &mut self,
        request: Request<B>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        self.requests.ready().await?;
        soon("a response", self.requests.send_request(request)).await
    }

    pub(crate) async fn ask(&mut self, request: Request<B>) -> Answer {
        whole(self.send(request).await.unwrap()).await
    }
}

pub(crate) async fn whole(response: Response<Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = soon("a body", body.collect()).await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) fn request(host: &str, path: &str) -> Request<Empty<Bytes>> {
    Request::get(path).header("host", host).body(Empty::new()).unwrap()
}

pub(crate) async fn get(to: SocketAddr, host: &str, path: &str) -> Answer {
    Client::connect(to).await.ask(request(host, path)).await
}

/// Sends bytes as they are and returns all that comes back until the edge closes the connection.
pub(crate) async fn raw(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    soon("the end of the connection", stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until the text has come.
pub(crate) async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    soon(text, async {
        while !String::from_utf8_lossy(&read).contains(text) {
            let mut part = [0; 1024];
            let n = stream.read(&mut part).await.unwrap();
            assert!(n > 0, "closed after {:?}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&part[..n]);
        }
    })
    .await;
    String::from_utf8_lossy(&read).into_owned()
}

/// A container that echoes what comes over a WebSocket, and is healthy when it takes a connection.
pub(crate) async fn websocket_echo() -> Container {
    Container::raw("websocket", |stream| async move {
        let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
        let (write, read) = futures_util::StreamExt::split(socket);
        let _ = futures_util::StreamExt::forward(read, write).await;
    })
    .await
}

pub(crate) type WebSocket = tokio_tungstenite::WebSocketStream<TcpStream>;

/// A client's WebSocket to production.
pub(crate) async fn websocket(to: SocketAddr) -> WebSocket {
    let stream = TcpStream::connect(to).await.unwrap();
    let url = format!("ws://{HOST}/");
    soon("a WebSocket", tokio_tungstenite::client_async(url, stream)).await.unwrap().0
}
