//! What is known of the last minutes, by time; and what is forgotten.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use launcher_model::EdgeName;
use launcher_model::measure::{ContainerSample, HostUsage, Merge, Traffic, TrafficSample, Usage};

use super::feed::{Feed, Told};
use super::{Rejected, WINDOW, start};
use crate::key::{Key, Value};

/// What is told of the future is a mistake of a clock, from so many seconds on.
const AHEAD: i64 = 60;

/// Of a version that carries nothing for so many seconds, the total is forgotten.
const FORGOTTEN: i64 = 3600;

#[derive(Default)]
pub(super) struct State {
    pub(super) seconds: BTreeMap<i64, Second>,
    pub(super) chunks: BTreeMap<i64, Chunk>,
    /// Chunks that have changed since they were written down.
    pub(super) dirty: BTreeSet<i64>,
    /// What each container used when it was heard of last.
    pub(super) containers: HashMap<String, (i64, ContainerSample, Option<f64>)>,
    pub(super) rejected: Rejected,
    /// What was carried since the start, and when that was told last.
    pub(super) totals: HashMap<Key, (i64, Traffic)>,
    /// Of everybody who is told what comes.
    pub(super) feeds: Vec<Feed>,
}

#[derive(Default)]
pub(super) struct Second {
    pub(super) edges: BTreeSet<EdgeName>,
    pub(super) traffic: HashMap<Key, Traffic>,
}

/// What agents have told of ten seconds.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) usage: HashMap<Key, HashMap<String, Usage>>,
    pub(super) hosts: HashMap<Key, HostUsage>,
    /// Whose reports these are, and of when.
    pub(super) reports: BTreeSet<(String, i64)>,
}

impl State {
    pub(super) fn takes(&mut self, at: i64, now: i64, samples: usize) -> bool {
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

    pub(super) fn carried(&mut self, at: i64, now: i64, samples: Vec<TrafficSample>) {
        let second = self.seconds.entry(at).or_default();
        for TrafficSample { service, version, traffic } in samples {
            let key = Key::Traffic(service, version);
            second.traffic.entry(key.clone()).or_default().beside(&traffic);
            sum_up(&mut self.totals, &key, &traffic, now);
            let came = Value::Traffic(traffic);
            self.feeds.iter_mut().for_each(|feed| feed.add(Told::Second(at), &key, &came));
        }
        self.changed(at, now);
        self.feeds.iter_mut().for_each(|feed| feed.changed(Told::Second(at), now));
    }

    /// All that was measured at a time.
    pub(super) fn values(&self, told: Told) -> Vec<(Key, Value)> {
        match told {
            Told::Second(at) => {
                let traffic = self.seconds.get(&at).into_iter().flat_map(|of| &of.traffic);
                traffic.map(|(key, of)| (key.clone(), Value::Traffic(of.clone()))).collect()
            }
            Told::Chunk(at) => self.chunks.get(&at).map(Chunk::values).unwrap_or_default(),
        }
    }

    /// Notes that a second has changed, and forgets what is too old.
    pub(super) fn changed(&mut self, at: i64, now: i64) {
        self.dirty.insert(start(at));
        self.totals.retain(|_, (told, _)| *told >= now - FORGOTTEN);
        let oldest = start(now - WINDOW);
        self.seconds = self.seconds.split_off(&oldest);
        self.chunks = self.chunks.split_off(&oldest);
        self.dirty = self.dirty.split_off(&oldest);
        self.containers.retain(|_, (at, _, _)| *at >= oldest);
    }
}

/// Adds what a version has carried to what it has carried before.
fn sum_up(totals: &mut HashMap<Key, (i64, Traffic)>, key: &Key, traffic: &Traffic, now: i64) {
    let (told, total) = totals.entry(key.clone()).or_default();
    *told = now;
    total.after(traffic);
    (total.in_flight, total.connections) = (0, 0);
}

impl Chunk {
    pub(super) fn values(&self) -> Vec<(Key, Value)> {
        let keys = self.usage.keys().chain(self.hosts.keys());
        keys.filter_map(|key| Some((key.clone(), self.value(key)?))).collect()
    }

    pub(super) fn value(&self, key: &Key) -> Option<Value> {
        if let Some(host) = self.hosts.get(key) {
            return Some(Value::Host(host.clone()));
        }
        let mut sum = Usage::default();
        self.usage.get(key)?.values().for_each(|container| sum.beside(container));
        Some(Value::Usage(sum))
    }
}
