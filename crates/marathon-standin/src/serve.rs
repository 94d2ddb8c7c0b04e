//! Connections: bodies that end with them, and an end to all of them at once.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Answers on `listener` until `end`, and resets all connections then.
pub(crate) async fn serve(listener: TcpListener, router: Router, end: CancellationToken) {
    let listener = Door { listener, end: end.clone() };
    let service = router.into_make_service_with_connect_info::<Peer>();
    tokio::select! {
        served = axum::serve(listener, service) => {
            if let Err(error) = served {
                tracing::error!(%error, "stopped listening");
            }
        }
        () = end.cancelled() => {}
    }
}

struct Door {
    listener: TcpListener,
    end: CancellationToken,
}

impl Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let _ = stream.set_nodelay(true);
        (Wire { stream, end: Box::pin(self.end.clone().cancelled_owned()) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A connection. The library ends a body with the connection only for HTTP/1.0; Jetty does so for
/// HTTP/1.1, and says so.
struct Wire {
    stream: TcpStream,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Wire {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        const OLD: &[u8] = b"HTTP/1.0 200 OK\r\n";
        const NEW: &[u8] = b"HTTP/1.1 200 OK\r\n";
        self.check(cx)?;
        if let Some(rest) = buf.strip_prefix(OLD) {
            let head = [NEW, rest].concat();
            return Pin::new(&mut self.stream).poll_write(cx, &head);
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
