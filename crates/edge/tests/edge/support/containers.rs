//! Containers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

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

/// A container that echoes what comes over a WebSocket, and is healthy when it takes a connection.
pub(crate) async fn websocket_echo() -> Container {
    Container::raw("websocket", |stream| async move {
        let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
        let (write, read) = futures_util::StreamExt::split(socket);
        let _ = futures_util::StreamExt::forward(read, write).await;
    })
    .await
}
