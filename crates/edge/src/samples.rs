//! What was carried in each second, kept until the control plane has been told.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use launcher_model::measure::TrafficSample;
use tokio::sync::Notify;

/// As many samples are kept while the control plane is away, and for so many seconds; the oldest go first.
const MOST: usize = 20_000;
const MOST_SECONDS: usize = 300;

/// What can be asked what was carried since it was asked last.
pub(crate) trait Source: Send + Sync {
    /// What was carried for each version since the last call. Those for which nothing was, and with which
    /// nothing is under way, are left out.
    fn take(&self) -> Vec<TrafficSample>;
}

/// What was carried in one second.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// The second, since 1970.
    pub at: i64,
    /// What was carried in it.
    pub samples: Vec<TrafficSample>,
}

/// Seconds of which the control plane is still to be told.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    kept: Mutex<Kept>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    seconds: VecDeque<Second>,
    samples: usize,
    dropped: u64,
}

impl Samples {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was carried in a second.
    fn add(&self, second: Second) {
        let mut kept = self.kept();
        kept.samples += second.samples.len();
        kept.seconds.push_back(second);
        while kept.seconds.len() > MOST_SECONDS || (kept.samples > MOST && kept.seconds.len() > 1) {
            kept.forget_first();
            kept.dropped += 1;
            if kept.dropped == 1 {
                tracing::warn!("the control plane is away for long; graphs will have a gap");
            }
        }
        drop(kept);
        self.came.notify_one();
    }

    /// Waits until there is a second to tell of. The oldest one; it stays until it is
    /// [told](Self::told).
    pub(crate) async fn next(&self) -> Second {
        loop {
            if let Some(second) = self.kept().seconds.front() {
                return second.clone();
            }
            self.came.notified().await;
        }
    }

    /// Forgets a second and those before it: the control plane has been told.
    pub(crate) fn told(&self, at: i64) {
        let mut kept = self.kept();
        while kept.seconds.front().is_some_and(|second| second.at <= at) {
            kept.forget_first();
        }
        kept.dropped = 0;
    }
}

impl Kept {
    fn forget_first(&mut self) {
        if let Some(second) = self.seconds.pop_front() {
            self.samples -= second.samples.len();
        }
    }
}

/// Asks the source at the end of each second, for ever. One that begins while it runs is not lost: the
/// seconds are those of the clock, and what could not be asked in time is counted to the next.
pub(crate) async fn keep(samples: &Samples, source: &dyn Source) {
    let mut last = None;
    loop {
        let now = since_1970();
        // A timer may be a little early.
        let next = Duration::from_secs(now.as_secs() + 1) + Duration::from_millis(1);
        tokio::time::sleep(next.saturating_sub(now)).await;
        let at = i64::try_from(since_1970().as_secs()).unwrap_or(i64::MAX) - 1;
        // The clock may have been set back.
        let at = last.map_or(at, |last: i64| if at == last { at + 1 } else { at });
        last = Some(at);
        let carried = source.take();
        if !carried.is_empty() {
            samples.add(Second { at, samples: carried });
        }
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use launcher_model::measure::Traffic;
    use launcher_model::{ServiceName, VersionNumber};

    use super::*;

    fn second(at: i64, samples: usize) -> Second {
        let sample = TrafficSample {
            service: ServiceName::new("shop").unwrap(),
            version: VersionNumber(1),
            traffic: Traffic::default(),
        };
        Second { at, samples: vec![sample; samples] }
    }

    #[tokio::test]
    async fn a_second_stays_until_it_is_told() {
        let samples = Samples::default();
        samples.add(second(10, 1));
        samples.add(second(11, 2));
        assert_eq!(samples.next().await.at, 10);
        assert_eq!(samples.next().await.at, 10);
        samples.told(10);
        assert_eq!(samples.next().await, second(11, 2));
        samples.told(11);
        assert_eq!(samples.kept().samples, 0);
    }

    #[tokio::test]
    async fn the_oldest_go_when_there_are_too_many() {
        let samples = Samples::default();
        (0..400).for_each(|at| samples.add(second(at, 1)));
        assert_eq!(samples.next().await.at, 100);
        samples.add(second(400, MOST));
        assert_eq!(samples.next().await.at, 400);
        assert_eq!(samples.kept().dropped, 400);
        samples.told(400);
        assert_eq!(samples.kept().dropped, 0);
    }
}
