//! How long things took, as counts in buckets that grow with the time.

use serde::{Deserialize, Serialize};

use super::Merge;

/// Each doubling of the time is divided into so many buckets, as a power of two.
const SUB_BITS: u32 = 6;
const SUB: u64 = 1 << SUB_BITS;

/// The power of two, in microseconds, beyond which times are not told apart: some 19 hours.
const LONGEST_POWER: u32 = 36;

/// How many buckets there are.
pub const BUCKETS: usize = ((LONGEST_POWER - SUB_BITS + 1) as usize) << SUB_BITS;

/// The bucket of a time in microseconds.
#[must_use]
pub fn bucket_of(us: u64) -> usize {
    let us = us.min((1 << LONGEST_POWER) - 1);
    if us < SUB {
        return usize::try_from(us).unwrap_or(usize::MAX);
    }
    let power = us.ilog2();
    let within = (us >> (power - SUB_BITS)) - SUB;
    let at = (u64::from(power - SUB_BITS + 1) << SUB_BITS) + within;
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// The first time of a bucket and the first after it, in microseconds.
#[must_use]
pub fn bucket_range(bucket: usize) -> (u64, u64) {
    let bucket = bucket as u64;
    if bucket < SUB {
        return (bucket, bucket + 1);
    }
    let shift = (bucket >> SUB_BITS) - 1;
    let low = (SUB + (bucket & (SUB - 1))) << shift;
    (low, low + (1 << shift))
}

/// Times in microseconds, counted in buckets of which none is wider than 1/64 of its times. What is read
/// from it is the middle of a bucket, so it is wrong by 0.8 % at most, and that of several histograms put
/// together is exactly what one histogram of all times would have said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Counts", into = "Counts")]
pub struct Histogram {
    /// The buckets in which something is, in order.
    buckets: Vec<(u16, u64)>,
    count: u64,
    sum_us: u64,
}

/// A histogram as it is written: buckets with their counts, and the sum of all times.
#[derive(Serialize, Deserialize)]
struct Counts {
    buckets: Vec<(u16, u64)>,
    sum_us: u64,
}

/// Buckets are out of order, or there is no such bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a histogram's buckets are numbered upwards, below {BUCKETS}; {0} is not")]
pub struct InvalidBucket(u16);

impl TryFrom<Counts> for Histogram {
    type Error = InvalidBucket;

    fn try_from(counts: Counts) -> Result<Self, InvalidBucket> {
        Self::from_buckets(counts.buckets, counts.sum_us)
    }
}

impl From<Histogram> for Counts {
    fn from(histogram: Histogram) -> Self {
        Self { buckets: histogram.buckets, sum_us: histogram.sum_us }
    }
}

impl Histogram {
    /// The histogram with these counts, whose buckets are in order.
    ///
    /// # Errors
    /// When they are not, or a bucket does not exist.
    pub fn from_buckets(mut buckets: Vec<(u16, u64)>, sum_us: u64) -> Result<Self, InvalidBucket> {
        let mut least = 0;
        for (bucket, _) in &buckets {
            if usize::from(*bucket) < least || usize::from(*bucket) >= BUCKETS {
                return Err(InvalidBucket(*bucket));
            }
            least = usize::from(*bucket) + 1;
        }
        buckets.retain(|(_, count)| *count > 0);
        let count = buckets.iter().fold(0u64, |sum, (_, count)| sum.saturating_add(*count));
        Ok(Self { buckets, count, sum_us })
    }

    /// Counts one time.
    pub fn record(&mut self, us: u64) {
        let bucket = u16::try_from(bucket_of(us)).unwrap_or(u16::MAX);
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 += 1,
            Err(at) => self.buckets.insert(at, (bucket, 1)),
        }
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// How many times were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All times together, in microseconds.
    #[must_use]
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// The buckets in which something is, in order, each with its count.
    #[must_use]
    pub fn buckets(&self) -> &[(u16, u64)] {
        &self.buckets
    }

    /// The time in microseconds that this part of all, between 0 and 1, did not exceed; none when nothing
    /// was counted.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<u64> {
        // A count beyond 2^53 is not to be had.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let rank = (part.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0u64;
        for (bucket, count) in &self.buckets {
            seen = seen.saturating_add(*count);
            if seen >= rank {
                let (low, next) = bucket_range(usize::from(*bucket));
                return Some(low + (next - low) / 2);
            }
        }
        None
    }

    /// How many took this long or less, as far as buckets tell; for scales with other steps.
    #[must_use]
    pub fn at_most(&self, us: u64) -> u64 {
        let last = bucket_of(us);
        let within = self.buckets.iter().take_while(|(bucket, _)| usize::from(*bucket) <= last);
        within.fold(0, |sum, (_, count)| sum + count)
    }

    fn add(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.clone_from(other);
            return;
        }
        let mut merged = Vec::with_capacity(self.buckets.len() + other.buckets.len());
        let (mut ours, mut theirs) =
            (self.buckets.iter().peekable(), other.buckets.iter().peekable());
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (Some(one), Some(another)) if one.0 == another.0 => {
                    let sum = (one.0, one.1.saturating_add(another.1));
                    ours.next();
                    theirs.next();
                    Some(sum)
                }
                (Some(one), Some(another)) if another.0 < one.0 => theirs.next().copied(),
                (Some(_), _) => ours.next().copied(),
                (None, _) => theirs.next().copied(),
            };
            let Some(next) = next else { break };
            merged.push(next);
        }
        self.buckets = merged;
        self.count = self.count.saturating_add(other.count);
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }
}

impl Merge for Histogram {
    fn beside(&mut self, other: &Self) {
        self.add(other);
    }

    fn after(&mut self, other: &Self) {
        self.add(other);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(times: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        times.iter().for_each(|us| histogram.record(*us));
        histogram
    }

    /// Times of all magnitudes, not only large ones.
    fn times() -> impl Strategy<Value = Vec<u64>> {
        let time = (0u32..LONGEST_POWER, any::<u64>());
        let time = time.prop_map(|(power, low)| (1u64 << power) | (low & ((1 << power) - 1)));
        proptest::collection::vec(time, 1..200)
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut next = 0;
        for bucket in 0..BUCKETS {
            let (low, after) = bucket_range(bucket);
            assert_eq!(low, next);
            assert_eq!((bucket_of(low), bucket_of(after - 1)), (bucket, bucket));
            next = after;
        }
        assert_eq!(next, 1 << LONGEST_POWER);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn nothing_counted_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn what_was_written_wrongly_is_refused() {
        let read = |text: &str| serde_json::from_str::<Histogram>(text);
        for text in [
            r#"{"buckets":[[5,1],[5,1]],"sum_us":1}"#,
            r#"{"buckets":[[6,1],[5,1]],"sum_us":1}"#,
            r#"{"buckets":[[60000,1]],"sum_us":1}"#,
        ] {
            assert!(read(text).unwrap_err().to_string().contains("numbered upwards"), "{text}");
        }
        assert_eq!(read(r#"{"buckets":[[5,0],[7,2]],"sum_us":14}"#).unwrap().count(), 2);
    }

    proptest! {
        #[test]
        fn merged_over_edges_equals_that_of_all(all in proptest::collection::vec(times(), 1..5)) {
            let mut merged = Histogram::default();
            all.iter().for_each(|edge| merged.beside(&of(edge)));
            prop_assert_eq!(&merged, &of(&all.concat()));
            let written = serde_json::to_string(&merged).unwrap();
            prop_assert_eq!(merged, serde_json::from_str::<Histogram>(&written).unwrap());
        }

        #[test]
        fn a_quantile_is_wrong_by_one_percent_at_most(mut all in times(), part in 0.0f64..=1.0) {
            let told = of(&all).quantile(part).unwrap() as f64;
            all.sort_unstable();
            let rank = ((part * all.len() as f64).ceil() as usize).max(1);
            let exact = all[rank - 1] as f64;
            prop_assert!((told - exact).abs() <= exact * 0.01, "{told} for {exact}");
        }
    }
}
