//! Clients.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{HOST, soon};

/// An answer that has come whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A client's keep-alive connection.
pub(crate) struct Client<B>(launcher_testkit::Client<B>);

impl<B> Client<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        Self(launcher_testkit::Client::connect(to).await.unwrap())
    }

    /// Sends a request; `Err` when the connection is of no use any more.
    pub(crate) async fn send(
        &mut self,
        request: Request<B>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        soon("a response", self.0.send(request)).await
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

/// Is gone as a program is that has been killed: who only closes a connection may wait for an answer for all that
/// the other side knows.
pub(crate) fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
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

pub(crate) type WebSocket = tokio_tungstenite::WebSocketStream<TcpStream>;

/// A client's WebSocket to production.
pub(crate) async fn websocket(to: SocketAddr) -> WebSocket {
    let stream = TcpStream::connect(to).await.unwrap();
    let url = format!("ws://{HOST}/");
    soon("a WebSocket", tokio_tungstenite::client_async(url, stream)).await.unwrap().0
}
