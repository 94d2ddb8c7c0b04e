//! The client: sends records to a server, at least once.
//!
//! What is given to a [`Forwarder`] waits in memory for at most [`ForwardOptions::flush`]. Then it is
//! written to a buffer on disk, from which it is sent, in modes *PackedForward* or
//! *CompressedPackedForward* with an id in option `chunk`, and it stays there until the server has
//! acknowledged that id. So a process that is killed loses what came within the last flush interval,
//! and nothing else; what was sent and not yet acknowledged is sent again, with the same id.
//!
//! Records of one tag are sent in the order in which they were given. After a connection broke everything
//! from the first chunk on that it had not acknowledged is sent again, in that order.

mod connect;
mod counters;
mod courier;
mod flusher;
mod pending;
mod preferred;
mod servers;
mod window;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::buffer::Buffer;
use crate::tls::Connector;
use crate::{Error, Record, Result, Security, User, wire};

use counters::Counters;
pub use counters::Sent;
use courier::Courier;
use flusher::Flusher;
pub use pending::Full;
use pending::Pending;

/// What a forwarder does.
#[derive(Debug, Clone)]
pub struct ForwardOptions {
    /// Where to send to: the first of them that answers. When one is in use that is not the first, those
    /// before it are asked again from time to time.
    pub servers: Vec<Server>,
    /// The directory of the buffer, of this forwarder alone.
    pub buffer: PathBuf,
    /// How much the buffer may hold, in bytes; when there is more, the oldest is dropped. 256 MiB.
    pub buffer_limit: u64,
    /// How long records wait for others in memory before they are written to the buffer and sent: what a
    /// process that is killed may lose. 500 ms.
    pub flush: Duration,
    /// How much may wait in memory, in bytes; when there is more, records are refused. 16 MiB.
    pub memory: usize,
    /// How long the entries of a chunk are that does not wait any longer, in bytes. 1 MiB.
    pub chunk: usize,
    /// Whether entries are compressed, in the buffer and on the wire.
    pub compress: bool,
    /// How many chunks may be on their way, not yet acknowledged. 16.
    pub window: usize,
    /// How long a server may take to answer a connection. 5 s.
    pub connect: Duration,
    /// How long a server may take to acknowledge the next chunk; then all that it has not acknowledged is
    /// sent again, on a new connection. 30 s.
    pub acknowledge: Duration,
    /// How long a server that failed is left alone, at first; each time it is twice as long. 200 ms.
    pub retry: Duration,
    /// How long it is left alone at most. 30 s.
    pub retry_most: Duration,
}

impl ForwardOptions {
    /// Sends to these servers, by way of a buffer in this directory.
    pub fn new(servers: Vec<Server>, buffer: impl Into<PathBuf>) -> Self {
        Self {
            servers,
            buffer: buffer.into(),
            buffer_limit: 256 << 20,
            flush: Duration::from_millis(500),
            memory: 16 << 20,
            chunk: 1 << 20,
            compress: false,
            window: 16,
            connect: Duration::from_secs(5),
            acknowledge: Duration::from_secs(30),
            retry: Duration::from_millis(200),
            retry_most: Duration::from_secs(30),
        }
    }

    /// Within what the rest of them allows: a record fits into memory, and chunks into the buffer.
    fn within_reason(mut self) -> Self {
        self.chunk = self.chunk.clamp(1, 16 << 20);
        self.memory = self.memory.max(self.chunk);
        self.buffer_limit = self.buffer_limit.max(4 * self.chunk as u64);
        self.window = self.window.max(1);
        self
    }
}

/// Where to send to.
#[derive(Debug, Clone)]
pub struct Server {
    /// A name, or an address.
    pub host: String,
    /// Fluentd's port is 24224.
    pub port: u16,
    /// Where it is there, the connection is encrypted.
    pub tls: Option<Connector>,
    /// Where it is there, both ends have to have the shared key.
    pub security: Option<Security>,
    /// Who to be, where the server has users.
    pub user: Option<User>,
}

impl Server {
    /// One that takes everything from everybody.
    pub fn at(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, tls: None, security: None, user: None }
    }
}

/// Sends records until it is closed or dropped.
#[derive(Debug)]
pub struct Forwarder {
    pending: Arc<Pending>,
    buffer: Arc<Buffer>,
    counters: Arc<Counters>,
    written: watch::Receiver<u64>,
    drained: watch::Receiver<()>,
    flusher: Option<thread::JoinHandle<()>>,
    courier: JoinHandle<()>,
    stop: CancellationToken,
}

impl Forwarder {
    /// Begins with what the buffer still has, on the Tokio runtime from which it is called.
    ///
    /// # Errors
    /// [`Error::NoServer`] when there is nowhere to send to, [`Error::UserWithoutKey`] when a server has a
    /// user and no key, [`Error::NoRuntime`] outside a runtime, [`Error::Buffer`] and [`Error::BufferTaken`]
    /// when the directory cannot be used. That no server answers is none: it may come.
    pub fn start(options: ForwardOptions) -> Result<Self> {
        if options.servers.is_empty() {
            return Err(Error::NoServer);
        }
        if options.servers.iter().any(|server| server.user.is_some() && server.security.is_none()) {
            return Err(Error::UserWithoutKey);
        }
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let options = Arc::new(options.within_reason());
        let (buffer, cut) = Buffer::open(&options.buffer, options.buffer_limit)?;
        let (buffer, counters) = (Arc::new(buffer), Arc::new(Counters::default()));
        counters.cut(cut);
        let pending = Arc::new(Pending::new(options.memory, options.chunk));
        let more = Arc::new(Notify::new());
        let (written_to, written) = watch::channel(0);
        let (drained_to, drained) = watch::channel(());
        let stop = CancellationToken::new();
        let flusher = Flusher {
            options: options.clone(),
            pending: pending.clone(),
            buffer: buffer.clone(),
            counters: counters.clone(),
            more: more.clone(),
            written: written_to,
        };
        let flusher = flusher.start().map_err(Error::Thread)?;
        let courier =
            Courier::new(options, buffer.clone(), counters.clone(), more, drained_to, stop.clone());
        let courier = runtime.spawn(courier.run());
        let flusher = Some(flusher);
        Ok(Self { pending, buffer, counters, written, drained, flusher, courier, stop })
    }

    /// Takes a record, and never waits.
    ///
    /// # Errors
    /// [`Full`] when too much waits in memory, or the record is longer than the server would take; the
    /// record is counted and gone.
    pub fn send(&self, record: &Record) -> Result<(), Full> {
        let mut entry = Vec::with_capacity(512);
        wire::write_entry(record, &mut entry);
        self.counters.given();
        let added = self.pending.add(&record.tag, &entry);
        added.inspect_err(|_| self.counters.refused())
    }

    /// Waits until all that was given before is in the buffer on disk, from where it is sent whatever
    /// becomes of this process.
    pub async fn buffered(&self) {
        let last = self.pending.flush();
        // It ends only once all is written.
        let _ = self.written.clone().wait_for(|written| *written >= last).await;
    }

    /// Waits until all that was given before has been acknowledged by a server, or dropped.
    pub async fn delivered(&self) {
        self.buffered().await;
        let mut drained = self.drained.clone();
        while !self.buffer.is_drained() {
            if drained.changed().await.is_err() {
                return;
            }
        }
    }

    /// What it has sent so far.
    #[must_use]
    pub fn sent(&self) -> Sent {
        let mut sent = self.counters.read();
        let waiting = self.buffer.waiting();
        sent.waiting_records = waiting.records;
        sent.waiting_bytes = waiting.bytes;
        sent.memory_bytes = self.pending.bytes() as u64;
        sent
    }

    /// Sends what there is for at most so long. What is left then stays in the buffer, for the next one
    /// that is started with it. Returns whether nothing is left.
    pub async fn close(mut self, within: Duration) -> bool {
        let delivered = timeout(within, self.delivered()).await.is_ok();
        self.pending.close();
        if let Some(flusher) = self.flusher.take() {
            let _ = spawn_blocking(move || flusher.join()).await;
        }
        self.stop.cancel();
        let _ = (&mut self.courier).await;
        self.buffer.close();
        delivered
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        // The flusher writes what there is, and ends.
        self.pending.close();
        self.stop.cancel();
    }
}
