//! What is told now, put together by time.

mod feed;
mod glance;
mod state;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use launcher_model::EdgeName;
use launcher_model::measure::{ContainerSample, HostReport, Merge, Traffic, TrafficSample};
use tokio::sync::Notify;

use crate::key::{Key, Value};
use crate::telemetry::TOLD_AFTER;

use feed::Feed;
pub(crate) use feed::{Reader, Told};
pub use glance::Glance;
use state::{Chunk, State};

/// Where the time comes from, in seconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// For how long what was told is kept here, in seconds. An edge that was without the control plane for a
/// while tells of all of it.
pub(crate) const WINDOW: i64 = 310;

/// So many seconds are written down at one time.
pub(crate) const CHUNK: i64 = 10;

/// What the last minutes have brought.
pub struct Gathered {
    clock: Clock,
    state: Mutex<State>,
    /// Told when there is something to write down.
    pub(crate) came: Notify,
}

/// How many samples were not taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rejected {
    /// They came too late.
    pub late: u64,
    /// The clock of who told them is ahead.
    pub ahead: u64,
}

/// What has come of something since the reader was told of it before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct New {
    /// Of what.
    pub(crate) key: Key,
    /// What is new: counts and times alone mean something in it.
    pub(crate) new: Value,
    /// All that is known of that time.
    pub(crate) whole: Option<Value>,
}

/// What is to be written down of ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// By key, the seconds in which something was carried.
    pub(crate) traffic: HashMap<Key, Vec<(i64, Traffic)>>,
    /// What was used in all of them.
    pub(crate) usage: Vec<(Key, Value)>,
}

impl Gathered {
    /// Nothing yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default(), came: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time.
    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Takes in what an edge has carried in a second. What it tells twice is taken in once.
    pub fn traffic(&self, edge: &EdgeName, at: i64, samples: Vec<TrafficSample>) {
        let now = self.now();
        let mut state = self.state();
        if !state.takes(at, now, samples.len()) {
            return;
        }
        if state.seconds.entry(at).or_default().edges.insert(edge.clone()) {
            state.carried(at, now, samples);
            drop(state);
            self.came.notify_one();
        }
    }

    /// Takes in what others than edges tell of a second, on top of what there is: what they tell twice is
    /// taken in twice. Returns whether it is of a time of which anything is taken in.
    pub fn more_traffic(&self, at: i64, samples: Vec<TrafficSample>) -> bool {
        let now = self.now();
        let mut state = self.state();
        if !state.takes(at, now, samples.len()) {
            return false;
        }
        state.carried(at, now, samples);
        drop(state);
        self.came.notify_one();
        true
    }

    /// Takes in what an agent has seen. What it tells twice is taken in once.
    pub fn host(&self, report: HostReport) {
        let now = self.now();
        let mut guard = self.state();
        let state = &mut *guard;
        // It is the end of a span, which belongs to what was before.
        let at = report.at - 1;
        if !state.takes(at, now, report.containers.len() + 1) {
            return;
        }
        let chunk = state.chunks.entry(start(at)).or_default();
        if !chunk.reports.insert((report.host.clone(), report.at)) {
            return;
        }
        let mut tell = |key: &Key, came: &Value| {
            state.feeds.iter_mut().for_each(|feed| feed.add(Told::Chunk(at), key, came));
        };
        let host = Key::Host(report.host);
        tell(&host, &Value::Host(report.usage.clone()));
        chunk.hosts.entry(host).or_default().after(&report.usage);
        for sample in &report.containers {
            let key = Key::Usage(sample.service.clone(), sample.version);
            tell(&key, &Value::Usage(sample.usage.clone()));
            let of = chunk.usage.entry(key).or_default();
            of.entry(sample.container.clone()).or_default().after(&sample.usage);
        }
        for sample in report.containers {
            let before = state.containers.get(&sample.container).map(|(at, _, _)| *at);
            let busy = before.and_then(|before| busy(sample.usage.cpu_us, at - before));
            state.containers.insert(sample.container.clone(), (at, sample, busy));
        }
        state.changed(at, now);
        state.feeds.iter_mut().for_each(|feed| feed.changed(Told::Chunk(at), now));
        drop(guard);
        self.came.notify_one();
    }

    /// What the containers have used that were heard of in the last minute, each in the span of its last
    /// sample.
    #[must_use]
    pub fn containers(&self) -> Vec<ContainerSample> {
        let since = self.now() - 60;
        let state = self.state();
        let recent = state.containers.values().filter(|(at, _, _)| *at >= since);
        recent.map(|(_, sample, _)| sample.clone()).collect()
    }

    /// How many processors the same containers kept busy, each in the span of its last sample; of those that
    /// have more samples than one.
    #[must_use]
    pub fn busy(&self) -> HashMap<String, f64> {
        let since = self.now() - 60;
        let state = self.state();
        let recent = state.containers.iter().filter(|(_, (at, _, _))| *at >= since);
        recent.filter_map(|(id, (_, _, busy))| Some((id.clone(), (*busy)?))).collect()
    }

    /// What each version has carried since the start, of those that have carried anything in the last hour.
    #[must_use]
    pub fn totals(&self) -> Vec<TrafficSample> {
        let state = self.state();
        let totals = state.totals.iter().filter_map(|(key, (_, traffic))| {
            let Key::Traffic(service, version) = key else { return None };
            let (service, version) = (service.clone(), *version);
            Some(TrafficSample { service, version, traffic: traffic.clone() })
        });
        totals.collect()
    }

    /// How many samples were not taken.
    #[must_use]
    pub fn rejected(&self) -> Rejected {
        self.state().rejected
    }

    /// What was measured, from `from` on, by the second at which it begins.
    pub(crate) fn since(&self, key: &Key, from: i64) -> Vec<(i64, Value)> {
        let state = self.state();
        match key {
            Key::Traffic(..) => {
                let seconds = state.seconds.range(from..);
                let of = seconds.filter_map(|(at, second)| Some((*at, second.traffic.get(key)?)));
                of.map(|(at, traffic)| (at, Value::Traffic(traffic.clone()))).collect()
            }
            Key::Usage(..) | Key::Host(_) => {
                let chunks = state.chunks.range(start(from)..);
                chunks.filter_map(|(at, chunk)| Some((*at, chunk.value(key)?))).collect()
            }
        }
    }

    /// Somebody is told from now on. It [takes](Self::take_told) whole times.
    pub(crate) fn feed(&self) -> Reader {
        self.feed_with(Feed::default())
    }

    /// Somebody is told from now on. It [takes](Self::take_new) what is new.
    pub(crate) fn feed_of_news(&self) -> Reader {
        self.feed_with(Feed::of_news())
    }

    fn feed_with(&self, feed: Feed) -> Reader {
        let mut state = self.state();
        let reader = Reader { feed: state.feeds.len(), came: Arc::clone(&feed.came) };
        state.feeds.push(feed);
        reader
    }

    /// Has a reader take what is over, with the time before which it must be so, for ever.
    pub(crate) async fn follow(&self, reader: &Reader, mut take: impl FnMut(i64)) {
        loop {
            let now = self.now();
            take(now - TOLD_AFTER);
            let next = self.state().feeds[reader.feed].next();
            let Some(next) = next else {
                reader.came.notified().await;
                continue;
            };
            let wait = (next + TOLD_AFTER - now).clamp(1, CHUNK).unsigned_abs();
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
    }

    /// Takes a time that was over before `until`, with all that was measured then. It comes again when
    /// more has been told of it since.
    pub(crate) fn take_told(
        &self,
        reader: &Reader,
        until: i64,
    ) -> Option<(Told, Vec<(Key, Value)>)> {
        let mut state = self.state();
        let (told, _) = state.feeds[reader.feed].take(until)?;
        Some((told, state.values(told)))
    }

    /// Takes a time that was over before `until`, with what of it the reader was not told before. No time
    /// comes again; what is told too late is told with the next.
    pub(crate) fn take_new(&self, reader: &Reader, until: i64) -> Option<(Told, Vec<New>)> {
        let mut state = self.state();
        let (told, news) = state.feeds[reader.feed].take(until)?;
        let mut whole: HashMap<Key, Value> = state.values(told).into_iter().collect();
        let news = news.into_iter().map(|(key, new)| {
            let whole = whole.remove(&key);
            New { key, new, whole }
        });
        Some((told, news.collect()))
    }

    /// The first second of the oldest chunk that is to be written down.
    pub(crate) fn oldest_dirty(&self) -> Option<i64> {
        self.state().dirty.first().copied()
    }

    /// Takes a chunk that has changed and has ended before `until`.
    pub(crate) fn take_dirty(&self, until: i64) -> Option<(i64, Written)> {
        let mut state = self.state();
        let first = state.dirty.first().copied().filter(|start| start + CHUNK <= until)?;
        state.dirty.remove(&first);
        let mut written = Written::default();
        for (at, second) in state.seconds.range(first..first + CHUNK) {
            for (key, traffic) in &second.traffic {
                written.traffic.entry(key.clone()).or_default().push((*at, traffic.clone()));
            }
        }
        written.usage = state.chunks.get(&first).map(Chunk::values).unwrap_or_default();
        Some((first, written))
    }

    /// A chunk that was taken could not be written down.
    pub(crate) fn again(&self, start: i64) {
        self.state().dirty.insert(start);
    }

    /// Puts back what was written down, at a start.
    pub(crate) fn restore(&self, key: &Key, at: i64, value: Value) {
        let mut state = self.state();
        match value {
            Value::Traffic(traffic) => {
                state.seconds.entry(at).or_default().traffic.insert(key.clone(), traffic);
            }
            Value::Usage(usage) => {
                let of = state.chunks.entry(at).or_default().usage.entry(key.clone()).or_default();
                of.insert(String::new(), usage);
            }
            Value::Host(usage) => {
                state.chunks.entry(at).or_default().hosts.insert(key.clone(), usage);
            }
        }
    }
}

/// The first second of a chunk.
pub(crate) fn start(at: i64) -> i64 {
    at - at.rem_euclid(CHUNK)
}

/// Processors that were busy for so many microseconds in a span of so many seconds.
#[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
fn busy(cpu_us: u64, span: i64) -> Option<f64> {
    (span > 0).then(|| cpu_us as f64 / (span as f64 * 1e6))
}

#[cfg(test)]
mod tests;
