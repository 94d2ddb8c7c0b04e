//! Which chunks have been taken: a client that has not heard that sends them again, with the same id.

use std::collections::{HashSet, VecDeque};

/// So many of the last ones are known.
const MOST: usize = 10_000;

/// The last chunks.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    known: HashSet<Box<[u8]>>,
    order: VecDeque<Box<[u8]>>,
}

impl Chunks {
    /// Whether this one was taken.
    pub(super) fn has(&self, id: &[u8]) -> bool {
        self.known.contains(id)
    }

    /// Notes that it is.
    pub(super) fn note(&mut self, id: &[u8]) {
        if !self.known.insert(id.into()) {
            return;
        }
        self.order.push_back(id.into());
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_chunks_are_known() {
        let mut chunks = Chunks::default();
        for id in 0..=MOST {
            assert!(!chunks.has(&id.to_be_bytes()));
            chunks.note(&id.to_be_bytes());
            chunks.note(&id.to_be_bytes());
        }
        assert!(!chunks.has(&0_usize.to_be_bytes()) && chunks.has(&1_usize.to_be_bytes()));
        assert_eq!((chunks.known.len(), chunks.order.len()), (MOST, MOST));
    }
}
