//! The task that takes chunks from the buffer to a server.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ForwardOptions;
use super::connect::{Connection, Trouble, connect};
use super::counters::Counters;
use super::preferred::Preferred;
use super::servers::Servers;
use super::window::{self, Window};
use crate::buffer::{Buffer, Chunk, Position};
use crate::{stream, wire};

/// How long a disk that cannot be read is left alone.
const RETRY: Duration = Duration::from_secs(1);
/// What a server begins with that wants a shared key.
const HELO: &[u8] = b"\x92\xa4HELO";

pub(super) struct Courier {
    options: Arc<ForwardOptions>,
    buffer: Arc<Buffer>,
    counters: Arc<Counters>,
    /// There may be more in the buffer.
    more: Arc<Notify>,
    drained: watch::Sender<()>,
    stop: CancellationToken,
    servers: Servers,
    /// Chunks that were sent, and not acknowledged.
    unanswered: HashSet<[u8; 16]>,
}

/// What happens on a connection.
enum Event {
    Answer(Option<Bytes>),
    More,
    Late,
    Preferred(usize, Connection),
}

/// Where a connection leads.
enum End {
    /// To the server once more, for the next chunk: it has closed a connection that was at rest, or wants
    /// one for each.
    Again,
    /// To a server that is preferred.
    Change(usize, Connection),
}

impl Courier {
    pub(super) fn new(
        options: Arc<ForwardOptions>,
        buffer: Arc<Buffer>,
        counters: Arc<Counters>,
        more: Arc<Notify>,
        drained: watch::Sender<()>,
        stop: CancellationToken,
    ) -> Self {
        let servers = Servers::new(&options);
        let unanswered = HashSet::new();
        Self { options, buffer, counters, more, drained, stop, servers, unanswered }
    }

    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.deliver() => {}
        }
    }

    async fn deliver(&mut self) {
        let mut change = None;
        loop {
            // Nobody is connected to before there is something to send.
            while self.buffer.is_drained() {
                self.more.notified().await;
            }
            let (index, connection) = match change.take() {
                Some(preferred) => preferred,
                None => self.connect().await,
            };
            self.counters.connect();
            let end = self.serve(index, connection).await;
            self.counters.disconnect();
            match end {
                Ok(End::Again) => {}
                Ok(End::Change(index, connection)) => change = Some((index, connection)),
                Err(trouble) => self.failed(index, &trouble),
            }
        }
    }

    /// Connects to the first that answers, however long it takes.
    async fn connect(&mut self) -> (usize, Connection) {
        loop {
            let Some(index) = self.servers.next(Instant::now()) else {
                sleep_until(self.servers.next_of_all()).await;
                continue;
            };
            match connect(self.servers.get(index), self.options.connect).await {
                Ok(connection) => return (index, connection),
                Err(trouble) => self.failed(index, &trouble),
            }
        }
    }

    fn failed(&mut self, index: usize, trouble: &Trouble) {
        self.counters.fail();
        let news = self.servers.fail(index, Instant::now());
        let server = self.servers.get(index);
        let (host, port) = (&server.host, server.port);
        if news {
            tracing::warn!(host, port, "a Fluentd server {trouble}; keeping records in the buffer");
        } else {
            tracing::debug!(host, port, "a Fluentd server {trouble}");
        }
    }

    /// Sends what there is over a connection, until something is wrong with it.
    async fn serve(&mut self, index: usize, mut connection: Connection) -> Result<End, Trouble> {
        let size = if connection.keepalive { self.options.window } else { 1 };
        let mut window = Window::new(size, self.options.acknowledge);
        // What was not acknowledged is sent again.
        let mut at = self.buffer.taken();
        let mut preferred = Preferred::default();
        loop {
            while preferred.connected.is_none() && window.has_room() {
                let Some((chunk, end)) = self.next(at).await else { break };
                self.send(&mut connection, &mut window, &chunk, end).await?;
                at = end;
            }
            if let Some((index, connection)) = preferred.connected.take_if(|_| window.is_empty()) {
                return Ok(End::Change(index, connection));
            }
            match self.event(index, &mut connection, &window, &mut preferred).await? {
                Event::More => {}
                Event::Late => return Err(Trouble::Unacknowledged),
                Event::Answer(None) if window.is_empty() => return Ok(End::Again),
                Event::Answer(None) => return Err(Trouble::Closed),
                Event::Answer(Some(answer)) => {
                    self.answered(index, &mut window, &answer).await?;
                    if window.is_empty() && !connection.keepalive {
                        return Ok(End::Again);
                    }
                }
                Event::Preferred(index, connection) => {
                    preferred.connected = Some((index, connection));
                }
            }
        }
    }

    async fn event(
        &mut self,
        index: usize,
        connection: &mut Connection,
        window: &Window,
        preferred: &mut Preferred,
    ) -> Result<Event, Trouble> {
        let Connection { stream, framer, .. } = connection;
        let deadline = window.deadline();
        let more = self.more.clone();
        tokio::select! {
            answer = stream::read_frame(stream, framer) => Ok(Event::Answer(answer?)),
            () = more.notified(), if window.has_room() => Ok(Event::More),
            () = at(deadline) => Ok(Event::Late),
            (index, connection) = preferred.look(index, &mut self.servers, &self.options) => {
                Ok(Event::Preferred(index, connection))
            }
        }
    }

    async fn next(&mut self, at: Position) -> Option<(Chunk, Position)> {
        loop {
            let buffer = self.buffer.clone();
            let read = spawn_blocking(move || buffer.next(at)).await.ok()?;
            let error = match read {
                Ok(next) => return next,
                Err(error) => error,
            };
            let buffer = self.options.buffer.display();
            tracing::warn!(%buffer, %error, "cannot read the buffer of a forwarder");
            match error.kind() {
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::NotFound => {
                    self.counters.lost(self.buffer.give_up(at).records);
                    self.tell_drained();
                }
                _ => sleep(RETRY).await,
            }
        }
    }

    async fn send(
        &mut self,
        connection: &mut Connection,
        window: &mut Window,
        chunk: &Chunk,
        end: Position,
    ) -> Result<(), Trouble> {
        let id = wire::chunk_id(chunk.id);
        let Chunk { tag, records, compressed, entries, .. } = chunk;
        let records = u64::from(*records);
        let mut frame = Vec::new();
        wire::write_packed(tag, entries, records, *compressed, Some(&id), &mut frame);
        let within = self.options.acknowledge;
        if !self.unanswered.insert(chunk.id) {
            self.counters.again();
        }
        window.push(window::Chunk {
            key: chunk.id,
            id,
            end,
            records,
            bytes: frame.len(),
            acknowledged: false,
        });
        stream::write(&mut connection.stream, &frame, within).await.map_err(Trouble::Broken)
    }

    /// A server has said something, which should be that it has a chunk.
    async fn answered(
        &mut self,
        index: usize,
        window: &mut Window,
        answer: &Bytes,
    ) -> Result<(), Trouble> {
        if answer.starts_with(HELO) {
            return Err(Trouble::WantsKey);
        }
        let id = wire::read_ack(answer).map_err(Trouble::Answer)?;
        if !window.acknowledge(id) {
            return Err(Trouble::Stranger);
        }
        if self.servers.succeed(index) {
            let server = self.servers.get(index);
            tracing::info!(
                host = server.host,
                port = server.port,
                "a Fluentd server takes records again"
            );
        }
        while let Some(chunk) = window.pop() {
            self.unanswered.remove(&chunk.key);
            self.counters.delivered(chunk.records);
            let buffer = self.buffer.clone();
            let noted = spawn_blocking(move || buffer.acknowledge(chunk.end, chunk.records));
            let _ = noted.await;
        }
        self.tell_drained();
        Ok(())
    }

    fn tell_drained(&self) {
        if self.buffer.is_drained() {
            self.drained.send_replace(());
        }
    }
}

/// Waits until then, or for ever.
pub(super) async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
