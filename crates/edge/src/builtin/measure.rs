//! What was carried since it was asked last, from counters that only grow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use launcher_model::measure::{BUCKETS, Histogram, Traffic, TrafficSample};

use super::Builtin;
use crate::compiled::{Pool, PoolId};
use crate::samples::Source;
use crate::stats::Counted;

/// What was read the last time, of the versions that had carried something by then.
#[derive(Default)]
pub(super) struct Readings(Mutex<HashMap<PoolId, Reading, RandomState>>);

#[derive(Default)]
struct Reading {
    counted: Counted,
    buckets: Vec<u64>,
    sum_us: u64,
}

impl Source for Builtin {
    fn take(&self) -> Vec<TrafficSample> {
        let table = self.0.engine.table();
        let mut last = self.0.readings.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut there = HashMap::with_capacity_and_hasher(last.len(), RandomState::default());
        let mut samples = Vec::new();
        for pool in table.pools() {
            let counted = pool.stats.read();
            let before = last.remove(&pool.id);
            if before.is_none() && counted == Counted::default() {
                continue;
            }
            let mut reading = before.unwrap_or_default();
            let traffic = reading.follow(pool, counted);
            if !traffic.is_nothing() {
                let (service, version) = (pool.service.clone(), pool.version);
                samples.push(TrafficSample { service, version, traffic });
            }
            there.insert(pool.id, reading);
        }
        *last = there;
        samples
    }
}

impl Reading {
    /// What has come since, after which this is the newest reading.
    fn follow(&mut self, pool: &Arc<Pool>, now: Counted) -> Traffic {
        let before = std::mem::replace(&mut self.counted, now);
        let more = |now: u64, before: u64| now.wrapping_sub(before);
        let requests = std::array::from_fn(|n| more(now.requests[n], before.requests[n]));
        Traffic {
            requests,
            failed: more(now.failed, before.failed),
            retried: more(now.retried, before.retried),
            ejected: more(now.ejected, before.ejected),
            received: more(now.received, before.received),
            sent: more(now.sent, before.sent),
            in_flight: now.in_flight.requests + now.previews.requests,
            connections: now.in_flight.connections + now.previews.connections,
            latency: self.latency(pool),
        }
    }

    fn latency(&mut self, pool: &Pool) -> Histogram {
        let sum_us = pool.stats.latencies_us();
        if sum_us == self.sum_us {
            return Histogram::default();
        }
        let mut buckets = vec![0; BUCKETS];
        pool.stats.add_latencies(&mut buckets);
        self.buckets.resize(BUCKETS, 0);
        let more = buckets.iter().zip(&self.buckets).enumerate();
        let more = more.filter(|(_, (now, before))| now != before);
        let more = more.map(|(bucket, (now, before))| {
            (u16::try_from(bucket).unwrap_or(u16::MAX), now.wrapping_sub(*before))
        });
        let histogram = Histogram::from_buckets(more.collect(), sum_us.wrapping_sub(self.sum_us));
        (self.buckets, self.sum_us) = (buckets, sum_us);
        histogram.unwrap_or_default()
    }
}
