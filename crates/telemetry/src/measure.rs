//! The numbers that can be asked for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::key::Value;

/// A number that a measurement says.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Requests answered.
    Requests,
    /// Those answered with 1xx: upgrades.
    #[serde(rename = "requests_1xx")]
    Requests1xx,
    /// Those answered with 2xx.
    #[serde(rename = "requests_2xx")]
    Requests2xx,
    /// Those answered with 3xx.
    #[serde(rename = "requests_3xx")]
    Requests3xx,
    /// Those answered with 4xx.
    #[serde(rename = "requests_4xx")]
    Requests4xx,
    /// Those answered with 5xx: errors.
    #[serde(rename = "requests_5xx")]
    Requests5xx,
    /// Requests whose container could not be reached, broke off or took too long.
    Failed,
    /// Requests that were sent a second time.
    Retried,
    /// Containers that were passed over for a while.
    Ejected,
    /// Requests under way.
    InFlight,
    /// Upgraded connections under way.
    Connections,
    /// Bytes from clients.
    Received,
    /// Bytes to clients.
    Sent,
    /// How long a request took on average.
    LatencyMean,
    /// How long half of the requests took at most.
    LatencyP50,
    /// How long nine of ten requests took at most.
    LatencyP90,
    /// How long 99 of 100 requests took at most.
    LatencyP99,
    /// Containers that run.
    Containers,
    /// Processors in use.
    Cpu,
    /// Processors that were wanted and withheld by a limit.
    Throttled,
    /// Memory in use.
    Memory,
    /// Memory that may be used.
    MemoryLimit,
    /// Bytes that containers got over the network.
    NetworkReceived,
    /// Bytes that containers sent over the network.
    NetworkSent,
    /// Bytes read from disks.
    DiskRead,
    /// Bytes written to disks.
    DiskWritten,
    /// Processes that ended because memory had run out.
    OomKills,
    /// Containers that their engine has started again.
    Restarts,
    /// Processors that a host has.
    Cpus,
    /// Memory that a host has.
    MemoryTotal,
}

/// In what a number is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// So many each second.
    PerSecond,
    /// So many at one time.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Bytes each second.
    BytesPerSecond,
    /// Processors: 1 is one that was busy all the time.
    Processors,
}

/// There is no measure of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not measured; what is: {}", names(those))]
pub struct UnknownMeasure {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub those: &'static [Measure],
}

fn names(of: &[Measure]) -> String {
    of.iter().map(|measure| measure.name()).collect::<Vec<_>>().join(", ")
}

/// Which kind of [`Value`] says a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Traffic,
    Usage,
}

impl Measure {
    /// All of them. The last two are of hosts alone.
    pub const ALL: [Self; 30] = [
        Self::Requests,
        Self::Requests1xx,
        Self::Requests2xx,
        Self::Requests3xx,
        Self::Requests4xx,
        Self::Requests5xx,
        Self::Failed,
        Self::Retried,
        Self::Ejected,
        Self::InFlight,
        Self::Connections,
        Self::Received,
        Self::Sent,
        Self::LatencyMean,
        Self::LatencyP50,
        Self::LatencyP90,
        Self::LatencyP99,
        Self::Containers,
        Self::Cpu,
        Self::Throttled,
        Self::Memory,
        Self::MemoryLimit,
        Self::NetworkReceived,
        Self::NetworkSent,
        Self::DiskRead,
        Self::DiskWritten,
        Self::OomKills,
        Self::Restarts,
        Self::Cpus,
        Self::MemoryTotal,
    ];

    /// Those of versions.
    pub const OF_VERSIONS: &[Self] = Self::ALL.split_at(28).0;

    /// Those of hosts.
    pub const OF_HOSTS: &[Self] = &[
        Self::Cpu,
        Self::Cpus,
        Self::Memory,
        Self::MemoryTotal,
        Self::NetworkReceived,
        Self::NetworkSent,
        Self::DiskRead,
        Self::DiskWritten,
    ];

    /// Reads the name of one of these.
    ///
    /// # Errors
    /// [`UnknownMeasure`] when it is none of theirs.
    pub fn among(name: &str, those: &'static [Self]) -> Result<Self, UnknownMeasure> {
        let found = those.iter().find(|measure| measure.name() == name).copied();
        found.ok_or_else(|| UnknownMeasure { name: name.to_owned(), those })
    }

    /// Its name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Requests1xx => "requests_1xx",
            Self::Requests2xx => "requests_2xx",
            Self::Requests3xx => "requests_3xx",
            Self::Requests4xx => "requests_4xx",
            Self::Requests5xx => "requests_5xx",
            Self::Failed => "failed",
            Self::Retried => "retried",
            Self::Ejected => "ejected",
            Self::InFlight => "in_flight",
            Self::Connections => "connections",
            Self::Received => "received",
            Self::Sent => "sent",
            Self::LatencyMean => "latency_mean",
            Self::LatencyP50 => "latency_p50",
            Self::LatencyP90 => "latency_p90",
            Self::LatencyP99 => "latency_p99",
            Self::Containers => "containers",
            Self::Cpu => "cpu",
            Self::Throttled => "throttled",
            Self::Memory => "memory",
            Self::MemoryLimit => "memory_limit",
            Self::NetworkReceived => "network_received",
            Self::NetworkSent => "network_sent",
            Self::DiskRead => "disk_read",
            Self::DiskWritten => "disk_written",
            Self::OomKills => "oom_kills",
            Self::Restarts => "restarts",
            Self::Cpus => "cpus",
            Self::MemoryTotal => "memory_total",
        }
    }

    /// In what it is counted.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::Requests
            | Self::Requests1xx
            | Self::Requests2xx
            | Self::Requests3xx
            | Self::Requests4xx
            | Self::Requests5xx
            | Self::Failed
            | Self::Retried
            | Self::Ejected
            | Self::OomKills
            | Self::Restarts => Unit::PerSecond,
            Self::InFlight | Self::Connections | Self::Containers => Unit::Count,
            Self::LatencyMean | Self::LatencyP50 | Self::LatencyP90 | Self::LatencyP99 => {
                Unit::Milliseconds
            }
            Self::Memory | Self::MemoryLimit | Self::MemoryTotal => Unit::Bytes,
            Self::Received
            | Self::Sent
            | Self::NetworkReceived
            | Self::NetworkSent
            | Self::DiskRead
            | Self::DiskWritten => Unit::BytesPerSecond,
            Self::Cpu | Self::Throttled | Self::Cpus => Unit::Processors,
        }
    }

    pub(crate) fn kind(self) -> Kind {
        if self < Self::Containers { Kind::Traffic } else { Kind::Usage }
    }

    /// What it is when nothing was measured: edges tell of what they have carried, and of nothing else.
    pub(crate) fn of_nothing(self) -> Option<f64> {
        let is_count = self.kind() == Kind::Traffic && self.unit() != Unit::Milliseconds;
        is_count.then_some(0.0)
    }

    /// What a measurement of so many seconds, which are some, says.
    #[must_use]
    pub fn of(self, value: &Value, seconds: f64) -> Option<f64> {
        match value {
            Value::Traffic(traffic) => self.of_traffic(traffic, seconds),
            Value::Usage(usage) => self.of_usage(usage, seconds),
            Value::Host(usage) => self.of_host(usage, seconds),
        }
    }

    fn of_traffic(self, traffic: &launcher_model::measure::Traffic, seconds: f64) -> Option<f64> {
        let latency = &traffic.latency;
        let quantile = |part| latency.quantile(part).map(|us| number(us) / 1000.0);
        match self {
            Self::Requests => Some(each(traffic.answered(), seconds)),
            Self::Requests1xx => Some(each(traffic.requests[0], seconds)),
            Self::Requests2xx => Some(each(traffic.requests[1], seconds)),
            Self::Requests3xx => Some(each(traffic.requests[2], seconds)),
            Self::Requests4xx => Some(each(traffic.requests[3], seconds)),
            Self::Requests5xx => Some(each(traffic.requests[4], seconds)),
            Self::Failed => Some(each(traffic.failed, seconds)),
            Self::Retried => Some(each(traffic.retried, seconds)),
            Self::Ejected => Some(each(traffic.ejected, seconds)),
            Self::InFlight => Some(number(traffic.in_flight)),
            Self::Connections => Some(number(traffic.connections)),
            Self::Received => Some(each(traffic.received, seconds)),
            Self::Sent => Some(each(traffic.sent, seconds)),
            Self::LatencyMean => {
                let mean = number(latency.sum_us()) / number(latency.count()) / 1000.0;
                (latency.count() > 0).then_some(mean)
            }
            Self::LatencyP50 => quantile(0.5),
            Self::LatencyP90 => quantile(0.9),
            Self::LatencyP99 => quantile(0.99),
            _ => None,
        }
    }

    fn of_usage(self, usage: &launcher_model::measure::Usage, seconds: f64) -> Option<f64> {
        match self {
            Self::Containers => Some(f64::from(usage.containers)),
            Self::Cpu => Some(each(usage.cpu_us, seconds) / 1e6),
            Self::Throttled => Some(each(usage.throttled_us, seconds) / 1e6),
            Self::Memory => Some(number(usage.memory)),
            Self::MemoryLimit => (usage.memory_limit > 0).then(|| number(usage.memory_limit)),
            Self::NetworkReceived => Some(each(usage.received, seconds)),
            Self::NetworkSent => Some(each(usage.sent, seconds)),
            Self::DiskRead => Some(each(usage.read, seconds)),
            Self::DiskWritten => Some(each(usage.written, seconds)),
            Self::OomKills => Some(each(usage.oom_kills, seconds)),
            Self::Restarts => Some(each(usage.restarts, seconds)),
            _ => None,
        }
    }

    fn of_host(self, usage: &launcher_model::measure::HostUsage, seconds: f64) -> Option<f64> {
        match self {
            Self::Cpu => Some(each(usage.cpu_us, seconds) / 1e6),
            Self::Cpus => Some(f64::from(usage.cpus)),
            Self::Memory => Some(number(usage.memory)),
            Self::MemoryTotal => Some(number(usage.memory_total)),
            Self::NetworkReceived => Some(each(usage.received, seconds)),
            Self::NetworkSent => Some(each(usage.sent, seconds)),
            Self::DiskRead => Some(each(usage.read, seconds)),
            Self::DiskWritten => Some(each(usage.written, seconds)),
            _ => None,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "what is counted stays below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

fn each(count: u64, seconds: f64) -> f64 {
    number(count) / seconds
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Measure {
    type Err = UnknownMeasure;

    fn from_str(name: &str) -> Result<Self, UnknownMeasure> {
        const ALL: &[Measure] = &Measure::ALL;
        Self::among(name, ALL)
    }
}

#[cfg(test)]
mod tests {
    use launcher_model::measure::{HostUsage, Traffic, Usage};

    use super::*;

    #[test]
    fn each_measure_is_written_as_it_is_read() {
        for measure in Measure::ALL {
            assert_eq!(measure.name().parse(), Ok(measure));
            assert_eq!(serde_json::to_value(measure).unwrap(), measure.name());
        }
        let error = "load".parse::<Measure>().unwrap_err().to_string();
        assert!(error.starts_with("load is not measured; what is: requests, "), "{error}");
        assert_eq!(Measure::among("cpus", Measure::OF_HOSTS), Ok(Measure::Cpus));
        let error = Measure::among("cpus", Measure::OF_VERSIONS).unwrap_err().to_string();
        assert!(error.ends_with(", oom_kills, restarts"), "{error}");
    }

    #[test]
    fn a_host_has_each_of_its_measures_and_no_other() {
        let usage = Value::Host(HostUsage { cpus: 4, cpu_us: 5_000_000, ..HostUsage::default() });
        let of = |measure: Measure| measure.of(&usage, 10.0);
        let has = Measure::ALL.into_iter().filter(|measure| of(*measure).is_some());
        let mut those = Measure::OF_HOSTS.to_vec();
        those.sort();
        assert_eq!(has.collect::<Vec<_>>(), those);
        assert_eq!((of(Measure::Cpu), of(Measure::Cpus)), (Some(0.5), Some(4.0)));
    }

    #[test]
    fn counts_are_told_for_each_second() {
        let mut traffic = Traffic { requests: [0, 30, 0, 0, 10], ..Traffic::default() };
        (0..100).for_each(|_| traffic.latency.record(2_000));
        let of = |measure: Measure| measure.of(&Value::Traffic(traffic.clone()), 10.0);
        assert_eq!(of(Measure::Requests), Some(4.0));
        assert_eq!(of(Measure::Requests5xx), Some(1.0));
        assert_eq!(of(Measure::LatencyMean), Some(2.0));
        assert!((of(Measure::LatencyP99).unwrap() - 2.0).abs() < 0.02);
        assert_eq!(of(Measure::Cpu), None);
        let usage = Usage { cpu_us: 5_000_000, ..Usage::default() };
        assert_eq!(Measure::Cpu.of(&Value::Usage(usage), 10.0), Some(0.5));
    }
}
