//! What the threads share: little, and most of it written by one of them alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc, watch};

use super::Limits;
use super::coming::Coming;
use super::gate::Gate;
use super::tls::Tls;
use super::worker::Command;
use crate::access::Log;
use crate::certificates::Challenges;
use crate::compiled::Table;
use crate::looks::Looks;
use crate::wakes::Wakes;

pub(super) struct Common {
    pub(super) table: ArcSwap<Table>,
    pub(super) limits: Limits,
    /// How HTTPS is spoken, where it is.
    pub(super) tls: Option<Tls>,
    /// What is answered to an authority of certificates; nearly always nothing.
    pub(super) challenges: ArcSwap<Challenges>,
    /// Where what became of requests is told, if it is.
    pub(super) log: Option<Log>,
    pub(super) threads: Box<[Thread]>,
    /// Client connections of all threads.
    connections: AtomicUsize,
    /// Whether connections are taken.
    pub(super) doors: watch::Sender<Doors>,
    /// How many sockets connections are taken from.
    accepting: AtomicUsize,
    /// When this is not 0, the next response of every connection is its last one, and those that
    /// stay without a request are closed within so many milliseconds.
    retired: AtomicU64,
    pub(super) coming: Coming,
    pub(super) looks: Looks,
    pub(super) wakes: Arc<Wakes>,
    /// Told when no connection is open any more, or none is taken.
    pub(super) emptied: Notify,
}

/// Whether connections are taken.
#[derive(Debug, Clone)]
pub(super) enum Doors {
    /// They are.
    Open,
    /// They wait, but for those to addresses that nobody will listen to any more.
    Shut {
        /// These.
        leaving: Arc<[SocketAddr]>,
    },
}

impl Doors {
    pub(super) fn shut() -> Self {
        Self::Shut { leaving: Arc::default() }
    }
}

/// Held while connections are taken from a socket.
pub(super) struct Accepting(Arc<Common>);

impl Drop for Accepting {
    fn drop(&mut self) {
        if self.0.accepting.fetch_sub(1, Relaxed) == 1 {
            self.0.emptied.notify_waiters();
        }
    }
}

/// What is to be known of one thread, on cache lines of its own.
#[repr(align(128))]
pub(super) struct Thread {
    pub(super) gate: Gate,
    pub(super) inbox: mpsc::UnboundedSender<Command>,
    /// Client connections of this thread.
    clients: AtomicUsize,
}

impl Thread {
    pub(super) fn new(inbox: mpsc::UnboundedSender<Command>) -> Self {
        Self { gate: Gate::default(), inbox, clients: AtomicUsize::new(0) }
    }
}

impl Common {
    pub(super) fn new(
        table: Table,
        limits: Limits,
        tls: Option<Tls>,
        log: Option<Log>,
        threads: Box<[Thread]>,
    ) -> Self {
        let table = ArcSwap::from_pointee(table);
        let (doors, _) = watch::channel(Doors::shut());
        Self {
            table,
            limits,
            tls,
            challenges: ArcSwap::default(),
            log,
            threads,
            connections: AtomicUsize::new(0),
            doors,
            accepting: AtomicUsize::new(0),
            retired: AtomicU64::new(0),
            coming: Coming::default(),
            looks: Looks::default(),
            wakes: Arc::default(),
            emptied: Notify::new(),
        }
    }

    /// Notes that connections are taken from one more socket.
    pub(super) fn accepts(self: &Arc<Self>) -> Accepting {
        self.accepting.fetch_add(1, Relaxed);
        Accepting(self.clone())
    }

    /// Makes the next response of every connection its last one, or no longer does. Connections that
    /// stay without a request are closed within `idle`.
    pub(super) fn retire(&self, idle: Option<Duration>) {
        let ms = idle.map(|idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX).max(1));
        self.retired.store(ms.unwrap_or(0), Relaxed);
    }

    /// Within how many milliseconds a connection without a request is closed, when the next response of
    /// each is its last one.
    pub(super) fn retired(&self) -> Option<u64> {
        Some(self.retired.load(Relaxed)).filter(|ms| *ms > 0)
    }

    /// How many sockets connections are taken from.
    pub(super) fn accepting(&self) -> usize {
        self.accepting.load(Relaxed)
    }

    /// How many connections are open.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Takes a place among the connections that may be open; false when there is none.
    pub(super) fn reserve(&self) -> bool {
        let more = |open| (open < self.limits.connections).then_some(open + 1);
        self.connections.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// Gives a place back.
    pub(super) fn release(&self) {
        if self.connections.fetch_sub(1, Relaxed) == 1 {
            self.emptied.notify_waiters();
        }
    }

    /// The thread that should serve a connection which this one has taken. The kernel spreads
    /// connections by chance, and those that stay open for long would make one thread's clients wait
    /// while another has little to do.
    pub(super) fn lightest(&self, own: usize) -> usize {
        let load = |n: usize| self.threads[n].clients.load(Relaxed);
        let lightest = (0..self.threads.len()).min_by_key(|n| load(*n)).unwrap_or(own);
        // Handing over costs something too.
        if load(lightest) + 1 < load(own) { lightest } else { own }
    }

    pub(super) fn serves_more(&self, thread: usize) {
        self.threads[thread].clients.fetch_add(1, Relaxed);
    }

    pub(super) fn serves_less(&self, thread: usize) {
        self.threads[thread].clients.fetch_sub(1, Relaxed);
    }
}
