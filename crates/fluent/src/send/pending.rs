//! Records in memory, until they are written to the buffer.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest tag, in bytes.
const LONGEST_TAG: usize = 1024;

/// A record is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too much waits already: the buffer is not written fast enough.
    #[error("too many records wait to be written to the buffer of the forwarder")]
    Memory,
    /// It is longer than a chunk may be.
    #[error("the record is too long to be forwarded")]
    Record,
    /// The forwarder was closed.
    #[error("the forwarder was closed")]
    Closed,
}

/// Entries of one tag, encoded one after the other.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) tag: Arc<str>,
    pub(super) records: u32,
    pub(super) entries: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Pending {
    /// How much may be here, in bytes.
    memory: usize,
    /// How long entries are that do not wait any longer.
    chunk: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    packed: Vec<Packed>,
    /// Which of them take more of their tag.
    open: HashMap<Arc<str>, usize>,
    /// How long all entries are, those that are being written included.
    bytes: usize,
    /// How many records have been added.
    added: u64,
    /// When the first of these came.
    since: Option<Instant>,
    urgent: bool,
    closed: bool,
}

/// What is to be written.
pub(super) struct Taken {
    pub(super) packed: Vec<Packed>,
    /// How many records have been added up to here.
    pub(super) added: u64,
}

impl Pending {
    pub(super) fn new(memory: usize, chunk: usize) -> Self {
        Self { memory, chunk, state: Mutex::default(), changed: Condvar::new() }
    }

    pub(super) fn add(&self, tag: &Arc<str>, entry: &[u8]) -> Result<(), Full> {
        if entry.len() > self.memory.min(8 << 20) || tag.len() > LONGEST_TAG {
            return Err(Full::Record);
        }
        let mut state = self.state();
        if state.closed {
            return Err(Full::Closed);
        }
        if state.bytes + entry.len() > self.memory {
            state.urgent = !state.packed.is_empty();
            drop(state);
            self.changed.notify_all();
            return Err(Full::Memory);
        }
        let first = state.packed.is_empty();
        let full = state.push(tag, entry, self.chunk);
        if first {
            state.since = Some(Instant::now());
        }
        state.urgent |= full;
        drop(state);
        if first || full {
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Has all be written that there is; returns how many records have been added so far.
    pub(super) fn flush(&self) -> u64 {
        let mut state = self.state();
        state.urgent = true;
        self.changed.notify_all();
        state.added
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Waits until something is to be written; none when it was closed and all is written.
    pub(super) fn take(&self, flush: Duration) -> Option<Taken> {
        let mut state = self.state();
        loop {
            let waits = match state.since {
                _ if state.urgent || state.closed => Duration::ZERO,
                Some(since) => flush.saturating_sub(since.elapsed()),
                None => Duration::MAX,
            };
            if waits.is_zero() {
                break;
            }
            state = self.wait(state, waits);
        }
        if state.closed && state.packed.is_empty() {
            return None;
        }
        state.urgent = false;
        state.since = None;
        state.open.clear();
        Some(Taken { packed: mem::take(&mut state.packed), added: state.added })
    }

    /// So many bytes have been written, and are not in memory any more.
    pub(super) fn release(&self, bytes: usize) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(bytes);
    }

    /// Waits so long, or until it was closed; true in the second case.
    pub(super) fn closed_within(&self, duration: Duration) -> bool {
        let deadline = Instant::now() + duration;
        let mut state = self.state();
        while !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.wait(state, left);
        }
        true
    }

    pub(super) fn bytes(&self) -> usize {
        self.state().bytes
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, duration: Duration) -> MutexGuard<'a, State> {
        if duration == Duration::MAX {
            return self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let waited = self.changed.wait_timeout(state, duration);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// True when entries have become long enough to be written.
    fn push(&mut self, tag: &Arc<str>, entry: &[u8], chunk: usize) -> bool {
        self.bytes += entry.len();
        self.added += 1;
        let index = match self.open.get(tag) {
            Some(index) => *index,
            None => {
                self.packed.push(Packed { tag: tag.clone(), records: 0, entries: Vec::new() });
                self.open.insert(tag.clone(), self.packed.len() - 1);
                self.packed.len() - 1
            }
        };
        let packed = &mut self.packed[index];
        packed.entries.extend_from_slice(entry);
        packed.records += 1;
        let full = packed.entries.len() >= chunk;
        if full {
            self.open.remove(tag);
        }
        full
    }
}
