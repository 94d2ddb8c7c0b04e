//! Who is at the other end of a connection, and the socket. It is all that a connection has between two requests:
//! there may be very many.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::engine::client::Client;
use crate::engine::socket::Stream;

/// So much is read at once before it is known what comes, in bytes.
const ROOM: usize = 64 << 10;

/// How long a connection is listened to after the edge has closed its side. How much comes meanwhile does
/// not count: a client may be in the middle of a large body, and reads the answer when it gets to it.
const LINGER: Duration = Duration::from_secs(2);

/// Room for what is read, which the connections of one thread use one after the other: so one that waits
/// needs none.
pub(in crate::engine) struct Room(Box<[u8]>);

impl Default for Room {
    fn default() -> Self {
        Self(vec![0; ROOM].into())
    }
}

/// A client, and its socket.
pub(in crate::engine) struct Peer {
    client: Rc<Client>,
    /// None once somebody else has it.
    stream: Option<Stream>,
}

impl Peer {
    pub(in crate::engine) fn new(client: Rc<Client>, stream: Stream) -> Self {
        Self { client, stream: Some(stream) }
    }

    pub(super) fn client(&self) -> &Rc<Client> {
        &self.client
    }

    /// The socket, for somebody else.
    pub(super) fn into_stream(mut self) -> Option<Stream> {
        self.stream.take()
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Stream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Reads what has come, however little it is.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        let Self { client, stream } = self;
        let stream = stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let room = &mut *client.worker.room.borrow_mut();
        let mut read = ReadBuf::new(&mut room.0);
        ready!(Pin::new(stream).poll_read(cx, &mut read))?;
        client.has_read();
        buffer.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Reads what has come of a body, where it stays: that may be much.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        poll_read_buf(self.stream()?, cx, buffer)
    }

    /// Writes one slice behind the other, as much as the client takes.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.stream()?;
        // A plain write costs the kernel noticeably less than a gathered one.
        let polled = match slices {
            [only] => stream.poll_write(cx, only),
            several => stream.poll_write_vectored(cx, several),
        };
        self.client.has_written(&polled);
        polled.map(|written| match written {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            written => written,
        })
    }

    /// Has what was written go out.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.stream()?.poll_flush(cx);
        // What is encrypted may have been taken and not be out yet.
        self.client.has_written(&polled);
        polled
    }
}

/// A socket that is closed while the client still sends is reset, and the client may never see the
/// response that said why (RFC 9112 §9.6). So the edge closes its own side and listens a little longer.
impl Drop for Peer {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take() else { return };
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
