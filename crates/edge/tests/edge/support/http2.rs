//! Clients that speak HTTP/2: one that does as it should, and one whose frames the test writes.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{HOST, soon};

/// An answer that has come whole, by HTTP/2.
#[derive(Debug)]
pub(crate) struct Answer2 {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) trailers: HeaderMap,
}

/// A client's connection.
pub(crate) struct Http2 {
    pub(crate) send: SendRequest<Bytes>,
    /// Ends when the connection does.
    pub(crate) connection: JoinHandle<Result<(), h2::Error>>,
}

impl Http2 {
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        Self::over(TcpStream::connect(to).await.unwrap()).await
    }

    /// One over any stream.
    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (send, connection) = soon("settings", h2::client::handshake(stream)).await.unwrap();
        Self { send, connection: tokio::spawn(connection) }
    }

    /// Begins a request, whose body follows unless it `ends` here.
    pub(crate) async fn begin(
        &mut self,
        request: Request<()>,
        ends: bool,
    ) -> (ResponseFuture, SendStream<Bytes>) {
        let send = soon("a free stream", self.send.clone().ready()).await.unwrap();
        self.send = send;
        self.send.send_request(request, ends).unwrap()
    }

    /// Sends a request without a body.
    pub(crate) async fn ask(&mut self, request: Request<()>) -> Result<Answer2, h2::Error> {
        let (response, _) = self.begin(request, true).await;
        whole2(soon("a response", response).await?).await
    }

    /// Asks for a path of the tests' service.
    pub(crate) async fn get(&mut self, path: &str) -> Answer2 {
        self.ask(asking("GET", path)).await.unwrap()
    }
}

/// A request to the tests' service.
pub(crate) fn asking(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://{HOST}{path}")).body(()).unwrap()
}

pub(crate) async fn whole2(response: Response<RecvStream>) -> Result<Answer2, h2::Error> {
    let (parts, mut stream) = response.into_parts();
    let mut body = Vec::new();
    while let Some(part) = soon("more of a body", stream.data()).await {
        let part = part?;
        stream.flow_control().release_capacity(part.len()).unwrap();
        body.extend_from_slice(&part);
    }
    let trailers = soon("trailers", stream.trailers()).await?.unwrap_or_default();
    let body = String::from_utf8(body).unwrap();
    Ok(Answer2 { status: parts.status, headers: parts.headers, body, trailers })
}

/// Kinds of frames (RFC 9113 §6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

/// Flags of frames.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame as it has come.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code in a frame that says what is wrong.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A field as HPACK has it that knows of no table (RFC 7541 §6.2.2).
pub(crate) fn field(name: &str, value: &[u8]) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name.as_bytes(), value] {
        let length = u8::try_from(text.len()).ok().filter(|length| *length < 127).unwrap();
        field.push(length);
        field.extend_from_slice(text);
    }
    field
}

/// The fields that every request has.
pub(crate) fn fields(method: &str, path: &str, authority: &str) -> Vec<u8> {
    let mut all = field(":method", method.as_bytes());
    all.extend(field(":scheme", b"http"));
    all.extend(field(":path", path.as_bytes()));
    all.extend(field(":authority", authority.as_bytes()));
    all
}

/// A connection whose frames the test writes.
pub(crate) struct Frames(pub(crate) TcpStream);

impl Frames {
    /// Connects, and says what a client has to say first.
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        Self(stream)
    }

    /// Writes the same bytes over and over, until the edge has closed the connection.
    pub(crate) fn flood(&self, bytes: Vec<u8>) -> JoinHandle<()> {
        let socket = socket2::SockRef::from(&self.0).try_clone().unwrap();
        let mut stream = TcpStream::from_std(socket.into()).unwrap();
        tokio::spawn(async move { while stream.write_all(&bytes).await.is_ok() {} })
    }

    /// Writes bytes; false when the edge has closed the connection.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// The next frame, unless the connection ends.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        soon("a frame", self.0.read_exact(&mut head)).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        soon("the rest of a frame", self.0.read_exact(&mut payload)).await.ok()?;
        Some(Frame { kind: head[3], payload })
    }

    /// The next frame of one of these kinds, unless the connection ends.
    pub(crate) async fn next_of(&mut self, kinds: &[u8]) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if kinds.contains(&frame.kind) {
                return Some(frame);
            }
        }
    }
}
