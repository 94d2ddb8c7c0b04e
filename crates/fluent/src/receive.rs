//! The server: takes records from whoever sends them.

mod connection;
mod counters;
mod heartbeat;
mod sockets;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::tls::Acceptor;
use crate::wire::{Entries, Limits};
use crate::{Error, Record, Result, Security, User};

use connection::Connection;
use counters::Counters;
pub use counters::{Errors, Received, Receiving};
use sockets::{Accepted, Sockets};

/// What a listener does.
#[derive(Debug, Clone)]
pub struct ListenOptions {
    /// Where to take TCP connections, and to answer heartbeats over UDP; Fluentd's port is 24224.
    pub address: SocketAddr,
    /// A Unix socket to listen at as well; Docker's driver has `fluentd-address=unix://…`.
    pub unix: Option<PathBuf>,
    /// Whether heartbeats over UDP are answered, as `heartbeat_type udp` of older Fluentds has it.
    pub heartbeat: bool,
    /// Where it is there, TCP connections are encrypted.
    pub tls: Option<Acceptor>,
    /// Where it is there, clients have to have the shared key. Docker's driver cannot.
    pub security: Option<Security>,
    /// Where there are any, clients have to be one of them besides having the key.
    pub users: Vec<User>,
    /// How much is taken at once.
    pub limits: Limits,
    /// How many connections there may be at a time; more are closed at once. 1,024.
    pub connections: usize,
    /// How many of the frames that are long (more than 64 KiB) or compressed may be in memory at a time,
    /// until the consumer lets go of them; who sends more waits. 8: with the default limits, 640 MiB at
    /// the very worst.
    pub large: usize,
    /// How many batches wait for the consumer; when there are more, clients wait. 64.
    pub queue: usize,
    /// How long a client may take to be recognized. 10 s.
    pub handshake: Duration,
    /// How long a client may be silent in the middle of a frame, or not read its answer. 30 s.
    pub stall: Duration,
}

impl ListenOptions {
    /// Takes everything from everybody at this address.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            unix: None,
            heartbeat: true,
            tls: None,
            security: None,
            users: Vec::new(),
            limits: Limits::default(),
            connections: 1024,
            large: 8,
            queue: 64,
            handshake: Duration::from_secs(10),
            stall: Duration::from_secs(30),
        }
    }
}

/// Takes records until it is stopped or dropped.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    counters: Arc<Counters>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Listener {
    /// Begins to listen. What comes is given to the other end of the channel, in the order of each
    /// connection.
    ///
    /// # Errors
    /// [`Error::Bind`] when it cannot listen there, [`Error::UserWithoutKey`] when there are users and no
    /// key.
    pub async fn bind(options: ListenOptions) -> Result<(Self, mpsc::Receiver<Batch>)> {
        if options.security.is_none() && !options.users.is_empty() {
            return Err(Error::UserWithoutKey);
        }
        let sockets = Sockets::bind(&options).await?;
        let address = sockets.address;
        let (batches, consumer) = mpsc::channel(options.queue.max(1));
        let listener = Self {
            address,
            counters: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let house = House {
            large: Arc::new(Semaphore::new(options.large.max(1))),
            places: Arc::new(Semaphore::new(options.connections)),
            options,
            batches,
            counters: listener.counters.clone(),
            stop: listener.stop.clone(),
            tasks: listener.tasks.clone(),
        };
        listener.tasks.spawn(house.open(sockets));
        Ok((listener, consumer))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has received so far.
    #[must_use]
    pub fn received(&self) -> Received {
        self.counters.read()
    }

    /// The same for somebody else, for as long as they like.
    #[must_use]
    pub fn receiving(&self) -> Receiving {
        Receiving(Arc::clone(&self.counters))
    }

    /// Takes nothing more, and waits until the consumer has done with what it was given.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Records of one tag, which came together.
#[derive(Debug)]
pub struct Batch {
    /// Who sent them.
    pub peer: Peer,
    /// The records.
    pub entries: Entries,
    /// The id of their chunk, where the client wants to hear that it is safe. When it does not hear that,
    /// the same records come again, with the same id.
    pub chunk: Option<Box<[u8]>>,
    /// To be told when they are safe. When it is dropped instead, the client is told nothing and its
    /// connection is closed, so that it sends them again, if it waits for an answer at all.
    pub ack: Ack,
    /// The memory that it takes.
    _room: Option<OwnedSemaphorePermit>,
}

impl Batch {
    /// The tag of the records.
    #[must_use]
    pub fn tag(&self) -> &Arc<str> {
        self.entries.tag()
    }

    /// The records, in their order; each is made as one comes to it.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.entries.iter()
    }
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Somebody at this address.
    Tcp(SocketAddr),
    /// Somebody on this machine.
    Unix,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("the Unix socket"),
        }
    }
}

/// The right to say that a batch is safe.
#[derive(Debug)]
pub struct Ack(oneshot::Sender<()>);

impl Ack {
    /// Has the client be told that the records are safe, when it has asked for that.
    pub fn done(self) {
        // A connection that is gone needs no answer: its client sends again.
        let _ = self.0.send(());
    }
}

/// What all connections share.
struct House {
    options: ListenOptions,
    batches: mpsc::Sender<Batch>,
    counters: Arc<Counters>,
    large: Arc<Semaphore>,
    places: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl House {
    async fn open(self, mut sockets: Sockets) {
        let house = Arc::new(self);
        if let Some(socket) = sockets.heartbeat.take() {
            let (stop, counters) = (house.stop.clone(), house.counters.clone());
            house.tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = heartbeat::answer(&socket, &counters) => {}
                }
            });
        }
        loop {
            let accepted = tokio::select! {
                () = house.stop.cancelled() => return,
                accepted = sockets.accept() => accepted,
            };
            house.clone().take(accepted);
        }
    }

    fn take(self: Arc<Self>, accepted: Accepted) {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            self.counters.refuse(accepted.peer);
            return;
        };
        let tasks = self.tasks.clone();
        tasks.spawn(async move {
            self.counters.enter();
            Connection::new(&self, accepted.peer).run(accepted.stream).await;
            self.counters.leave();
            drop(place);
        });
    }
}
