//! What Graphite calls what is measured.

use launcher_model::{ServiceName, VersionNumber};

use crate::key::{Key, Value};
use crate::measure::Measure;

use super::protocol::Point;

/// Names of metrics, all of which begin with the same word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

/// What stands in front of the names of hosts. No service has such a name.
const HOSTS: &str = "_hosts";

impl Default for Names {
    /// Names that begin with `launcher`.
    fn default() -> Self {
        Self::new("launcher")
    }
}

impl Names {
    /// Names that begin with this, such as `launcher` or `team.launcher`. Characters that mean something to
    /// Graphite become `_`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let parts = prefix.split('.').filter(|part| !part.is_empty()).map(plain);
        Self { prefix: parts.collect::<Vec<_>>().join(".") }
    }

    /// Names of what is on one host alone: `launcher._hosts.HOST`, behind which services stand as they do
    /// where they are named for all hosts together.
    #[must_use]
    pub fn on_host(&self, host: &str) -> Self {
        Self { prefix: format!("{}.{HOSTS}.{}", self.prefix, plain(host)) }
    }

    /// The name of a measure of a version: `launcher.shop.v42.requests.5xx`.
    #[must_use]
    pub fn of(&self, service: &ServiceName, version: VersionNumber, measure: Measure) -> String {
        format!("{}.{service}.{version}.{}", self.prefix, path(measure))
    }

    /// The name of a measure of a host: `launcher._hosts.web1.cpu.used`.
    #[must_use]
    pub fn of_host(&self, host: &str, measure: Measure) -> String {
        format!("{}.{}", self.on_host(host).prefix, path(measure))
    }

    /// The name of a measure of what is measured.
    pub(super) fn of_key(&self, key: &Key, measure: Measure) -> String {
        match key {
            Key::Traffic(service, version) | Key::Usage(service, version) => {
                self.of(service, *version, measure)
            }
            Key::Host(host) => self.of_host(host, measure),
        }
    }

    /// What a measurement of so many seconds from `at` on says.
    #[must_use]
    pub fn points(&self, key: &Key, value: &Value, at: i64, seconds: f64) -> Vec<Point> {
        let point = |measure: Measure| {
            let value = measure.of(value, seconds)?;
            Some(Point { name: self.of_key(key, measure), at, value })
        };
        Measure::ALL.into_iter().filter_map(point).collect()
    }
}

/// What stands behind the version, or the host.
fn path(measure: Measure) -> &'static str {
    match measure {
        Measure::Requests => "requests.all",
        Measure::Requests1xx => "requests.1xx",
        Measure::Requests2xx => "requests.2xx",
        Measure::Requests3xx => "requests.3xx",
        Measure::Requests4xx => "requests.4xx",
        Measure::Requests5xx => "requests.5xx",
        Measure::Failed => "requests.failed",
        Measure::Retried => "requests.retried",
        Measure::InFlight => "requests.in_flight",
        Measure::Ejected => "containers.ejected",
        Measure::Connections => "connections",
        Measure::Received => "bytes.received",
        Measure::Sent => "bytes.sent",
        Measure::LatencyMean => "latency.mean",
        Measure::LatencyP50 => "latency.p50",
        Measure::LatencyP90 => "latency.p90",
        Measure::LatencyP99 => "latency.p99",
        Measure::Containers => "containers.running",
        Measure::Restarts => "containers.restarts",
        Measure::Cpu => "cpu.used",
        Measure::Cpus => "cpu.count",
        Measure::Throttled => "cpu.throttled",
        Measure::Memory => "memory.used",
        Measure::MemoryLimit => "memory.limit",
        Measure::MemoryTotal => "memory.total",
        Measure::OomKills => "memory.oom_kills",
        Measure::NetworkReceived => "network.received",
        Measure::NetworkSent => "network.sent",
        Measure::DiskRead => "disk.read",
        Measure::DiskWritten => "disk.written",
    }
}

/// A part of a name: dots would divide it, and the rest means something in targets.
fn plain(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use launcher_model::measure::{HostUsage, Traffic};

    use super::*;

    #[test]
    fn every_measure_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Measure::ALL.into_iter().map(path).collect();
        assert_eq!(names.len(), Measure::ALL.len());
    }

    #[test]
    fn names_are_such_as_people_type() {
        let names = Names::new("team 1.launcher.");
        let shop = ServiceName::new("shop").unwrap();
        let traffic = Traffic { requests: [0, 20, 0, 0, 10], ..Traffic::default() };
        let key = Key::Traffic(shop, VersionNumber(42));
        let points = names.points(&key, &Value::Traffic(traffic), 100, 10.0);
        let errors = points.iter().find(|point| point.name.ends_with("5xx")).unwrap();
        assert_eq!(errors.name, "team_1.launcher.shop.v42.requests.5xx");
        assert_eq!((errors.at, errors.value), (100, 1.0));
        // Nothing was asked, so nothing took any time.
        assert!(!points.iter().any(|point| point.name.contains("latency")));
        let host = Value::Host(HostUsage { cpus: 2, ..HostUsage::default() });
        let points = names.points(&Key::Host("a.example".to_owned()), &host, 100, 10.0);
        let count = points.iter().find(|point| point.value == 2.0).unwrap();
        assert_eq!(count.name, "team_1.launcher._hosts.a_example.cpu.count");
        assert_eq!(points.len(), Measure::OF_HOSTS.len());
        let name = names.on_host("a.example").of(
            &ServiceName::new("shop").unwrap(),
            VersionNumber(42),
            Measure::Cpu,
        );
        assert_eq!(name, "team_1.launcher._hosts.a_example.shop.v42.cpu.used");
    }
}
