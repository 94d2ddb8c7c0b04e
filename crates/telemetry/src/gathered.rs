//! What is told now, put together by time.

mod feed;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use launcher_model::EdgeName;
use launcher_model::measure::{
    ContainerSample, HostReport, HostUsage, Merge, Traffic, TrafficSample, Usage,
};
use tokio::sync::Notify;

use crate::key::{Key, Value};

use feed::Feed;
pub(crate) use feed::Told;

/// Where the time comes from, in seconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// For how long what was told is kept here, in seconds. An edge that was without the control plane for a
/// while tells of all of it.
pub(crate) const WINDOW: i64 = 310;

/// What is told of the future is a mistake of a clock, from so many seconds on.
const AHEAD: i64 = 60;

/// So many seconds are written down at one time.
pub(crate) const CHUNK: i64 = 10;

/// What the last minutes have brought.
pub struct Gathered {
    clock: Clock,
    state: Mutex<State>,
    /// Told when there is something to write down.
    pub(crate) came: Notify,
    /// Told when there is something to tell on.
    pub(crate) fed: Notify,
}

#[derive(Default)]
struct State {
    seconds: BTreeMap<i64, Second>,
    chunks: BTreeMap<i64, Chunk>,
    /// Chunks that have changed since they were written down.
    dirty: BTreeSet<i64>,
    /// What each container used when it was heard of last.
    containers: HashMap<String, (i64, ContainerSample)>,
    rejected: Rejected,
    feed: Feed,
}

/// How many samples were not taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rejected {
    /// They came too late.
    pub late: u64,
    /// The clock of who told them is ahead.
    pub ahead: u64,
}

#[derive(Default)]
struct Second {
    edges: BTreeSet<EdgeName>,
    traffic: HashMap<Key, Traffic>,
}

/// What agents have told of ten seconds.
#[derive(Default)]
struct Chunk {
    usage: HashMap<Key, HashMap<String, Usage>>,
    hosts: HashMap<Key, HostUsage>,
    /// Whose reports these are, and of when.
    reports: BTreeSet<(String, i64)>,
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
        Self { clock, state: Mutex::default(), came: Notify::new(), fed: Notify::new() }
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
            self.fed.notify_one();
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
        self.fed.notify_one();
        true
    }

    /// Takes in what an agent has seen. What it tells twice is taken in once.
    pub fn host(&self, report: HostReport) {
        let now = self.now();
        let mut state = self.state();
        // It is the end of a span, which belongs to what was before.
        let at = report.at - 1;
        if !state.takes(at, now, report.containers.len() + 1) {
            return;
        }
        let chunk = state.chunks.entry(start(at)).or_default();
        if !chunk.reports.insert((report.host.clone(), report.at)) {
            return;
        }
        chunk.hosts.entry(Key::Host(report.host)).or_default().after(&report.usage);
        for sample in &report.containers {
            let key = Key::Usage(sample.service.clone(), sample.version);
            let of = chunk.usage.entry(key).or_default();
            of.entry(sample.container.clone()).or_default().after(&sample.usage);
        }
        for sample in report.containers {
            state.containers.insert(sample.container.clone(), (at, sample));
        }
        state.changed(at, now);
        state.feed.chunk(at, now);
        drop(state);
        self.came.notify_one();
        self.fed.notify_one();
    }

    /// What the containers have used that were heard of in the last minute, each in the span of its last
    /// sample.
    #[must_use]
    pub fn containers(&self) -> Vec<ContainerSample> {
        let since = self.now() - 60;
        let state = self.state();
        let recent = state.containers.values().filter(|(at, _)| *at >= since);
        recent.map(|(_, sample)| sample.clone()).collect()
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

    /// Has [`take_told`](Self::take_told) say what comes from now on.
    pub(crate) fn feed(&self) {
        self.state().feed.begin();
    }

    /// When the next of what is to be told on is over.
    pub(crate) fn next_fed(&self) -> Option<i64> {
        self.state().feed.next()
    }

    /// Takes a time that was over before `until`, with all that was measured then. It comes again when
    /// more has been told of it since.
    pub(crate) fn take_told(&self, until: i64) -> Option<(Told, Vec<(Key, Value)>)> {
        let mut state = self.state();
        let told = state.feed.take(until)?;
        let values = match told {
            Told::Second(at) => {
                let traffic = state.seconds.get(&at).into_iter().flat_map(|of| &of.traffic);
                traffic.map(|(key, of)| (key.clone(), Value::Traffic(of.clone()))).collect()
            }
            Told::Chunk(at) => state.chunks.get(&at).map(Chunk::values).unwrap_or_default(),
        };
        Some((told, values))
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

impl State {
    fn takes(&mut self, at: i64, now: i64, samples: usize) -> bool {
        let samples = samples as u64;
        if at > now + AHEAD {
            self.rejected.ahead += samples;
            return false;
        }
        if at < now - WINDOW {
            self.rejected.late += samples;
            return false;
        }
        true
    }

    fn carried(&mut self, at: i64, now: i64, samples: Vec<TrafficSample>) {
        let second = self.seconds.entry(at).or_default();
        for sample in samples {
            let key = Key::Traffic(sample.service, sample.version);
            second.traffic.entry(key).or_default().beside(&sample.traffic);
        }
        self.changed(at, now);
        self.feed.second(at, now);
    }

    /// Notes that a second has changed, and forgets what is too old.
    fn changed(&mut self, at: i64, now: i64) {
        self.dirty.insert(start(at));
        let oldest = start(now - WINDOW);
        self.seconds = self.seconds.split_off(&oldest);
        self.chunks = self.chunks.split_off(&oldest);
        self.dirty = self.dirty.split_off(&oldest);
        self.containers.retain(|_, (at, _)| *at >= oldest);
    }
}

impl Chunk {
    fn values(&self) -> Vec<(Key, Value)> {
        let keys = self.usage.keys().chain(self.hosts.keys());
        keys.filter_map(|key| Some((key.clone(), self.value(key)?))).collect()
    }

    fn value(&self, key: &Key) -> Option<Value> {
        if let Some(host) = self.hosts.get(key) {
            return Some(Value::Host(host.clone()));
        }
        let mut sum = Usage::default();
        self.usage.get(key)?.values().for_each(|container| sum.beside(container));
        Some(Value::Usage(sum))
    }
}
