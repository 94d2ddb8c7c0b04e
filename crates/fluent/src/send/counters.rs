//! What was sent, in numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a forwarder has done since it began, and what waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Records that were given to it.
    pub given: u64,
    /// Those of them that were refused.
    pub refused: u64,
    /// Records that a server has acknowledged.
    pub records: u64,
    /// The chunks that they were in.
    pub chunks: u64,
    /// Chunks that were sent once more, because nobody had acknowledged them.
    pub again: u64,
    /// Records that were dropped, because the buffer was full or could not be read or written.
    pub lost: u64,
    /// Bytes of the buffer that were of no use at the start: what was being written when a process died.
    pub cut: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that could not be made, or came to a bad end.
    pub failures: u64,
    /// Whether a server is connected.
    pub connected: bool,
    /// Records in the buffer.
    pub waiting_records: u64,
    /// The bytes of the buffer.
    pub waiting_bytes: u64,
    /// The bytes of records that are not in the buffer yet.
    pub memory_bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    given: AtomicU64,
    refused: AtomicU64,
    records: AtomicU64,
    chunks: AtomicU64,
    again: AtomicU64,
    lost: AtomicU64,
    cut: AtomicU64,
    connections: AtomicU64,
    failures: AtomicU64,
    connected: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Sent {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        Sent {
            given: of(&self.given),
            refused: of(&self.refused),
            records: of(&self.records),
            chunks: of(&self.chunks),
            again: of(&self.again),
            lost: of(&self.lost),
            cut: of(&self.cut),
            connections: of(&self.connections),
            failures: of(&self.failures),
            connected: of(&self.connected) > 0,
            ..Sent::default()
        }
    }

    pub(super) fn given(&self) {
        self.given.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn delivered(&self, records: u64) {
        self.records.fetch_add(records, Relaxed);
        self.chunks.fetch_add(1, Relaxed);
    }

    pub(super) fn again(&self) {
        self.again.fetch_add(1, Relaxed);
    }

    pub(super) fn lost(&self, records: u64) {
        self.lost.fetch_add(records, Relaxed);
    }

    pub(super) fn cut(&self, bytes: u64) {
        self.cut.fetch_add(bytes, Relaxed);
    }

    pub(super) fn connect(&self) {
        self.connections.fetch_add(1, Relaxed);
        self.connected.store(1, Relaxed);
    }

    pub(super) fn disconnect(&self) {
        self.connected.store(0, Relaxed);
    }

    pub(super) fn fail(&self) {
        self.failures.fetch_add(1, Relaxed);
    }
}
