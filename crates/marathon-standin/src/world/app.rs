//! An app: what is wanted of it, and its place in the queue of what is to be launched.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::definition::Definition;
use crate::ids::InstanceId;
use crate::time::written;
use crate::version::Version;

/// An app that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) definition: Definition,
    pub(crate) version: Timestamp,
    pub(crate) last_scaling: Timestamp,
    pub(crate) last_config_change: Timestamp,
    /// Every definition that it had, the newest last.
    pub(crate) history: Vec<(Timestamp, Definition)>,
    /// As the API tells it.
    pub(crate) last_failure: Option<Value>,
    pub(crate) queue: Queue,
}

/// What is known of launching an app's instances.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    /// Since when something is to be launched.
    pub(crate) since: Option<Timestamp>,
    /// Failures since the last change of the configuration.
    failures: i32,
    /// Nothing is launched before.
    pub(crate) until: Option<Instant>,
    /// Offers are looked at again then.
    pub(crate) next_offers: Option<Instant>,
    pub(crate) offers: Offers,
    /// Instances that go on in another incarnation, and how many they had.
    pub(crate) instances: Vec<(InstanceId, u32)>,
}

/// What became of the offers while something was to be launched.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offers {
    pub(crate) processed: usize,
    pub(crate) unused: usize,
    pub(crate) last_used: Option<Timestamp>,
    pub(crate) last_unused: Option<Timestamp>,
    /// Why each of the agents was declined the last time; none for one that was taken.
    pub(crate) last: Vec<Option<usize>>,
    /// How many were declined for each reason since the launch was asked for.
    pub(crate) declined: [usize; 10],
}

impl App {
    pub(crate) fn new(definition: Definition, version: Timestamp) -> Self {
        Self {
            history: vec![(version, definition.clone())],
            definition,
            version,
            last_scaling: version,
            last_config_change: version,
            last_failure: None,
            queue: Queue::default(),
        }
    }

    /// Takes another definition. With `restart` its instances are replaced even when it is the same.
    pub(crate) fn change(&mut self, definition: Definition, version: Timestamp, restart: bool) {
        if restart || !self.definition.same_config(&definition) {
            self.last_config_change = version;
            self.queue = Queue { instances: Vec::new(), ..Queue::default() };
        } else {
            self.last_scaling = version;
        }
        self.version = version;
        self.history.push((version, definition.clone()));
        self.definition = definition;
    }

    /// Its definition of some version.
    pub(crate) fn at(&self, version: &str) -> Option<&(Timestamp, Definition)> {
        self.history.iter().find(|(at, _)| written(*at) == version)
    }

    /// One more instance has failed: the next one is launched later.
    pub(crate) fn back_off(&mut self) {
        let (first, factor, longest) = self.definition.backoff();
        let seconds = (first * factor.powi(self.queue.failures)).min(longest);
        self.queue.failures = self.queue.failures.saturating_add(1);
        let delay = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.queue.until = Instant::now().checked_add(delay);
    }

    /// Launches without delay again.
    pub(crate) fn reset_backoff(&mut self) {
        self.queue.failures = 0;
        self.queue.until = None;
        self.queue.next_offers = None;
    }

    /// Seconds until something may be launched.
    pub(crate) fn delay(&self) -> u64 {
        let left = self.queue.until.map(|at| at.saturating_duration_since(Instant::now()));
        left.map_or(0, |left| left.as_millis().div_ceil(1000)).try_into().unwrap_or(u64::MAX)
    }

    /// Its definition with the version that it is of, as the API tells it.
    pub(crate) fn told(&self, dialect: Version) -> Map<String, Value> {
        told_at(&self.definition, self.version, dialect)
    }

    /// When it was scaled and changed the last time.
    pub(crate) fn version_info(&self) -> Value {
        json!({
            "lastScalingAt": written(self.last_scaling.max(self.last_config_change)),
            "lastConfigChangeAt": written(self.last_config_change),
        })
    }
}

/// A definition as the API tells it.
pub(crate) fn told_at(
    definition: &Definition,
    at: Timestamp,
    dialect: Version,
) -> Map<String, Value> {
    let mut fields = definition.rendered(dialect);
    fields.insert("version".to_owned(), written(at).into());
    fields
}
