//! Our histograms as OpenTelemetry has them.
//!
//! Ours has 64 buckets for each doubling, of equal width each; a time stands for the middle of its bucket,
//! which is wrong by 0.8 % at most. That middle is then counted in a bucket of the other histogram.

use launcher_model::measure::{Histogram, bucket_range};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use serde::Deserialize;

/// How a distribution of times is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// With buckets that grow by the same factor, as fine as 160 of them allow.
    #[default]
    Exponential,
    /// With the bounds of the semantic conventions.
    Explicit,
}

/// The finest scale: 64 buckets for each doubling, as ours has.
const FINEST: i32 = 6;

/// As many buckets as the SDKs of OpenTelemetry make at the most
/// (<https://opentelemetry.io/docs/specs/otel/metrics/sdk/#base2-exponential-bucket-histogram-aggregation>).
const MOST_BUCKETS: i32 = 160;

/// Those of `http.server.request.duration`, in seconds
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>).
pub(super) const BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Counts in buckets that grow by a factor of 2^(2^-scale), and the scale.
pub(super) fn exponential(histogram: &Histogram) -> (i32, Buckets) {
    let finest: Vec<(i32, u64)> =
        middles(histogram).map(|(seconds, count)| (index(seconds), count)).collect();
    let (Some((first, _)), Some((last, _))) = (finest.first(), finest.last()) else {
        return (FINEST, Buckets::default());
    };
    // A scale less puts each two buckets together.
    let width = |shift: i32| (last >> shift) - (first >> shift) + 1;
    let shift = (0..FINEST + 10).find(|shift| width(*shift) <= MOST_BUCKETS).unwrap_or(FINEST + 10);
    let offset = first >> shift;
    let mut counts = vec![0; usize::try_from(width(shift)).unwrap_or(0)];
    for (index, count) in &finest {
        let at = usize::try_from((index >> shift) - offset).unwrap_or(0);
        if let Some(bucket) = counts.get_mut(at) {
            *bucket += count;
        }
    }
    (FINEST - shift, Buckets { offset, bucket_counts: counts })
}

/// Counts of what took as long as each of [`BOUNDS`] at the most and longer than the one before, and of what
/// took longer than all of them.
pub(super) fn explicit(histogram: &Histogram) -> Vec<u64> {
    let mut counts = vec![0; BOUNDS.len() + 1];
    for (seconds, count) in middles(histogram) {
        counts[BOUNDS.partition_point(|bound| *bound < seconds)] += count;
    }
    counts
}

/// The middle of each bucket in which something is, in seconds, with its count.
fn middles(histogram: &Histogram) -> impl Iterator<Item = (f64, u64)> + '_ {
    histogram.buckets().iter().map(|(bucket, count)| {
        let (low, next) = bucket_range(usize::from(*bucket));
        #[expect(clippy::cast_precision_loss, reason = "times stay below 2^37 µs")]
        let middle = (low + next) as f64 / 2e6;
        (middle, *count)
    })
}

/// The bucket of the finest scale: it holds what is longer than its lower bound and not longer than its upper
/// one.
#[expect(clippy::cast_possible_truncation, reason = "logarithms of times are small")]
fn index(seconds: f64) -> i32 {
    (seconds.log2() * f64::from(1 << FINEST)).ceil() as i32 - 1
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

    /// What a reader of it says of a part of all, in microseconds: the middle of a bucket.
    fn quantile((scale, buckets): &(i32, Buckets), rank: u64) -> f64 {
        let mut seen = 0;
        for (at, count) in buckets.bucket_counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                let middle = f64::from(buckets.offset + at as i32) + 0.5;
                return (middle * 2f64.powi(-scale)).exp2() * 1e6;
            }
        }
        panic!("there are fewer than {rank}")
    }

    #[test]
    fn nothing_has_no_buckets() {
        assert_eq!(exponential(&Histogram::default()), (FINEST, Buckets::default()));
        assert_eq!(explicit(&Histogram::default()), [0; 15]);
    }

    #[test]
    fn explicit_bounds_are_those_of_the_conventions() {
        let counts = explicit(&of(&[3_000, 6_000, 60_000, 80_000, 90_000, 60_000_000]));
        assert_eq!(counts, [1, 1, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_there_are_never_too_many(
            times in proptest::collection::vec(0..1u64 << 36, 1..200),
        ) {
            let histogram = of(&times);
            let (_, buckets) = exponential(&histogram);
            prop_assert!(buckets.bucket_counts.len() <= 160);
            prop_assert_eq!(buckets.bucket_counts.iter().sum::<u64>(), histogram.count());
            prop_assert_eq!(explicit(&histogram).iter().sum::<u64>(), histogram.count());
        }

        /// Times that are within two doublings, for which the finest scale has room.
        #[test]
        fn what_is_read_is_wrong_by_less_than_one_and_a_half_percent(
            mut times in (100u64..10_000_000).prop_flat_map(|least| {
                proptest::collection::vec(least..least * 4, 1..200)
            }),
            part in 0.0f64..=1.0,
        ) {
            let told = exponential(&of(&times));
            prop_assert_eq!(told.0, FINEST);
            times.sort_unstable();
            let rank = ((part * times.len() as f64).ceil() as usize).max(1);
            let exact = times[rank - 1] as f64;
            let read = quantile(&told, rank as u64);
            prop_assert!((read - exact).abs() <= exact * 0.015, "{read} for {exact}");
        }

        #[test]
        fn a_coarser_scale_is_as_wrong_as_its_buckets_are_wide(
            mut times in proptest::collection::vec(64..1u64 << 36, 1..200),
            part in 0.0f64..=1.0,
        ) {
            let told = exponential(&of(&times));
            times.sort_unstable();
            let rank = ((part * times.len() as f64).ceil() as usize).max(1);
            let exact = times[rank - 1] as f64;
            let read = quantile(&told, rank as u64);
            let half = 2f64.powi(-told.0 - 1).exp2() * 1.009;
            prop_assert!(read <= exact * half && exact <= read * half, "{read} for {exact}");
        }
    }
}
