//! Connecting to a server, and what may go wrong with one.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Server;
use crate::handshake::{self, HandshakeError};
use crate::stream::{self, ReadError, Stream};
use crate::wire::{FrameError, Framer};

/// Why a server is of no use at the moment.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("cannot be connected to: {0}")]
    Connect(io::Error),
    #[error("does not answer in time")]
    Slow,
    #[error("cannot be encrypted: {0}")]
    Tls(String),
    #[error("did not recognize this end, or is not recognized: {0}")]
    Handshake(#[from] HandshakeError),
    #[error("does not greet; if it has no shared key, configure none here")]
    Silent,
    #[error("wants a shared key; configure the one that it has")]
    WantsKey,
    #[error("has closed the connection")]
    Closed,
    #[error("broke off: {0}")]
    Broken(io::Error),
    #[error("answered something else than an acknowledgement: {0}")]
    Answer(FrameError),
    #[error("acknowledged a chunk that it was not sent")]
    Stranger,
    #[error("did not acknowledge a chunk in time")]
    Unacknowledged,
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Cut => Self::Closed,
            ReadError::Io(error) => Self::Broken(error),
            ReadError::Frame(error) => Self::Answer(error),
        }
    }
}

/// A server that is ready for chunks.
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) framer: Framer,
    /// It may be used for more than a chunk.
    pub(super) keepalive: bool,
}

/// Connects, and has both ends recognize one another where that is wanted, in so much time.
pub(super) async fn connect(server: &Server, within: Duration) -> Result<Connection, Trouble> {
    let connected = timeout(within, open(server)).await;
    let stream = connected.map_err(|_| Trouble::Slow)??;
    let framer = Framer::new(&handshake::limits());
    let mut connection = Connection { stream, framer, keepalive: true };
    let recognized = timeout(within, recognize(&mut connection, server)).await;
    recognized.map_err(|_| Trouble::Silent)??;
    Ok(connection)
}

async fn open(server: &Server) -> Result<Stream, Trouble> {
    let stream = TcpStream::connect((&server.host[..], server.port)).await;
    let stream = stream.map_err(Trouble::Connect)?;
    stream::set(&stream).map_err(Trouble::Connect)?;
    let Some(tls) = &server.tls else { return Ok(Box::new(stream)) };
    let name = tls.name(&server.host).map_err(|error| Trouble::Tls(error.to_string()))?;
    let stream = tls.connector().connect(name, stream).await;
    Ok(Box::new(stream.map_err(|error| Trouble::Tls(error.to_string()))?))
}

async fn recognize(connection: &mut Connection, server: &Server) -> Result<(), Trouble> {
    let Some(security) = &server.security else { return Ok(()) };
    let helo = read(connection).await?;
    let (ping, expected) =
        handshake::answer_helo(&helo, security, server.user.as_ref(), handshake::random())?;
    // Whoever calls limits the time.
    let written = stream::write(&mut connection.stream, &ping, Duration::MAX).await;
    written.map_err(Trouble::Broken)?;
    let pong = read(connection).await?;
    expected.check(&pong)?;
    connection.keepalive = expected.keepalive;
    Ok(())
}

async fn read(connection: &mut Connection) -> Result<bytes::Bytes, Trouble> {
    let Connection { stream, framer, .. } = connection;
    stream::read_frame(stream, framer).await?.ok_or(Trouble::Closed)
}
