//! What is measured as lines of Graphite's plaintext protocol, as Sensu's metric checks print them:
//! <https://graphite.readthedocs.io/en/latest/feeding-carbon.html#the-plaintext-protocol>.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use launcher_model::measure::{Merge, Usage};
use launcher_model::{ServiceName, VersionNumber};

use crate::sampler::Sample;

/// One line for each figure of a host and of each version that has containers on it. `at` is in seconds since
/// 1970, `over` the time in which it was used.
#[must_use]
pub fn lines(host: &str, sample: &Sample, over: Duration, at: i64) -> String {
    let mut lines = Lines { text: String::new(), prefix: String::new(), over, at };
    let host = part(host);
    let usage = &sample.usage;
    lines.prefix = format!("launcher.host.{host}");
    lines.figure("cpu", lines.cores(usage.cpu_us));
    lines.figure("cpus", f64::from(usage.cpus));
    lines.figure("memory", usage.memory as f64);
    lines.figure("memory_total", usage.memory_total as f64);
    lines.traffic([usage.received, usage.sent, usage.read, usage.written]);
    for ((service, version), usage) in by_version(sample) {
        lines.prefix =
            format!("launcher.host.{host}.containers.{}.{version}", part(service.as_str()));
        lines.figure("containers", f64::from(usage.containers));
        lines.figure("cpu", lines.cores(usage.cpu_us));
        lines.figure("throttled", lines.cores(usage.throttled_us));
        lines.figure("memory", usage.memory as f64);
        if usage.memory_limit > 0 {
            lines.figure("memory_limit", usage.memory_limit as f64);
        }
        lines.traffic([usage.received, usage.sent, usage.read, usage.written]);
        lines.figure("oom_kills", usage.oom_kills as f64);
        lines.figure("restarts", usage.restarts as f64);
    }
    lines.text
}

fn by_version(sample: &Sample) -> BTreeMap<(&ServiceName, VersionNumber), Usage> {
    let mut versions: BTreeMap<_, Usage> = BTreeMap::new();
    for one in &sample.containers {
        let key = (&one.sample.service, one.sample.version);
        versions.entry(key).or_default().beside(&one.sample.usage);
    }
    versions
}

struct Lines {
    text: String,
    prefix: String,
    over: Duration,
    at: i64,
}

impl Lines {
    fn figure(&mut self, name: &str, value: f64) {
        // Writing into a string does not fail.
        let _ = writeln!(self.text, "{}.{name} {} {}", self.prefix, rounded(value), self.at);
    }

    /// Bytes in a second that came, went, were read and written.
    fn traffic(&mut self, bytes: [u64; 4]) {
        for (name, bytes) in ["received", "sent", "read", "written"].into_iter().zip(bytes) {
            self.figure(name, bytes as f64 / self.over.as_secs_f64());
        }
    }

    /// How many processors were busy for so many microseconds.
    fn cores(&self, us: u64) -> f64 {
        us as f64 / 1e6 / self.over.as_secs_f64()
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// A part of a metric's name: dots would be other parts, and what is left is all that Graphite takes for sure.
#[must_use]
pub fn part(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    text.chars().map(plain).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use launcher_model::measure::{ContainerSample, HostUsage};

    use super::*;
    use crate::known::Measured;

    #[test]
    fn each_figure_is_a_line() {
        let container = |id: &str| Measured {
            installation: "ours".to_owned(),
            sample: ContainerSample {
                container: id.to_owned(),
                service: ServiceName::new("shop").unwrap(),
                version: VersionNumber(42),
                usage: Usage { containers: 1, cpu_us: 420_000, memory: 9, ..Usage::default() },
            },
        };
        let usage =
            HostUsage { cpus: 2, cpu_us: 3_000_000, received: 1000, ..HostUsage::default() };
        let sample = Sample { usage, containers: vec![container("a"), container("b")] };
        let text = lines("web1.example.com", &sample, Duration::from_secs(2), 1_700_000_000);
        for line in [
            "launcher.host.web1_example_com.cpu 1.5 1700000000",
            "launcher.host.web1_example_com.received 500 1700000000",
            "launcher.host.web1_example_com.containers.shop.v42.containers 2 1700000000",
            "launcher.host.web1_example_com.containers.shop.v42.cpu 0.42 1700000000",
            "launcher.host.web1_example_com.containers.shop.v42.memory 18 1700000000",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in:\n{text}");
        }
        assert!(!text.contains("memory_limit"), "there is none");
        assert!(text.lines().all(|line| line.split(' ').count() == 3), "{text}");
    }
}
