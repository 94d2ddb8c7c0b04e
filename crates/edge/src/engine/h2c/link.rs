//! A connection to a container that carries many requests.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};

use crate::engine::Limits;
use crate::engine::upstream::connect;

/// Requests that one connection carries; a container may want fewer. Another connection is opened for more.
const MOST_STREAMS: usize = 100;

/// The most of one response that a container may send before it has been taken, in bytes; and of all that
/// a connection carries, so that one whose client is slow holds up no other.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// The most of a request's body that waits for its container, in bytes.
const MOST_WAITING: usize = 64 << 10;

/// An open connection.
pub(in crate::engine) struct Link {
    send: SendRequest<Bytes>,
    under_way: Cell<usize>,
    /// When a request was last under way, by the thread's clock.
    used: Cell<u64>,
    /// Other requests may follow.
    open: Rc<Cell<bool>>,
}

impl Link {
    /// Connects. Whether the container does speak HTTP/2 shows with the first request.
    pub(in crate::engine) async fn open(
        address: SocketAddr,
        timeout: Duration,
        limits: &Limits,
        now: u64,
    ) -> io::Result<Rc<Self>> {
        let stream = connect(address, timeout).await?;
        let handshake = settings(limits).handshake::<_, Bytes>(stream);
        let (send, connection) = handshake.await.map_err(io::Error::other)?;
        let open = Rc::new(Cell::new(true));
        let closed = open.clone();
        // It ends by itself when it is let go of and no request is under way on it any more.
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%address, %error, "a connection to a container ended");
            }
            closed.set(false);
        });
        Ok(Rc::new(Self { send, under_way: Cell::new(0), used: Cell::new(now), open }))
    }

    /// Whether other requests may follow.
    pub(in crate::engine) fn is_open(&self) -> bool {
        self.open.get()
    }

    /// Has no other request follow: the container takes none any more.
    pub(super) fn close(&self) {
        self.open.set(false);
    }

    /// How many requests it carries.
    pub(in crate::engine) fn under_way(&self) -> usize {
        self.under_way.get()
    }

    /// Whether another request has room.
    pub(in crate::engine) fn has_room(&self) -> bool {
        self.under_way.get() < self.send.current_max_send_streams().min(MOST_STREAMS)
    }

    /// Whether it carries something, or did at `since` or later.
    pub(in crate::engine) fn is_used_since(&self, since: u64) -> bool {
        self.under_way.get() > 0 || self.used.get() >= since
    }

    /// What sends a request.
    pub(super) fn sender(&self) -> SendRequest<Bytes> {
        self.send.clone()
    }

    pub(super) fn begins(&self) {
        self.under_way.set(self.under_way.get() + 1);
    }

    pub(super) fn ends(&self, now: u64) {
        self.under_way.set(self.under_way.get() - 1);
        self.used.set(now);
    }
}

fn settings(limits: &Limits) -> Builder {
    let mut settings = Builder::new();
    settings
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_send_buffer_size(MOST_WAITING)
        .initial_max_send_streams(MOST_STREAMS);
    settings
}
