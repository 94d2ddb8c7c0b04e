//! A bucket of tokens: some at once, then one in a while.

use std::time::Duration;

use tokio::time::Instant;

/// Fills by itself.
#[derive(Debug)]
pub(crate) struct Bucket {
    capacity: u32,
    every: Duration,
    /// When it is full again.
    full_at: Instant,
}

impl Bucket {
    /// A full one, which holds `capacity` and gets one more each `every`.
    pub(crate) fn new(capacity: u32, every: Duration, now: Instant) -> Self {
        Self { capacity, every, full_at: now }
    }

    /// When there is one to take; now or earlier when there is.
    pub(crate) fn ready_at(&self) -> Instant {
        let before = self.every * self.capacity.saturating_sub(1);
        self.full_at.checked_sub(before).unwrap_or(self.full_at)
    }

    /// Takes one. False when there is none.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.ready_at() > now {
            return false;
        }
        self.full_at = self.full_at.max(now) + self.every;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_there_at_once_and_one_more_in_a_while() {
        // The clock of a machine that has just started cannot go back far.
        let start = Instant::now() + Duration::from_secs(3600);
        let second = Duration::from_secs(1);
        let mut bucket = Bucket::new(3, 2 * second, start);
        let taken = (0..5).filter(|_| bucket.take(start)).count();
        assert_eq!(taken, 3);
        assert_eq!(bucket.ready_at(), start + 2 * second);
        assert!(!bucket.take(start + second));
        assert!(bucket.take(start + 2 * second) && !bucket.take(start + 3 * second));
        let later = start + 3600 * second;
        assert_eq!((0..9).filter(|_| bucket.take(later)).count(), 3);
    }
}
