//! Of which times somebody who is told each second has not been told yet. Everybody who is told has one
//! of these.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::key::{Key, Value};

use super::{CHUNK, WINDOW, start};

/// Somebody who is told what is measured.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(super) feed: usize,
    /// Told when there is something to take.
    pub(super) came: Arc<Notify>,
}

/// What one reader is to be told.
#[derive(Debug, Default)]
pub(super) struct Feed {
    seconds: BTreeSet<i64>,
    chunks: BTreeSet<i64>,
    pub(super) came: Arc<Notify>,
    /// None when a time is told again as a whole, once more has come of it.
    news: Option<News>,
}

/// What has come and was not told, for a reader who adds up what it is told.
#[derive(Debug)]
struct News {
    of: BTreeMap<Told, HashMap<Key, Value>>,
    /// What comes of times before these is told with them: nothing is told of a time that was told.
    next_second: i64,
    next_chunk: i64,
}

/// A time of which everything has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    /// A second, of traffic.
    Second(i64),
    /// Ten seconds, of usage.
    Chunk(i64),
}

impl Told {
    /// Its first second, and how many it has.
    pub(crate) fn span(self) -> (i64, u32) {
        match self {
            Self::Second(at) => (at, 1),
            Self::Chunk(at) => (at, u32::try_from(CHUNK).unwrap_or(1)),
        }
    }
}

impl Feed {
    /// Of a reader who is told each number once.
    pub(super) fn of_news() -> Self {
        let news = News { of: BTreeMap::new(), next_second: i64::MIN, next_chunk: i64::MIN };
        Self { news: Some(news), ..Self::default() }
    }

    /// Notes what has come of a time, for those who want nothing else.
    pub(super) fn add(&mut self, told: Told, key: &Key, value: &Value) {
        let told = self.place(told);
        let Some(news) = &mut self.news else { return };
        let of = news.of.entry(told).or_default();
        match of.get_mut(key) {
            Some(before) => before.after(value),
            None => drop(of.insert(key.clone(), value.clone())),
        }
    }

    /// A time has changed; perhaps one that was told before.
    pub(super) fn changed(&mut self, told: Told, now: i64) {
        let oldest = now - WINDOW;
        match self.place(told) {
            Told::Second(at) => {
                self.seconds.insert(at);
                self.seconds = self.seconds.split_off(&oldest);
            }
            Told::Chunk(at) => {
                self.chunks.insert(at);
                self.chunks = self.chunks.split_off(&oldest);
            }
        }
        if let Some(news) = &mut self.news {
            news.of.retain(|told, _| told.span().0 >= oldest);
        }
        self.came.notify_one();
    }

    /// The time with which this one is told.
    fn place(&self, told: Told) -> Told {
        let of_news = self.news.as_ref().map(|news| (news.next_second, news.next_chunk));
        let (second, chunk) = of_news.unwrap_or((i64::MIN, i64::MIN));
        match told {
            Told::Second(at) => Told::Second(at.max(second)),
            Told::Chunk(at) => Told::Chunk(start(at).max(chunk)),
        }
    }

    /// When the first of them is over; none when there is nothing to tell.
    pub(super) fn next(&self) -> Option<i64> {
        let second = self.seconds.first().map(|at| at + 1);
        let chunk = self.chunks.first().map(|at| at + CHUNK);
        [second, chunk].into_iter().flatten().min()
    }

    /// Takes one that was over before `until`, with what has come of it since it was taken before, for
    /// those who want that.
    pub(super) fn take(&mut self, until: i64) -> Option<(Told, HashMap<Key, Value>)> {
        let second = self.seconds.first().copied().filter(|at| *at < until);
        let chunk = self.chunks.first().copied().filter(|at| *at + CHUNK <= until);
        let told = match (second, chunk) {
            (Some(at), _) => {
                self.seconds.remove(&at);
                Told::Second(at)
            }
            (None, Some(at)) => {
                self.chunks.remove(&at);
                Told::Chunk(at)
            }
            (None, None) => return None,
        };
        let news = self.news.as_mut().map(|news| news.take(told)).unwrap_or_default();
        Some((told, news))
    }
}

impl News {
    fn take(&mut self, told: Told) -> HashMap<Key, Value> {
        match told {
            Told::Second(at) => self.next_second = at + 1,
            Told::Chunk(at) => self.next_chunk = at + CHUNK,
        }
        self.of.remove(&told).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use launcher_model::measure::Traffic;
    use launcher_model::{ServiceName, VersionNumber};

    use super::*;

    fn key() -> Key {
        Key::Traffic(ServiceName::new("shop").unwrap(), VersionNumber(1))
    }

    fn failed(failed: u64) -> Value {
        Value::Traffic(Traffic { failed, ..Traffic::default() })
    }

    fn told(feed: &mut Feed, until: i64) -> Option<Told> {
        feed.take(until).map(|(told, _)| told)
    }

    #[test]
    fn each_time_is_told_once_it_is_over_and_again_when_it_has_changed() {
        let mut feed = Feed::default();
        assert_eq!((feed.next(), told(&mut feed, 1_000)), (None, None));
        feed.changed(Told::Second(100), 100);
        feed.changed(Told::Chunk(104), 104);
        assert_eq!((feed.next(), told(&mut feed, 100)), (Some(101), None));
        assert_eq!(told(&mut feed, 101), Some(Told::Second(100)));
        assert_eq!((feed.next(), told(&mut feed, 109)), (Some(110), None));
        assert_eq!(told(&mut feed, 110), Some(Told::Chunk(100)));
        feed.changed(Told::Second(100), 200);
        assert_eq!(told(&mut feed, 200), Some(Told::Second(100)));
        assert_eq!(feed.next(), None);
    }

    #[test]
    fn what_comes_of_a_time_that_was_told_is_told_once_and_with_the_next() {
        let mut feed = Feed::of_news();
        for (at, failures) in [(100, 1), (100, 2), (101, 10)] {
            feed.add(Told::Second(at), &key(), &failed(failures));
            feed.changed(Told::Second(at), 102);
        }
        let first = feed.take(101).unwrap();
        assert_eq!((first.0, &first.1[&key()]), (Told::Second(100), &failed(3)));
        feed.add(Told::Second(100), &key(), &failed(4));
        feed.changed(Told::Second(100), 102);
        let second = feed.take(102).unwrap();
        assert_eq!((second.0, &second.1[&key()]), (Told::Second(101), &failed(14)));
        assert_eq!((feed.next(), feed.take(1_000)), (None, None));
        // No second was told behind that one yet.
        feed.add(Told::Second(90), &key(), &failed(5));
        feed.changed(Told::Second(90), 103);
        assert_eq!(told(&mut feed, 103), Some(Told::Second(102)));
    }

    #[test]
    fn what_nobody_takes_is_forgotten_with_its_time() {
        let mut feed = Feed::of_news();
        for at in 0..2 * WINDOW {
            feed.add(Told::Second(at), &key(), &failed(1));
            feed.changed(Told::Second(at), at);
        }
        assert_eq!(feed.news.as_ref().unwrap().of.len(), feed.seconds.len());
        assert_eq!(feed.seconds.len(), usize::try_from(WINDOW).unwrap() + 1);
    }
}
