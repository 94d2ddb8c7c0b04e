//! The socket of a client that speaks HTTP/1.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Client;
use crate::engine::guarded::Guarded;
use crate::engine::socket::{Socket, Stream};

/// How long a connection is listened to after the edge has closed its side. How much comes meanwhile does
/// not count: a client may be in the middle of a large body, and reads the answer when it gets to it.
const LINGER: Duration = Duration::from_secs(2);

/// The client's socket, which keeps the client's clocks as bytes pass.
pub(super) struct ClientIo {
    pub(super) stream: Option<Socket>,
    client: Rc<Client>,
    pub(super) guarded: Guarded,
}

impl ClientIo {
    pub(super) fn new(stream: Stream, client: Rc<Client>) -> Self {
        Self { stream: Some(Socket::new(stream)), client, guarded: Guarded::default() }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Socket>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Read for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, client, guarded } = &mut *self;
        let stream = stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let room = &mut *client.worker.room.borrow_mut();
        let polled = guarded.poll_read(Pin::new(stream), cx, buf, room, client.answered());
        if polled.is_ready() {
            client.has_read();
        }
        polled
    }
}

impl Write for ClientIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.stream()?.poll_write(cx, buf);
        self.client.has_written(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.stream()?.poll_flush(cx);
        // What is encrypted may have been taken and not be out yet.
        self.client.has_written(&polled);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.stream()?.poll_write_vectored(cx, bufs);
        self.client.has_written(&polled);
        polled
    }
}

/// A socket that is closed while the client still sends is reset, and the client may never see the
/// response that said why (RFC 9112 §9.6). So the edge closes its own side and listens a little longer.
impl Drop for ClientIo {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().map(Socket::into_stream) else { return };
        let stream = stream.into_tcp(self.client.is_at_rest());
        let client_is_there = matches!(stream.try_read(&mut [0; 512]), Ok(1..) | Err(_));
        if client_is_there && !self.client.worker.is_closing() && !std::thread::panicking() {
            tokio::task::spawn_local(linger(stream));
        }
    }
}

/// Closes the edge's side, and listens a little longer.
pub(in crate::engine) async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let listened = async {
        stream.shutdown().await?;
        let mut buffer = vec![0; 16 << 10];
        while stream.read(&mut buffer).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER, listened).await;
}
