//! Chunks that are on their way.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::buffer::Position;

/// The most that may be on its way, in bytes.
const MOST: usize = 16 << 20;

/// Those that were sent over one connection, in their order.
#[derive(Debug)]
pub(super) struct Window {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    size: usize,
    /// How long a server may say nothing.
    patience: Duration,
    /// Since when it has.
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) key: [u8; 16],
    /// The same as option `chunk` has it.
    pub(super) id: String,
    /// Where the next one begins.
    pub(super) end: Position,
    pub(super) records: u64,
    pub(super) bytes: usize,
    pub(super) acknowledged: bool,
}

impl Window {
    /// One for so many chunks, of which one has to be acknowledged within `patience`.
    pub(super) fn new(size: usize, patience: Duration) -> Self {
        Self { chunks: VecDeque::new(), bytes: 0, size, patience, since: Instant::now() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.chunks.len() < self.size && self.bytes < MOST
    }

    pub(super) fn push(&mut self, chunk: Chunk) {
        if self.is_empty() {
            self.since = Instant::now();
        }
        self.bytes += chunk.bytes;
        self.chunks.push_back(chunk);
    }

    /// When the next has to be acknowledged. A server that is slow, and goes on, has its time for each.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.is_empty()).then(|| self.since + self.patience)
    }

    /// Notes an acknowledgement, which may come in any order. False when it is of no chunk that waits for
    /// one.
    pub(super) fn acknowledge(&mut self, id: &[u8]) -> bool {
        let mut waiting = self.chunks.iter_mut().filter(|chunk| !chunk.acknowledged);
        let Some(chunk) = waiting.find(|chunk| chunk.id.as_bytes() == id) else { return false };
        chunk.acknowledged = true;
        self.since = Instant::now();
        true
    }

    /// The next that was acknowledged, when all before it were.
    pub(super) fn pop(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front_if(|chunk| chunk.acknowledged)?;
        self.bytes -= chunk.bytes;
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(id: &str) -> Chunk {
        Chunk {
            key: [0; 16],
            id: id.to_owned(),
            end: Position::default(),
            records: 1,
            bytes: 1,
            acknowledged: false,
        }
    }

    #[test]
    fn chunks_leave_in_their_order_whatever_that_of_acknowledgements_is() {
        let mut window = Window::new(3, Duration::from_secs(1));
        for id in ["a", "b", "c"] {
            assert!(window.has_room());
            window.push(chunk(id));
        }
        assert!(!window.has_room());
        assert!(window.acknowledge(b"b"));
        assert!(window.pop().is_none());
        assert!(window.acknowledge(b"a"));
        assert_eq!(window.pop().unwrap().id, "a");
        assert_eq!(window.pop().unwrap().id, "b");
        assert!(window.pop().is_none());
        // Not what is gone, what was never there, or twice the same.
        assert!(!window.acknowledge(b"a") && !window.acknowledge(b"x"));
        assert!(window.acknowledge(b"c") && !window.acknowledge(b"c"));
        assert!(window.pop().is_some() && window.is_empty());
    }
}
