//! The ends of containers, told where they belong in an environment's log.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use launcher_logs::{End, KeptLog, Meta};
use launcher_model::container::Container;

use super::Entry;

/// Ends that have not been told.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Of containers that are gone, with the time behind which each is told, the first first.
    gone: VecDeque<(Timestamp, Entry)>,
    /// Of containers that the engine still has: behind all lines, as nobody knows which is their last one
    /// before it was read.
    there: Vec<Entry>,
}

impl Ends {
    /// Those of the containers that there are.
    pub(super) fn of(observed: &[Container]) -> Self {
        let ended = |container| Some((Arc::new(Meta::from(container)), End::of(container)?));
        let ended = observed.iter().filter_map(ended);
        let there = ended.map(|(container, end)| Entry::Ended { container, end }).collect();
        Self { gone: VecDeque::new(), there }
    }

    /// That of one that is gone, unless it was before what is asked for.
    pub(super) fn kept(&mut self, log: &KeptLog, since: Option<Timestamp>) {
        let end = log.end();
        // What it said at last may have come to the engine after it had ended.
        let Some(at) = end.at.max(log.last()) else { return };
        if since.is_none_or(|since| at >= since) {
            let container = Arc::new(log.container().clone());
            let place = self.gone.partition_point(|(other, _)| *other <= at);
            self.gone.insert(place, (at, Entry::Ended { container, end }));
        }
    }

    /// Forgets those that were before the first line that is told; all when there is none.
    pub(super) fn forget_before(&mut self, first: Option<Timestamp>) {
        self.gone.retain(|(at, _)| first.is_some_and(|first| *at >= first));
    }

    /// Those that were before a line of that time. One in the same instant may be of the line's own container,
    /// and comes behind it.
    pub(super) fn before(&mut self, line: Option<Timestamp>) -> impl Iterator<Item = Entry> {
        let count = line.map_or(0, |line| self.gone.partition_point(|(at, _)| *at < line));
        self.gone.drain(..count).map(|(_, entry)| entry)
    }

    /// All others.
    pub(super) fn rest(self) -> impl Iterator<Item = Entry> {
        self.gone.into_iter().map(|(_, entry)| entry).chain(self.there)
    }
}
