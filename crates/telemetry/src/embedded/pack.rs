//! How a measurement is written: numbers in as few bytes as they need, buckets by their distance from each
//! other.

use launcher_model::measure::{Histogram, HostUsage, Traffic, Usage};
use serde::{Deserialize, Serialize};

use crate::key::Value;

/// The kinds are numbered by their order, so a new one goes to the end.
#[derive(Serialize, Deserialize)]
enum Packed {
    Traffic(PackedTraffic),
    Usage(Usage),
    Host(HostUsage),
    /// Seconds of a row, by their distance from its first.
    Seconds(Vec<(u8, PackedTraffic)>),
}

#[derive(Serialize, Deserialize)]
struct PackedTraffic {
    requests: [u64; 5],
    failed: u64,
    retried: u64,
    ejected: u64,
    received: u64,
    sent: u64,
    in_flight: u64,
    connections: u64,
    sum_us: u64,
    buckets: Vec<(u16, u64)>,
}

impl From<&Traffic> for PackedTraffic {
    fn from(traffic: &Traffic) -> Self {
        let mut last = 0;
        let buckets = traffic.latency.buckets().iter().map(|(bucket, count)| {
            let step = bucket - last;
            last = *bucket;
            (step, *count)
        });
        Self {
            requests: traffic.requests,
            failed: traffic.failed,
            retried: traffic.retried,
            ejected: traffic.ejected,
            received: traffic.received,
            sent: traffic.sent,
            in_flight: traffic.in_flight,
            connections: traffic.connections,
            sum_us: traffic.latency.sum_us(),
            buckets: buckets.collect(),
        }
    }
}

impl PackedTraffic {
    fn unpack(self) -> postcard::Result<Traffic> {
        let mut last = 0u16;
        let buckets = self.buckets.into_iter().map(|(step, count)| {
            last = last.saturating_add(step);
            (last, count)
        });
        let latency = Histogram::from_buckets(buckets.collect(), self.sum_us);
        Ok(Traffic {
            requests: self.requests,
            failed: self.failed,
            retried: self.retried,
            ejected: self.ejected,
            received: self.received,
            sent: self.sent,
            in_flight: self.in_flight,
            connections: self.connections,
            latency: latency.map_err(|_| postcard::Error::SerdeDeCustom)?,
        })
    }
}

/// One measurement.
pub(super) fn pack(value: &Value) -> postcard::Result<Vec<u8>> {
    postcard::to_stdvec(&match value {
        Value::Traffic(traffic) => Packed::Traffic(traffic.into()),
        Value::Usage(usage) => Packed::Usage(usage.clone()),
        Value::Host(usage) => Packed::Host(usage.clone()),
    })
}

/// What was carried in seconds that begin at most 255 seconds after `start`.
pub(super) fn pack_seconds(start: i64, seconds: &[(i64, Traffic)]) -> postcard::Result<Vec<u8>> {
    let seconds = seconds.iter();
    let seconds = seconds.filter_map(|(at, of)| Some((u8::try_from(at - start).ok()?, of.into())));
    postcard::to_stdvec(&Packed::Seconds(seconds.collect()))
}

/// What a row says, by the second at which it begins.
pub(super) fn unpack(start: i64, bytes: &[u8]) -> postcard::Result<Vec<(i64, Value)>> {
    Ok(match postcard::from_bytes(bytes)? {
        Packed::Traffic(traffic) => vec![(start, Value::Traffic(traffic.unpack()?))],
        Packed::Usage(usage) => vec![(start, Value::Usage(usage))],
        Packed::Host(usage) => vec![(start, Value::Host(usage))],
        Packed::Seconds(seconds) => {
            let seconds = seconds.into_iter();
            let read =
                seconds.map(|(at, of)| Ok((start + i64::from(at), Value::Traffic(of.unpack()?))));
            read.collect::<postcard::Result<_>>()?
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn traffic(times: &[u64]) -> Traffic {
        let mut traffic = Traffic { requests: [0, 3, 0, 0, 1], sent: 12, ..Traffic::default() };
        times.iter().for_each(|us| traffic.latency.record(*us));
        traffic
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(times in proptest::collection::vec(any::<u64>(), 0..50)) {
            let value = Value::Traffic(traffic(&times));
            prop_assert_eq!(unpack(50, &pack(&value).unwrap()).unwrap(), vec![(50, value.clone())]);
            let Value::Traffic(of) = &value else { unreachable!() };
            let seconds = [(50, of.clone()), (59, Traffic::default())];
            let read = unpack(50, &pack_seconds(50, &seconds).unwrap()).unwrap();
            prop_assert_eq!(read, vec![(50, value), (59, Value::Traffic(Traffic::default()))]);
        }

        #[test]
        fn whatever_stands_in_the_file_is_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = unpack(0, &bytes);
        }
    }
}
