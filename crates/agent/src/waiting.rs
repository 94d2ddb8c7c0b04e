//! Samples that wait for the server, so many and no more.

use std::collections::VecDeque;

use launcher_model::measure::REPORTS_WITHIN;

use crate::sampler::Sample;

/// How many containers' figures wait at most, in all samples together: less than 32 MiB.
const MOST: usize = 64 << 10;
/// How many are sent in one call at most: what is well below the longest body that the server takes.
const AT_ONCE: usize = 1500;

/// Samples with the ends of their spans, in seconds since 1970, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    samples: VecDeque<(i64, Sample)>,
    size: usize,
}

/// What a sample costs: its containers, and the host.
fn size(sample: &Sample) -> usize {
    sample.containers.len() + 1
}

impl Waiting {
    /// Adds one. How many were dropped for it, the oldest first: those that the server would not take any more,
    /// and those that there is no room for.
    pub(crate) fn push(&mut self, at: i64, sample: Sample) -> usize {
        self.size += size(&sample);
        self.samples.push_back((at, sample));
        let mut dropped = 0;
        // The newest one stays, however large it is.
        while self.samples.len() > 1 && (self.size > MOST || self.is_too_old(at)) {
            self.pop();
            dropped += 1;
        }
        dropped
    }

    fn is_too_old(&self, now: i64) -> bool {
        self.samples.front().is_some_and(|(at, _)| now - at > REPORTS_WITHIN)
    }

    fn pop(&mut self) {
        if let Some((_, gone)) = self.samples.pop_front() {
            self.size -= size(&gone);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Those to send first, in one call.
    pub(crate) fn first(&self) -> impl Iterator<Item = (i64, &Sample)> {
        let mut sum = 0;
        let fits = move |(n, (_, sample)): &(usize, &(i64, Sample))| {
            sum += size(sample);
            *n == 0 || sum <= AT_ONCE
        };
        let fitting = self.samples.iter().enumerate().take_while(fits);
        fitting.map(|(_, (at, sample))| (*at, sample))
    }

    /// Takes away what was sent: all up to the one whose span ends at `last`. Those that were dropped meanwhile
    /// are gone anyway.
    pub(crate) fn done_up_to(&mut self, last: i64) {
        while self.samples.front().is_some_and(|(at, _)| *at <= last) {
            self.pop();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use launcher_model::measure::{ContainerSample, HostUsage, Usage};
    use launcher_model::{ServiceName, VersionNumber};

    use super::*;
    use crate::known::Measured;

    fn of(containers: usize) -> Sample {
        let one = Measured {
            installation: "ours".to_owned(),
            sample: ContainerSample {
                container: "4f2a".to_owned(),
                service: ServiceName::new("shop").unwrap(),
                version: VersionNumber(1),
                usage: Usage::default(),
            },
        };
        Sample { usage: HostUsage::default(), containers: vec![one; containers] }
    }

    fn first(waiting: &Waiting) -> Vec<i64> {
        waiting.first().map(|(at, _)| at).collect()
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let mut waiting = Waiting::default();
        let dropped: usize = (0..100).map(|at| waiting.push(at, of(999))).sum();
        assert_eq!(waiting.len(), MOST / 1000);
        assert_eq!(dropped, 100 - MOST / 1000);
        assert_eq!(first(&waiting)[0], i64::try_from(dropped).unwrap());
        // One that is too large by itself takes all of the room.
        assert_eq!(waiting.push(100, of(MOST * 2)), MOST / 1000);
        assert_eq!((waiting.len(), first(&waiting)), (1, vec![100]));
    }

    #[test]
    fn what_the_server_would_not_take_any_more_goes() {
        let mut waiting = Waiting::default();
        let dropped: usize = (0..=400).step_by(5).map(|at| waiting.push(at, of(1))).sum();
        assert_eq!((dropped, first(&waiting)[0]), (20, 100));
    }

    #[test]
    fn as_many_are_sent_at_once_as_fit_into_a_call_and_always_one() {
        let mut waiting = Waiting::default();
        waiting.push(5, of(2 * AT_ONCE));
        for at in [10, 15, 20] {
            waiting.push(at, of(600));
        }
        assert_eq!(first(&waiting), [5]);
        waiting.done_up_to(5);
        assert_eq!(first(&waiting), [10, 15]);
        waiting.done_up_to(15);
        assert_eq!((first(&waiting), waiting.size), (vec![20], 601));
        waiting.done_up_to(100);
        assert_eq!((waiting.len(), waiting.size), (0, 0));
    }
}
