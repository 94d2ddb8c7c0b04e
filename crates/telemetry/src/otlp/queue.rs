//! What waits for a collector.

use std::collections::VecDeque;

use super::points::Point;

/// As many points wait while a collector is away; the oldest go first. A day of one version that is always
/// busy has some 800,000.
pub(super) const MOST: usize = 100_000;

/// As many points go out at once: about 300 kB before they are made smaller.
pub(super) const BATCH: usize = 2_000;

/// Points of a time each, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    times: VecDeque<Vec<Point>>,
    waiting: usize,
}

impl Queue {
    /// Points wait. Returns how many of the oldest were dropped for them.
    pub(super) fn push(&mut self, points: Vec<Point>) -> usize {
        if points.is_empty() {
            return 0;
        }
        self.waiting += points.len();
        self.times.push_back(points);
        let mut dropped = 0;
        while self.waiting > MOST && self.times.len() > 1 {
            let oldest = self.times.pop_front().map_or(0, |points| points.len());
            self.waiting -= oldest;
            dropped += oldest;
        }
        dropped
    }

    /// Takes what goes out at once.
    pub(super) fn take(&mut self) -> Vec<Point> {
        let mut batch = self.times.pop_front().unwrap_or_default();
        while let Some(next) = self.times.front()
            && batch.len() + next.len() <= BATCH
        {
            batch.extend(self.times.pop_front().unwrap_or_default());
        }
        if batch.len() > BATCH {
            self.times.push_front(batch.split_off(BATCH));
        }
        self.waiting -= batch.len();
        batch
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use launcher_model::measure::Traffic;
    use launcher_model::{ServiceName, VersionNumber};

    use super::*;
    use crate::gathered::{New, Told};
    use crate::key::{Key, Value};
    use crate::otlp::histogram::Shape;
    use crate::otlp::points::points;

    fn of(many: usize) -> Vec<Point> {
        let key = Key::Traffic(ServiceName::new("shop").unwrap(), VersionNumber(1));
        let new = Value::Traffic(Traffic { failed: 1, ..Traffic::default() });
        let news = vec![New { key, new, whole: None }; many];
        points(Told::Second(1), &news, Shape::Explicit)
    }

    #[test]
    fn what_is_too_much_is_dropped_from_the_oldest_and_counted() {
        let mut queue = Queue::default();
        let dropped: usize = (0..11).map(|_| queue.push(of(MOST / 10))).sum();
        assert_eq!((dropped, queue.waiting()), (MOST / 10, MOST));
    }

    #[test]
    fn several_times_go_out_at_once_and_one_that_is_too_long_in_parts() {
        let mut queue = Queue::default();
        for many in [0, 10, 20, BATCH, 2 * BATCH + 5, 1] {
            queue.push(of(many));
        }
        let mut taken = Vec::new();
        while queue.waiting() > 0 {
            taken.push(queue.take().len());
        }
        assert_eq!(taken, [30, BATCH, BATCH, BATCH, 6]);
        assert!(queue.take().is_empty());
    }
}
