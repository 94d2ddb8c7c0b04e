//! What was received, in numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Peer;
use super::connection::Trouble;

/// What a listener has received since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Connections that were taken.
    pub connections: u64,
    /// Those of them that are open now.
    pub open: u64,
    /// Connections that were closed at once, because there were too many.
    pub refused: u64,
    /// Frames, heartbeats included.
    pub frames: u64,
    /// The bytes of frames, as they came.
    pub bytes: u64,
    /// Records that were given to the consumer.
    pub records: u64,
    /// Chunks that clients were told to be safe.
    pub acknowledged: u64,
    /// Batches that the consumer has dropped, whose clients wait for an answer.
    pub dropped: u64,
    /// Heartbeats, over TCP and UDP.
    pub heartbeats: u64,
    /// What went wrong.
    pub errors: Errors,
}

/// What went wrong. But for the first two, each ended a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Errors {
    /// Entries without a time or a record, which were left out.
    pub entries: u64,
    /// Events that are no logs (metrics and traces of Fluent Bit), which were left out.
    pub other_signals: u64,
    /// What was no message of the protocol.
    pub malformed: u64,
    /// What was more than the limits allow.
    pub too_large: u64,
    /// Clients that were not recognized: by key, by user, or within the time.
    pub handshake: u64,
    /// Connections that could not be encrypted.
    pub tls: u64,
    /// Clients that were silent in the middle of a frame, or did not read their answer.
    pub stalled: u64,
    /// Connections that broke off in the middle of a frame, or could not be read or written.
    pub broken: u64,
}

/// Tells what a listener has received. Clones tell of the same one.
#[derive(Debug, Clone, Default)]
pub struct Receiving(pub(super) Arc<Counters>);

impl Receiving {
    /// What it has received so far.
    #[must_use]
    pub fn read(&self) -> Received {
        self.0.read()
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    connections: AtomicU64,
    open: AtomicU64,
    refused: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    records: AtomicU64,
    acknowledged: AtomicU64,
    dropped: AtomicU64,
    heartbeats: AtomicU64,
    entries: AtomicU64,
    other_signals: AtomicU64,
    malformed: AtomicU64,
    too_large: AtomicU64,
    handshake: AtomicU64,
    tls: AtomicU64,
    stalled: AtomicU64,
    broken: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Received {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        Received {
            connections: of(&self.connections),
            open: of(&self.open),
            refused: of(&self.refused),
            frames: of(&self.frames),
            bytes: of(&self.bytes),
            records: of(&self.records),
            acknowledged: of(&self.acknowledged),
            dropped: of(&self.dropped),
            heartbeats: of(&self.heartbeats),
            errors: Errors {
                entries: of(&self.entries),
                other_signals: of(&self.other_signals),
                malformed: of(&self.malformed),
                too_large: of(&self.too_large),
                handshake: of(&self.handshake),
                tls: of(&self.tls),
                stalled: of(&self.stalled),
                broken: of(&self.broken),
            },
        }
    }

    pub(super) fn enter(&self) {
        add(&self.connections, 1);
        add(&self.open, 1);
    }

    pub(super) fn leave(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(super) fn refuse(&self, peer: Peer) {
        add(&self.refused, 1);
        tracing::debug!(%peer, "a Fluentd client was turned away: there are too many connections");
    }

    pub(super) fn heartbeat(&self) {
        add(&self.heartbeats, 1);
    }

    pub(super) fn frame(&self, bytes: usize) {
        add(&self.frames, 1);
        add(&self.bytes, bytes);
    }

    pub(super) fn give(&self, records: usize) {
        add(&self.records, records);
    }

    pub(super) fn skip(&self, entries: usize) {
        add(&self.entries, entries);
    }

    pub(super) fn other_signal(&self) {
        add(&self.other_signals, 1);
    }

    pub(super) fn acknowledge(&self) {
        add(&self.acknowledged, 1);
    }

    /// Why a connection has ended.
    pub(super) fn trouble(&self, peer: Peer, trouble: &Trouble) {
        let counter = match trouble {
            Trouble::Frame(error) if error.is_limit() => &self.too_large,
            Trouble::Frame(_) => &self.malformed,
            Trouble::Handshake(_) | Trouble::Slow => &self.handshake,
            Trouble::Tls(_) => &self.tls,
            Trouble::Stalled => &self.stalled,
            Trouble::Cut | Trouble::Io(_) => &self.broken,
            Trouble::Dropped => &self.dropped,
            Trouble::Stopped => return,
        };
        add(counter, 1);
        // Whoever can connect could fill the log otherwise; the numbers tell of it.
        tracing::debug!(%peer, "a connection of a Fluentd client was closed: {trouble}");
    }
}

fn add(counter: &AtomicU64, count: impl TryInto<u64>) {
    counter.fetch_add(count.try_into().unwrap_or(u64::MAX), Relaxed);
}
