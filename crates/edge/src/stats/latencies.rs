//! How long requests took, counted by one thread and read by any.

use std::sync::OnceLock;

use launcher_model::measure::{BUCKETS, bucket_of};

use super::Count;

/// Buckets that are made room for at one time: those of one doubling of the time.
const PART: usize = 64;

/// A histogram that grows where it is used: most versions have no requests, and those of one version
/// mostly take between a half and ten times as long as each other.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    parts: [OnceLock<Box<[Count; PART]>>; BUCKETS / PART],
    sum_us: Count,
}

impl Latencies {
    /// Counts a time in microseconds. For the one thread whose histogram this is.
    pub(crate) fn record(&self, us: u64) {
        let bucket = bucket_of(us);
        let part =
            self.parts[bucket / PART].get_or_init(|| Box::new([const { Count::new() }; PART]));
        part[bucket % PART].up();
        // Whoever looks whether anything has come looks at this alone.
        self.sum_us.add(us.max(1));
    }

    /// All times together, in microseconds.
    pub(crate) fn sum_us(&self) -> u64 {
        self.sum_us.get()
    }

    /// Adds every count to that of the same bucket in `sums`.
    pub(crate) fn add_to(&self, sums: &mut [u64]) {
        for (part, sums) in self.parts.iter().zip(sums.chunks_exact_mut(PART)) {
            let Some(part) = part.get() else { continue };
            for (count, sum) in part.iter().zip(sums) {
                *sum += count.get();
            }
        }
    }
}
