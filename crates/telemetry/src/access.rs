//! What access logs tell, as the same samples that edges make: so whatever carries the traffic, it is
//! looked at in one way.
//!
//! A record is a set of named [`Fields`], from wherever it comes. [`read`] makes a [`Request`] of it, or
//! says why it cannot; [`Requests`] puts those of the same second together. Whose a request is can be said
//! by the record, or follows from the container that it names: [`Places`] knows those.

mod fields;
mod line;
mod places;
mod record;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use launcher_model::measure::{Traffic, TrafficSample};
use launcher_model::{ServiceName, VersionNumber};

pub use fields::{Field, Fields};
pub use places::{Place, Places, Seen};
pub use record::read;

/// One request, as its record tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose it was.
    pub place: Place,
    /// In which second since 1970 it ended.
    pub at: i64,
    /// The status.
    pub status: u16,
    /// How long it took, in microseconds; none when that is not told.
    pub took_us: Option<u64>,
    /// Bytes that the client sent.
    pub received: u64,
    /// Bytes that it was sent.
    pub sent: u64,
    /// How often it was sent to another container.
    pub again: u64,
}

/// Why a record is no request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Left {
    /// It is of one of our own edges, which has told of it already.
    OfAnEdge,
    /// It is a line that is no access log's.
    NoAccess,
    /// Nothing says whose it is.
    Nobodys,
    /// It names a service or a version that has no containers here.
    Unknown,
    /// It has no status.
    NoStatus,
    /// The client was gone before there was an answer.
    Unanswered,
    /// It is of a time that is too long ago, or has not come yet.
    Late,
}

impl Left {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::OfAnEdge,
        Self::NoAccess,
        Self::Nobodys,
        Self::Unknown,
        Self::NoStatus,
        Self::Unanswered,
        Self::Late,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OfAnEdge => "of_an_edge",
            Self::NoAccess => "no_access",
            Self::Nobodys => "nobodys",
            Self::Unknown => "unknown",
            Self::NoStatus => "no_status",
            Self::Unanswered => "unanswered",
            Self::Late => "late",
        }
    }
}

/// How many records were left, and why, since the program was started.
#[derive(Debug, Default)]
pub struct LeftOut([AtomicU64; Left::ALL.len()]);

impl LeftOut {
    /// Counts some more.
    pub fn add(&self, why: Left, records: u64) {
        self.0[why as usize].fetch_add(records, Relaxed);
    }

    /// All that were counted, by the reason.
    pub fn read(&self) -> impl Iterator<Item = (Left, u64)> {
        Left::ALL.into_iter().map(|why| (why, self.0[why as usize].load(Relaxed)))
    }
}

/// Whether records of our own edges count, which tell what they have carried in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Counts {
    /// What edges tell counts, and their records do not.
    #[default]
    Edges,
    /// Their records count; of what edges tell, only what [no record has](beside_records).
    Records,
}

/// Takes away what records tell as well: what is left is what an edge alone knows.
pub fn beside_records(traffic: &mut Traffic) {
    let Traffic { failed, ejected, in_flight, connections, .. } = *traffic;
    *traffic = Traffic { failed, ejected, in_flight, connections, ..Traffic::default() };
}

/// Requests, put together by second, service and version.
#[derive(Debug, Default)]
pub struct Requests(BTreeMap<i64, HashMap<(ServiceName, VersionNumber), Traffic>>);

impl Requests {
    /// Adds one.
    pub fn add(&mut self, request: Request) {
        let Request { place, at, status, took_us, received, sent, again } = request;
        let second = self.0.entry(at).or_default();
        let traffic = second.entry((place.service, place.version)).or_default();
        traffic.requests[usize::from(status / 100).clamp(1, 5) - 1] += 1;
        traffic.received = traffic.received.saturating_add(received);
        traffic.sent = traffic.sent.saturating_add(sent);
        traffic.retried = traffic.retried.saturating_add(again);
        if let Some(us) = took_us {
            traffic.latency.record(us);
        }
    }

    /// The samples of each second.
    pub fn into_samples(self) -> impl Iterator<Item = (i64, Vec<TrafficSample>)> {
        self.0.into_iter().map(|(at, of)| {
            let samples = of.into_iter();
            let samples = samples.map(|((service, version), traffic)| TrafficSample {
                service,
                version,
                traffic,
            });
            (at, samples.collect())
        })
    }
}

#[cfg(test)]
mod tests;
