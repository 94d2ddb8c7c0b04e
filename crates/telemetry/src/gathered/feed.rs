//! Of which times somebody who is told each second has not been told yet.

use std::collections::BTreeSet;

use super::{CHUNK, WINDOW, start};

/// What is to be told, when somebody wants to be.
#[derive(Debug, Default)]
pub(super) struct Feed {
    wanted: bool,
    seconds: BTreeSet<i64>,
    chunks: BTreeSet<i64>,
}

/// A time of which everything has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// A second, of traffic.
    Second(i64),
    /// Ten seconds, of usage.
    Chunk(i64),
}

impl Feed {
    /// Somebody wants to be told from now on.
    pub(super) fn begin(&mut self) {
        self.wanted = true;
    }

    /// A second has changed; perhaps one that was told before.
    pub(super) fn second(&mut self, at: i64, now: i64) {
        if self.wanted {
            self.seconds.insert(at);
            self.seconds = self.seconds.split_off(&(now - WINDOW));
        }
    }

    /// Ten seconds have changed, of which this is one.
    pub(super) fn chunk(&mut self, at: i64, now: i64) {
        if self.wanted {
            self.chunks.insert(start(at));
            self.chunks = self.chunks.split_off(&(now - WINDOW));
        }
    }

    /// When the first of them is over; none when there is nothing to tell.
    pub(super) fn next(&self) -> Option<i64> {
        let second = self.seconds.first().map(|at| at + 1);
        let chunk = self.chunks.first().map(|at| at + CHUNK);
        [second, chunk].into_iter().flatten().min()
    }

    /// Takes one that was over before `until`.
    pub(super) fn take(&mut self, until: i64) -> Option<Told> {
        if self.seconds.first().is_some_and(|at| *at < until) {
            return self.seconds.pop_first().map(Told::Second);
        }
        if self.chunks.first().is_some_and(|at| at + CHUNK <= until) {
            return self.chunks.pop_first().map(Told::Chunk);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_told_once_it_is_over_and_again_when_it_has_changed() {
        let mut feed = Feed::default();
        feed.second(100, 100);
        assert_eq!((feed.next(), feed.take(1_000)), (None, None));
        feed.begin();
        feed.second(100, 100);
        feed.chunk(104, 104);
        assert_eq!((feed.next(), feed.take(100)), (Some(101), None));
        assert_eq!(feed.take(101), Some(Told::Second(100)));
        assert_eq!((feed.next(), feed.take(109)), (Some(110), None));
        assert_eq!(feed.take(110), Some(Told::Chunk(100)));
        feed.second(100, 200);
        assert_eq!(feed.take(200), Some(Told::Second(100)));
        assert_eq!(feed.next(), None);
    }
}
