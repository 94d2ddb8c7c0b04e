//! What is counted per version, without threads sharing a cache line.

mod latencies;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use launcher_model::measure::{BUCKETS, Histogram};
use launcher_model::{ServiceName, VersionNumber};

use crate::protocol::InFlight;
use latencies::Latencies;

/// What one version has carried since this edge learned of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionCounters {
    /// The service.
    pub service: ServiceName,
    /// The version.
    pub version: VersionNumber,
    /// What it has carried.
    pub counted: Counted,
    /// How long requests took.
    pub latency: Histogram,
}

/// What was carried, from the beginning to now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests answered, by the class of the status: 1xx, 2xx, 3xx, 4xx, 5xx.
    pub requests: [u64; 5],
    /// Requests whose container could not be reached, broke the connection or took too long.
    pub failed: u64,
    /// Requests that were sent a second time.
    pub retried: u64,
    /// How often a container was left out for a while because it had failed too many requests in a row.
    pub ejected: u64,
    /// Bytes of bodies, and of upgraded connections, that clients have sent.
    pub received: u64,
    /// Bytes of them that were sent to clients.
    pub sent: u64,
    /// Production traffic under way.
    pub in_flight: InFlight,
    /// Preview traffic under way.
    pub previews: InFlight,
}

/// A number that one thread writes and any thread reads. It needs no locked instruction.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn up(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(more), Relaxed);
    }

    pub(crate) fn down(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(1), Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What one worker thread counts of one version. On cache lines of its own: two lines, as processors
/// fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ThreadCounters {
    pub(crate) requests: [Count; 5],
    pub(crate) retried: Count,
    pub(crate) ejected: Count,
    /// Bytes of bodies that clients have sent.
    pub(crate) received: Count,
    /// Bytes of bodies that were sent to clients.
    pub(crate) sent: Count,
    /// Of production traffic: what was ended for its client to come again.
    pub(crate) moved: Count,
    /// How long requests took.
    pub(crate) latencies: Latencies,
    pub(crate) live: Under,
    pub(crate) previews: Under,
}

/// Requests and upgraded connections under way, and requests that have failed.
#[derive(Debug, Default)]
pub(crate) struct Under {
    pub(crate) requests: Count,
    pub(crate) connections: Count,
    pub(crate) failed: Count,
}

impl Under {
    pub(crate) fn get(&self) -> InFlight {
        InFlight { requests: self.requests.get(), connections: self.connections.get() }
    }
}

/// The counters of one version over all worker threads.
#[derive(Debug)]
pub(crate) struct VersionStats {
    threads: Box<[ThreadCounters]>,
    /// Somebody has looked at its preview since that was told.
    pub(crate) looked: AtomicBool,
}

impl VersionStats {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            threads: (0..threads).map(|_| ThreadCounters::default()).collect(),
            looked: AtomicBool::new(false),
        }
    }

    /// The counters that the worker of this number writes.
    pub(crate) fn of(&self, thread: usize) -> &ThreadCounters {
        &self.threads[thread]
    }

    /// Requests of production traffic that have failed.
    pub(crate) fn failed_live(&self) -> u64 {
        self.threads.iter().map(|thread| thread.live.failed.get()).sum()
    }

    /// Production traffic that was ended for its client to come again.
    pub(crate) fn moved(&self) -> u64 {
        self.threads.iter().map(|thread| thread.moved.get()).sum()
    }

    /// Production traffic under way.
    pub(crate) fn live(&self) -> InFlight {
        let mut sum = InFlight::default();
        for thread in &self.threads {
            sum = add(sum, thread.live.get());
        }
        sum
    }

    /// Preview traffic under way.
    pub(crate) fn previews(&self) -> InFlight {
        self.threads.iter().fold(InFlight::default(), |sum, thread| add(sum, thread.previews.get()))
    }

    /// All traffic under way.
    pub(crate) fn in_flight(&self) -> InFlight {
        add(self.live(), self.previews())
    }

    /// How long each request took.
    pub(crate) fn latency(&self) -> Histogram {
        let mut buckets = vec![0; BUCKETS];
        self.add_latencies(&mut buckets);
        let counts = buckets.into_iter().enumerate();
        let counts =
            counts.map(|(bucket, count)| (u16::try_from(bucket).unwrap_or(u16::MAX), count));
        Histogram::from_buckets(counts.collect(), self.latencies_us()).unwrap_or_default()
    }

    /// How long all requests took together, in microseconds.
    pub(crate) fn latencies_us(&self) -> u64 {
        self.threads.iter().map(|thread| thread.latencies.sum_us()).sum()
    }

    /// Adds how many requests took how long to the buckets of a histogram.
    pub(crate) fn add_latencies(&self, buckets: &mut [u64]) {
        self.threads.iter().for_each(|thread| thread.latencies.add_to(buckets));
    }

    /// What was carried, from the beginning to now.
    pub(crate) fn read(&self) -> Counted {
        let mut sum = Counted { in_flight: self.live(), ..Counted::default() };
        for thread in &self.threads {
            for (class, count) in thread.requests.iter().enumerate() {
                sum.requests[class] += count.get();
            }
            sum.failed += thread.live.failed.get() + thread.previews.failed.get();
            sum.retried += thread.retried.get();
            sum.ejected += thread.ejected.get();
            sum.received += thread.received.get();
            sum.sent += thread.sent.get();
            sum.previews = add(sum.previews, thread.previews.get());
        }
        sum
    }
}

/// What two have under way together.
pub(crate) fn add(one: InFlight, other: InFlight) -> InFlight {
    InFlight {
        requests: one.requests + other.requests,
        connections: one.connections + other.connections,
    }
}
