//! How long is waited after failures.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);

/// Twice as long after each failure in a row, of which this is the number.
pub(crate) fn after(failures: u32, longest: Duration) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(20)));
    jittered(doubled.min(longest))
}

/// A tenth more or less, so that not everything happens at once.
pub(crate) fn jittered(about: Duration) -> Duration {
    about.mul_f64(rand::random_range(0.9..1.1))
}

#[cfg(test)]
mod tests {
    use super::{Duration, after};

    #[test]
    fn it_doubles_up_to_an_end() {
        let longest = Duration::from_secs(60);
        let within = |failures, seconds: f64| {
            let waited = after(failures, longest).as_secs_f64();
            assert!((seconds * 0.89..seconds * 1.11).contains(&waited), "{failures}: {waited}");
        };
        for (failures, seconds) in [(1, 1.0), (2, 2.0), (5, 16.0), (9, 60.0), (u32::MAX, 60.0)] {
            within(failures, seconds);
        }
    }
}
