//! WebSockets: bytes in both directions as with any protocol, and in addition an end that their clients
//! understand when they are to come again (RFC 6455 §7).
//!
//! The client is told first. What it has sent before it knew still reaches the container, and so does
//! its answer, which closes the container's side. The last message of the container goes out whole.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::client::Client;
use super::ticket::{Meter, Side, Ticket};
use super::tunnel::CLIENT_ENDS_WITHIN;

pub(in crate::engine) mod frames;

use frames::Frames;

/// How long both sides may take to close once the client has been told.
const CLOSES_WITHIN: Duration = Duration::from_secs(3);

/// What is read at once, in bytes.
const BUFFER: usize = 8 << 10;

/// One direction. Whatever waits may be dropped: what has been read and where it is stays known.
struct Way {
    buffer: Vec<u8>,
    /// So much of the buffer has been sent on.
    sent: usize,
    frames: Frames,
    meter: Meter,
}

impl Way {
    /// One on which `first` has been read already.
    fn new(first: &[u8], meter: Meter) -> Self {
        let mut buffer = Vec::with_capacity(BUFFER.max(first.len()));
        buffer.extend_from_slice(first);
        Self { buffer, sent: 0, frames: Frames::default(), meter }
    }

    /// Carries bytes to the end.
    async fn carry(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        loop {
            self.send(self.buffer.len(), to).await?;
            if self.read(from).await? == 0 {
                return to.shutdown().await;
            }
        }
    }

    /// Carries bytes to the end, or once `client` is told to move, to the end of a message.
    async fn carry_until_told(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        client: &Client,
    ) -> io::Result<Stopped> {
        loop {
            let is_told = client.moving.is_told();
            if is_told && let Some(whole) = self.frames.whole_messages(&self.buffer[self.sent..]) {
                self.send(self.sent + whole, to).await?;
                return Ok(Stopped::BetweenMessages);
            }
            self.send(self.buffer.len(), to).await?;
            let told = poll_fn(|cx| client.moving.poll_told(cx));
            let read = tokio::select! {
                read = self.read(from) => read?,
                // What is under way is waited for.
                () = told, if !is_told => continue,
            };
            if read == 0 {
                to.shutdown().await?;
                return Ok(Stopped::AtEnd);
            }
        }
    }

    /// Carries bytes to the end of a Close frame. Those that cannot be sent on any more are read all the
    /// same: a socket with unread bytes is reset when it is closed.
    async fn carry_to_close(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) {
        let mut reaches = true;
        loop {
            reaches = reaches && self.send(self.buffer.len(), to).await.is_ok();
            self.frames.follow(&self.buffer[self.sent..]);
            self.sent = self.buffer.len();
            if self.frames.is_closed() || !matches!(self.read(from).await, Ok(1..)) {
                return;
            }
        }
    }

    /// Sends on what has been read, up to `end`.
    async fn send(&mut self, end: usize, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while self.sent < end {
            let written = to.write(&self.buffer[self.sent..end]).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.frames.follow(&self.buffer[self.sent..self.sent + written]);
            self.sent += written;
            self.meter.pass(written);
        }
        // What is encrypted may have been taken and not be out yet.
        to.flush().await
    }

    /// Reads more when all has been sent on.
    async fn read(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.buffer.clear();
        self.sent = 0;
        from.read_buf(&mut self.buffer).await
    }
}

/// Why the container's side is not carried on.
enum Stopped {
    AtEnd,
    /// The client was told to move, and no message is under way to it.
    BetweenMessages,
}

/// Carries a WebSocket between a client and a container, from both of which something may have been read
/// already.
pub(super) async fn run(
    client: &Client,
    ticket: &Ticket,
    (mut client_out, early): (impl AsyncRead + Unpin, Bytes),
    mut client_in: impl AsyncWrite + Unpin,
    (mut container_stream, first): (TcpStream, Bytes),
) -> io::Result<()> {
    let mut up = Way::new(&early, ticket.meter(Side::Container));
    let mut down = Way::new(&first, ticket.meter(Side::Client));
    drop((early, first));
    let (mut container_out, mut container_in) = container_stream.split();
    {
        let mut up = pin!(up.carry(&mut client_out, &mut container_in));
        let mut down = pin!(down.carry_until_told(&mut container_out, &mut client_in, client));
        tokio::select! {
            ended = &mut up => {
                // Who has nothing more to say may still listen.
                ended?;
                if let Stopped::AtEnd = down.await? {
                    return Ok(());
                }
            }
            stopped = &mut down => {
                if let Stopped::AtEnd = stopped? {
                    let rest = tokio::time::timeout(CLIENT_ENDS_WITHIN, up);
                    return rest.await.unwrap_or(Ok(()));
                }
            }
        }
    }
    let closing = Closing { up, client_out, client_in, container_out, container_in };
    closing.run(client, ticket).await
}

/// A WebSocket whose client is to come again, between two messages to it.
struct Closing<'s, R, W> {
    up: Way,
    client_out: R,
    client_in: W,
    container_out: ReadHalf<'s>,
    container_in: WriteHalf<'s>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Closing<'_, R, W> {
    /// Tells the client, and lets both sides close.
    async fn run(mut self, client: &Client, ticket: &Ticket) -> io::Result<()> {
        let close = frames::close_for_client(client.moving.why().reason());
        self.client_in.write_all(&close).await?;
        self.client_in.flush().await?;
        ticket.moved();
        let closes = async {
            self.up.carry_to_close(&mut self.client_out, &mut self.container_in).await;
            if !self.up.frames.is_closed() {
                close_container(&self.up, &self.container_in, client);
            }
            let _ = self.client_in.shutdown().await;
            let _ = self.container_in.shutdown().await;
        };
        let hears = discard(&mut self.container_out);
        let both = tokio::time::timeout(CLOSES_WITHIN, futures_util::future::join(closes, hears));
        let closed = both.await.is_ok();
        if !closed && !self.up.frames.is_closed() {
            close_container(&self.up, &self.container_in, client);
        }
        Ok(())
    }
}

/// Tells the container in the place of a client that has not answered.
fn close_container(up: &Way, container_in: &WriteHalf<'_>, client: &Client) {
    if up.frames.is_between_frames() {
        let close = frames::close_for_container(
            client.moving.why().reason(),
            &mut *client.worker.rng.borrow_mut(),
        );
        // It has room for so little, or does not listen.
        let _ = container_in.try_write(&close);
    }
}

/// Reads to the end what nobody wants.
async fn discard(from: &mut ReadHalf<'_>) {
    let mut unwanted = [0; 1 << 10];
    while matches!(from.read(&mut unwanted).await, Ok(1..)) {}
}
