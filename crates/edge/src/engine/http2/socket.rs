//! The socket of a client that speaks HTTP/2, which keeps the client's clocks as bytes pass.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::heads::Heads;
use crate::engine::client::Client;
use crate::engine::http1::linger;

/// What is known of what a client has said.
#[derive(Default)]
pub(super) struct Heard {
    /// When it was last heard, by the thread's clock.
    pub(super) at: Cell<u64>,
    /// The heads of its requests.
    pub(super) heads: RefCell<Heads>,
}

/// A client's socket, whatever it is.
pub(super) struct Watched<S: AsyncRead + AsyncWrite + Unpin + 'static> {
    socket: Option<S>,
    client: Rc<Client>,
    heard: Rc<Heard>,
    /// The client has closed its side.
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Watched<S> {
    pub(super) fn new(socket: S, client: Rc<Client>, heard: Rc<Heard>) -> Self {
        Self { socket: Some(socket), client, heard, ended: false }
    }

    fn socket(&mut self) -> io::Result<Pin<&mut S>> {
        self.socket.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(self.socket()?.poll_read(cx, buf));
        self.ended |= read.is_err() || buf.filled().len() == before;
        self.heard.at.set(self.client.worker.now());
        self.heard.heads.borrow_mut().pass(&buf.filled()[before..]);
        Poll::Ready(read)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.socket()?.poll_write(cx, buf);
        self.client.has_written(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.socket()?.poll_flush(cx);
        // What is encrypted may have been taken and not be out yet.
        self.client.has_written(&polled);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.socket()?.poll_write_vectored(cx, bufs);
        self.client.has_written(&polled);
        polled
    }
}

/// A socket that is closed while the client still sends is reset, and the client may never see why: so
/// it is listened to a little longer.
impl<S: AsyncRead + AsyncWrite + Unpin> Drop for Watched<S> {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        if !self.ended && !self.client.worker.is_closing() && !std::thread::panicking() {
            tokio::task::spawn_local(linger(socket));
        }
    }
}
