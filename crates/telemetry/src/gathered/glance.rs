//! What was carried in the last minutes, in short: for a list of many services.

use std::collections::HashMap;

use launcher_model::measure::{Histogram, Merge, Traffic};
use launcher_model::{ServiceName, VersionNumber};

use super::{CHUNK, Gathered};
use crate::key::Key;
use crate::telemetry::TOLD_AFTER;

/// As many steps are shown.
const STEPS: usize = 30;

/// What one service has carried in the last five minutes, and in the last 30 seconds of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// Requests each second, in steps of ten seconds, oldest first.
    pub requests: Vec<f64>,
    /// Of those, the share that was answered with a 5xx; 0 where there were none.
    pub errors: Vec<f64>,
    /// Requests each second, lately.
    pub rate: f64,
    /// The share of them that was answered with a 5xx; none when there were none.
    pub error_share: Option<f64>,
    /// Within how many milliseconds 99 % of them were answered; none when there were none.
    pub p99: Option<f64>,
}

#[derive(Default)]
struct Sum {
    requests: [u64; STEPS],
    errors: [u64; STEPS],
    latency: Histogram,
}

/// Lately is this many steps.
const LATELY: usize = 3;

impl Gathered {
    /// What services have carried, as far as a version counts. Those that have carried nothing are left out.
    #[must_use]
    pub fn glances(
        &self,
        counts: impl Fn(&ServiceName, VersionNumber) -> bool,
    ) -> HashMap<ServiceName, Glance> {
        let until = self.now() - TOLD_AFTER;
        let from = until - CHUNK * i64::try_from(STEPS).unwrap_or(0);
        let state = self.state();
        // A list of hundreds of services asks for tens of thousands of seconds: whether one counts is asked
        // once for each version.
        let mut by_version: HashMap<&Key, Option<Sum>> = HashMap::new();
        for (at, second) in state.seconds.range(from..until) {
            let step = usize::try_from((at - from) / CHUNK).unwrap_or(0);
            for (key, traffic) in &second.traffic {
                let sum = by_version.entry(key).or_insert_with(|| {
                    let Key::Traffic(service, version) = key else { return None };
                    counts(service, *version).then(Sum::default)
                });
                if let Some(sum) = sum {
                    sum.add(step, traffic);
                }
            }
        }
        let mut by_service: HashMap<ServiceName, Sum> = HashMap::new();
        for (key, sum) in by_version {
            if let (Key::Traffic(service, _), Some(sum)) = (key, sum) {
                by_service.entry(service.clone()).or_default().beside(&sum);
            }
        }
        drop(state);
        by_service.into_iter().map(|(service, sum)| (service, sum.glance())).collect()
    }
}

impl Sum {
    fn beside(&mut self, other: &Self) {
        for (own, other) in
            [(&mut self.requests, &other.requests), (&mut self.errors, &other.errors)]
        {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
        }
        self.latency.beside(&other.latency);
    }

    fn add(&mut self, step: usize, traffic: &Traffic) {
        self.requests[step] += traffic.answered();
        self.errors[step] += traffic.requests[4];
        if step >= STEPS - LATELY {
            self.latency.beside(&traffic.latency);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of some minutes is small")]
    fn glance(&self) -> Glance {
        let share = |errors: u64, requests: u64| {
            if requests == 0 { 0.0 } else { errors as f64 / requests as f64 }
        };
        let lately = |of: &[u64; STEPS]| of[STEPS - LATELY..].iter().sum::<u64>();
        let (requests, errors) = (lately(&self.requests), lately(&self.errors));
        let seconds = CHUNK as f64;
        Glance {
            requests: self.requests.iter().map(|count| *count as f64 / seconds).collect(),
            errors: self.errors.iter().zip(&self.requests).map(|(e, r)| share(*e, *r)).collect(),
            rate: requests as f64 / (seconds * LATELY as f64),
            error_share: (requests > 0).then(|| share(errors, requests)),
            p99: self.latency.quantile(0.99).map(|us| us as f64 / 1e3),
        }
    }
}
