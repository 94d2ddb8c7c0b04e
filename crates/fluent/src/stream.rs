//! Connections of every kind, alike.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wire::{FrameError, Framer};

/// So much is read at once, in bytes.
pub(crate) const PIECE: usize = 16 << 10;
/// How long a peer is silent before the kernel asks whether it is still there.
const SILENT: Duration = Duration::from_secs(60);

/// A connection: plain, encrypted, or of this machine.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

pub(crate) type Stream = Box<dyn Duplex>;

/// Why nothing more is read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("it has ended in the middle of a message")]
    Cut,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Reads until a whole frame is there; none where the stream ends before one.
pub(crate) async fn read_frame(
    stream: &mut Stream,
    framer: &mut Framer,
) -> Result<Option<Bytes>, ReadError> {
    loop {
        if let Some(frame) = framer.next_frame()? {
            return Ok(Some(frame));
        }
        if !read_piece(stream, framer).await? {
            return Ok(None);
        }
    }
}

/// Reads what is there, at least a byte; false where the stream ends.
pub(crate) async fn read_piece(
    stream: &mut Stream,
    framer: &mut Framer,
) -> Result<bool, ReadError> {
    let buffer = framer.buffer();
    buffer.reserve(PIECE);
    if stream.read_buf(buffer).await? > 0 {
        return Ok(true);
    }
    if framer.waiting() > 0 { Err(ReadError::Cut) } else { Ok(false) }
}

/// Writes all of it, in so much time.
pub(crate) async fn write(stream: &mut Stream, bytes: &[u8], within: Duration) -> io::Result<()> {
    let write = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    timeout(within, write).await?
}

/// What every TCP connection is set to.
pub(crate) fn set(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(SILENT);
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}
