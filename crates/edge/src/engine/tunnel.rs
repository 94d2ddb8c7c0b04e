//! Connections that have switched to another protocol: bytes in both directions until both sides are
//! done.

use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::io::InspectReader;

use super::client::Client;
use super::ticket::{Meter, Side, Ticket};
use super::upstream::Conn;
use super::websocket;

/// How long a client may go on after the container has ended its side. One that sends nothing and
/// does not close either would otherwise hold the connection, and its place in a drain, for ever.
pub(super) const CLIENT_ENDS_WITHIN: Duration = Duration::from_secs(10);

/// The container's side of a connection that is about to be upgraded.
pub(super) struct Tunnel {
    pub(super) conn: Box<Conn>,
    pub(super) ticket: Ticket,
    /// It speaks the protocol of WebSockets, which has an end that clients understand.
    pub(super) is_websocket: bool,
}

impl Tunnel {
    /// Carries bytes between the client, from whom `early` has been read already, and the container.
    pub(super) async fn run(
        self,
        client: Rc<Client>,
        (reader, early): (impl AsyncRead + Unpin, Bytes),
        writer: impl AsyncWrite + Unpin,
    ) {
        let Self { conn, ticket, is_websocket } = self;
        let (container, first) = conn.into_parts();
        let ended = if is_websocket {
            let container = (container, first);
            websocket::run(&client, &ticket, (reader, early), writer, container).await
        } else {
            run(&ticket, (reader, early), writer, (container, first)).await
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "an upgraded connection broke");
        }
        drop(ticket);
    }
}

async fn run(
    ticket: &Ticket,
    (client_out, early): (impl AsyncRead + Unpin, Bytes),
    client_in: impl AsyncWrite + Unpin,
    (mut container, first): (TcpStream, Bytes),
) -> io::Result<()> {
    let (container_out, container_in) = container.split();
    let mut up = pin!(carry(early, client_out, container_in, ticket.meter(Side::Container)));
    let mut down = pin!(carry(first, container_out, client_in, ticket.meter(Side::Client)));
    tokio::select! {
        ended = &mut up => match ended {
            // Who has nothing more to say may still listen.
            Ok(()) => down.await,
            broken => broken,
        },
        ended = &mut down => match ended {
            Ok(()) => tokio::time::timeout(CLIENT_ENDS_WITHIN, up).await.unwrap_or(Ok(())),
            broken => broken,
        },
    }
}

/// Carries bytes in one direction to their end; `first` have been read already.
async fn carry(
    first: Bytes,
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    meter: Meter,
) -> io::Result<()> {
    to.write_all(&first).await?;
    to.flush().await?;
    meter.pass(first.len());
    drop(first);
    let mut from = InspectReader::new(from, |part| meter.pass(part.len()));
    tokio::io::copy(&mut from, &mut to).await?;
    to.shutdown().await
}
