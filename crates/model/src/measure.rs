//! What is measured: traffic at the edges, use of resources at the hosts.
//!
//! A value of these types says what happened in a span of time at one place. Two of them are put together
//! in one of two ways: [`Merge::beside`] when they are of the same time and two places (two edges, two
//! containers), [`Merge::after`] when they are of one place and two times.

mod histogram;
mod traffic;
mod usage;

pub use histogram::{BUCKETS, Histogram, InvalidBucket, bucket_of, bucket_range};
pub use traffic::{Traffic, TrafficSample};
pub use usage::{
    ContainerSample, HostReport, HostReports, HostUsage, REPORTS_WITHIN, ReportsTaken, Usage,
};

/// Two measurements become one.
pub trait Merge {
    /// Takes in what was measured at the same time at another place.
    fn beside(&mut self, other: &Self);

    /// Takes in what was measured at the same place at another time.
    fn after(&mut self, other: &Self);
}
