//! WebSockets over HTTP/2 (RFC 8441): a request opens one within its stream, and to the container it is
//! the upgrade that HTTP/1.1 has for that.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes};
use h2::{RecvStream, SendStream};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use rand::RngExt;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::fields;
use crate::engine::body::ResponseBody;
use crate::engine::client::Client;
use crate::engine::tunnel::Tunnel;
use crate::engine::worker::Worker;

/// What a key is answered with (RFC 6455 §4.2.2).
const ANSWERS_KEY: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The most that waits in a stream to be taken by its client, in bytes.
const MOST_WAITING: usize = 64 << 10;

/// A WebSocket that was asked for.
pub(super) struct Asked {
    stream: RecvStream,
    /// What the container is to answer.
    accept: String,
}

impl Asked {
    /// Makes the fields those of an upgrade.
    pub(super) fn new(headers: &mut HeaderMap, stream: RecvStream, worker: &Worker) -> Self {
        let key = STANDARD.encode(worker.rng.borrow_mut().random::<[u8; 16]>());
        let accept = answer_to(&key);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.remove(header::CONTENT_LENGTH);
        if let Ok(key) = HeaderValue::try_from(key) {
            headers.insert(header::SEC_WEBSOCKET_KEY, key);
        }
        Self { stream, accept }
    }

    /// Makes the response to the upgrade that to the request: `Err` when what the container has opened
    /// is no WebSocket.
    pub(super) fn answer(&self, response: &mut Response<ResponseBody>) -> Result<(), &'static str> {
        let headers = response.headers_mut();
        let accept = headers.remove(header::SEC_WEBSOCKET_ACCEPT);
        if accept.is_none_or(|accept| accept.as_bytes() != self.accept.as_bytes()) {
            return Err("The container has not answered as one that speaks WebSocket does.");
        }
        fields::clean(headers);
        *response.status_mut() = StatusCode::OK;
        Ok(())
    }

    /// Carries what both sides say.
    pub(super) async fn run(self, tunnel: Tunnel, client: Rc<Client>, to: SendStream<Bytes>) {
        let reader = Reader { stream: self.stream, part: Bytes::new() };
        let writer = Writer { stream: to, client: client.clone() };
        tunnel.run(client, (reader, Bytes::new()), writer).await;
    }
}

/// Why a response of a container that has opened nothing cannot be passed on: whoever asked for a WebSocket takes
/// every 2xx for one (RFC 9110 §9.3.6, RFC 8441 §5).
pub(super) fn seems_open(response: &Response<ResponseBody>) -> Option<&'static str> {
    response.status().is_success().then_some("The container has no WebSocket there.")
}

fn answer_to(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(ANSWERS_KEY);
    STANDARD.encode(hash.finalize())
}

/// What a client sends within a stream.
struct Reader {
    stream: RecvStream,
    /// What has come and has not been read.
    part: Bytes,
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.part.is_empty() {
            match ready!(self.stream.poll_data(cx)) {
                Some(part) => self.part = part.map_err(io::Error::other)?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let here = self.part.len().min(buf.remaining());
        buf.put_slice(&self.part[..here]);
        self.part.advance(here);
        let released = self.stream.flow_control().release_capacity(here);
        Poll::Ready(released.map_err(io::Error::other))
    }
}

/// What goes to a client within a stream.
struct Writer {
    stream: SendStream<Bytes>,
    client: Rc<Client>,
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.stream.reserve_capacity(buf.len().min(MOST_WAITING));
        while self.stream.capacity() == 0 {
            let polled = self.stream.poll_capacity(cx);
            self.client.has_written(&polled);
            match ready!(polled) {
                Some(more) => more.map_err(io::Error::other)?,
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            };
        }
        let here = buf.len().min(self.stream.capacity());
        let sent = self.stream.send_data(Bytes::copy_from_slice(&buf[..here]), false);
        Poll::Ready(sent.map(|()| here).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Who carries the connection sends it.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // One that has been ended already, or reset by its client, is as closed as can be.
        let _ = self.stream.send_data(Bytes::new(), true);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_answered_as_the_rfc_says() {
        assert_eq!(answer_to("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
