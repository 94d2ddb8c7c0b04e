//! Connections that have switched to another protocol: bytes in both directions until both sides are
//! done.

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::ticket::Ticket;
use super::upstream::Conn;

/// Bytes that are buffered in each direction.
const BUFFER: usize = 8 << 10;

/// The container's side of a connection that is about to be upgraded.
pub(super) struct Tunnel {
    pub(super) conn: Box<Conn>,
    pub(super) ticket: Ticket,
}

impl Tunnel {
    /// Carries bytes between the client, from whom `early` has been read already, and the container.
    pub(super) async fn run(self, mut client: TcpStream, early: Bytes) {
        let Self { conn, ticket } = self;
        let (mut container, first) = conn.into_parts();
        let carried = async {
            container.write_all(&early).await?;
            client.write_all(&first).await?;
            drop((early, first));
            tokio::io::copy_bidirectional_with_sizes(&mut client, &mut container, BUFFER, BUFFER)
                .await
        };
        if let Err(error) = carried.await {
            tracing::debug!(%error, "an upgraded connection broke");
        }
        drop(ticket);
    }
}
