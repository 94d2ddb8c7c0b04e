//! What the agent knows of itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Counts what the agent does.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    samples: AtomicU64,
    sampling_us: AtomicU64,
    sent: AtomicU64,
    dropped: AtomicU64,
    waiting: AtomicU64,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// How often was measured.
    pub(crate) samples: u64,
    /// How long that took, in microseconds.
    pub(crate) sampling_us: u64,
    /// Reports that the server has.
    pub(crate) sent: u64,
    /// Reports that it will not get.
    pub(crate) dropped: u64,
    /// Reports that wait for it.
    pub(crate) waiting: u64,
}

impl Tally {
    pub(crate) fn sampled(&self, took: Duration) {
        self.samples.fetch_add(1, Relaxed);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sampling_us.fetch_add(took, Relaxed);
    }

    pub(crate) fn sent(&self, reports: usize) {
        self.sent.fetch_add(reports as u64, Relaxed);
    }

    pub(crate) fn dropped(&self, reports: usize) {
        self.dropped.fetch_add(reports as u64, Relaxed);
    }

    pub(crate) fn wait(&self, reports: usize) {
        self.waiting.store(reports as u64, Relaxed);
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            samples: self.samples.load(Relaxed),
            sampling_us: self.sampling_us.load(Relaxed),
            sent: self.sent.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
        }
    }
}
