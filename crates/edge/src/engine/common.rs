//! What the threads share: little, and most of it written by one of them alone.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};

use super::Limits;
use super::gate::Gate;
use super::worker::Command;
use crate::compiled::Table;

pub(super) struct Common {
    pub(super) table: ArcSwap<Table>,
    pub(super) limits: Limits,
    pub(super) threads: Box<[Thread]>,
    /// Client connections of all threads.
    connections: AtomicUsize,
    /// Connections are taken.
    pub(super) open: watch::Sender<bool>,
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
    pub(super) fn new(table: Table, limits: Limits, threads: Box<[Thread]>) -> Self {
        let table = ArcSwap::from_pointee(table);
        let (open, _) = watch::channel(false);
        Self { table, limits, threads, connections: AtomicUsize::new(0), open }
    }

    /// Takes a place among the connections that may be open; false when there is none.
    pub(super) fn reserve(&self) -> bool {
        let more = |open| (open < self.limits.connections).then_some(open + 1);
        self.connections.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// Gives a place back.
    pub(super) fn release(&self) {
        self.connections.fetch_sub(1, Relaxed);
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
