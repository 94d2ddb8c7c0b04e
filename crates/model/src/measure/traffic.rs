//! What edges carry.

use serde::{Deserialize, Serialize};

use super::{Histogram, Merge};
use crate::{ServiceName, VersionNumber};

/// What was carried for one version in a span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests answered, by the class of the status: 1xx, 2xx, 3xx, 4xx, 5xx.
    pub requests: [u64; 5],
    /// Requests whose container could not be reached, broke the connection or took too long.
    pub failed: u64,
    /// Requests that were sent a second time.
    pub retried: u64,
    /// How often a container was left out for a while because it had failed too many requests in a row.
    pub ejected: u64,
    /// Bytes of bodies that clients have sent.
    pub received: u64,
    /// Bytes of bodies that were sent to clients.
    pub sent: u64,
    /// Requests under way: the most that were seen at one time.
    pub in_flight: u64,
    /// Upgraded connections under way, such as WebSockets: the most that were seen at one time.
    pub connections: u64,
    /// From the whole head of a request to the end of its response, in microseconds.
    pub latency: Histogram,
}

impl Traffic {
    /// Requests answered, whatever the status.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.requests.iter().fold(0, |sum, class| sum.saturating_add(*class))
    }

    /// Whether nothing happened and nothing is under way.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, other: &Self) {
        for (class, more) in self.requests.iter_mut().zip(other.requests) {
            *class = class.saturating_add(more);
        }
        self.failed = self.failed.saturating_add(other.failed);
        self.retried = self.retried.saturating_add(other.retried);
        self.ejected = self.ejected.saturating_add(other.ejected);
        self.received = self.received.saturating_add(other.received);
        self.sent = self.sent.saturating_add(other.sent);
        self.latency.beside(&other.latency);
    }
}

impl Merge for Traffic {
    fn beside(&mut self, other: &Self) {
        self.add(other);
        self.in_flight = self.in_flight.saturating_add(other.in_flight);
        self.connections = self.connections.saturating_add(other.connections);
    }

    fn after(&mut self, other: &Self) {
        self.add(other);
        self.in_flight = self.in_flight.max(other.in_flight);
        self.connections = self.connections.max(other.connections);
    }
}

/// What one edge carried for one version in one second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrafficSample {
    /// The service.
    pub service: ServiceName,
    /// The version.
    pub version: VersionNumber,
    /// What was carried.
    pub traffic: Traffic,
}
