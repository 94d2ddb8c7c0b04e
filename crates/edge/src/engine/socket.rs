//! A client's socket, encrypted or not, and writing to it with as little work for the kernel as possible.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Up to so many bytes are copied together. A head and a small body then are one plain write, which
/// costs the kernel noticeably less than a gathered one.
const SMALL: usize = 1024;

/// A client's connection, as it is carried.
pub(super) enum Stream {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS over it.
    Tls(Box<TlsStream<TcpStream>>),
}

/// The same for hyper.
pub(super) enum Socket {
    Plain(TokioIo<TcpStream>),
    Tls(TokioIo<Box<TlsStream<TcpStream>>>),
}

impl Socket {
    pub(super) fn new(stream: Stream) -> Self {
        match stream {
            Stream::Plain(stream) => Self::Plain(TokioIo::new(stream)),
            Stream::Tls(stream) => Self::Tls(TokioIo::new(stream)),
        }
    }

    pub(super) fn into_stream(self) -> Stream {
        match self {
            Self::Plain(io) => Stream::Plain(io.into_inner()),
            Self::Tls(io) => Stream::Tls(io.into_inner()),
        }
    }
}

impl Stream {
    /// The connection below, at its end. When that is not in the middle of something, the peer is told that
    /// nothing is missing (RFC 8446 §6.1), as far as there is room for it.
    pub(super) fn into_tcp(self, is_whole: bool) -> TcpStream {
        let (stream, mut tls) = match self {
            Self::Plain(stream) => return stream,
            Self::Tls(stream) => (*stream).into_inner(),
        };
        if is_whole {
            tls.send_close_notify();
        }
        while tls.wants_write() && matches!(tls.write_tls(&mut AtOnce(&stream)), Ok(1..)) {}
        stream
    }
}

/// Writes what there is room for.
struct AtOnce<'s>(&'s TcpStream);

impl io::Write for AtOnce<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let io = match self.get_mut() {
            Self::Plain(io) => Pin::new(io),
            // It becomes one record in any case.
            Self::Tls(io) => return Pin::new(io).poll_write_vectored(cx, bufs),
        };
        if let [only] = bufs {
            return io.poll_write(cx, only);
        }
        let total: usize = bufs.iter().map(|buf| buf.len()).sum();
        if total > SMALL {
            return io.poll_write_vectored(cx, bufs);
        }
        let mut together = [0; SMALL];
        let mut end = 0;
        for buf in bufs {
            together[end..end + buf.len()].copy_from_slice(buf);
            end += buf.len();
        }
        io.poll_write(cx, &together[..total])
    }
}
