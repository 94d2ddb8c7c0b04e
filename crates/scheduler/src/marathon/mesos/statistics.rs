//! What a container uses, as its agent measures it (`GET /slave(1)/monitor/statistics`).

use serde::Deserialize;

use crate::marathon::wire::or_default;
use crate::{Error, Result};

/// What one container has used. All but the time may be missing: that depends on how the agent isolates.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The id of its task, which is the container's.
    pub container: String,
    /// When it was measured, in seconds since 1970.
    pub at: f64,
    /// Processor time since its start, in seconds.
    pub cpu_seconds: Option<f64>,
    /// How many processors it may use; more only where no limit is set.
    pub cpu_limit: Option<f64>,
    /// Time in which it was held back for its limit, in seconds.
    pub throttled_seconds: Option<f64>,
    /// Memory, in bytes: with its cache where the agent says it, else without.
    pub memory: Option<u64>,
    /// How much memory it may use, in bytes.
    pub memory_limit: Option<u64>,
    /// Bytes that came in over its network.
    pub received: Option<u64>,
    /// Bytes that went out.
    pub sent: Option<u64>,
}

#[derive(Deserialize)]
struct Measured {
    #[serde(default, deserialize_with = "or_default")]
    source: String,
    #[serde(default, deserialize_with = "or_default")]
    executor_id: String,
    #[serde(default)]
    statistics: Option<Raw>,
}

#[derive(Deserialize)]
struct Raw {
    timestamp: f64,
    #[serde(default)]
    cpus_user_time_secs: Option<f64>,
    #[serde(default)]
    cpus_system_time_secs: Option<f64>,
    #[serde(default)]
    cpus_limit: Option<f64>,
    #[serde(default)]
    cpus_soft_limit: Option<f64>,
    #[serde(default)]
    cpus_throttled_time_secs: Option<f64>,
    #[serde(default)]
    mem_total_bytes: Option<f64>,
    #[serde(default)]
    mem_rss_bytes: Option<f64>,
    #[serde(default)]
    mem_limit_bytes: Option<f64>,
    #[serde(default)]
    net_rx_bytes: Option<f64>,
    #[serde(default)]
    net_tx_bytes: Option<f64>,
}

impl Statistics {
    /// Reads an agent's answer. Containers without figures are left out.
    ///
    /// # Errors
    /// When it is not of this form.
    pub fn read(body: &[u8]) -> Result<Vec<Self>> {
        let all: Vec<Measured> = serde_json::from_slice(body).map_err(|error| Error::Refused {
            doing: "reading an agent's statistics",
            why: error.to_string(),
        })?;
        Ok(all.into_iter().filter_map(Self::of).collect())
    }

    fn of(measured: Measured) -> Option<Self> {
        let raw = measured.statistics?;
        // Since 1.10 what is asked for is the soft limit, and there may be no hard one.
        let cpu_limit = raw.cpus_limit.or(raw.cpus_soft_limit);
        let seconds = raw.cpus_user_time_secs.zip(raw.cpus_system_time_secs);
        Some(Self {
            container: if measured.source.is_empty() {
                measured.executor_id
            } else {
                measured.source
            },
            at: raw.timestamp,
            cpu_seconds: seconds.map(|(user, system)| user + system),
            cpu_limit,
            throttled_seconds: raw.cpus_throttled_time_secs,
            memory: raw.mem_total_bytes.or(raw.mem_rss_bytes).map(whole),
            memory_limit: raw.mem_limit_bytes.map(whole),
            received: raw.net_rx_bytes.map(whole),
            sent: raw.net_tx_bytes.map(whole),
        })
    }
}

fn whole(number: f64) -> u64 {
    // The cast saturates.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = number as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str) -> Vec<Statistics> {
        let path = format!("{}/tests/marathon/samples/{name}", env!("CARGO_MANIFEST_DIR"));
        Statistics::read(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn posix_isolation_says_little() {
        for name in ["mesos_agent_monitor_statistics.json", "mesos_agent_containers.json"] {
            let all = sample(name);
            let [one] = all.as_slice() else { panic!("{all:?}") };
            assert!(one.container.starts_with("shop_web.instance-"), "{name}");
            assert_eq!((one.cpu_seconds, one.cpu_limit), (Some(0.0), Some(0.6)));
            assert_eq!((one.memory, one.memory_limit), (Some(1_777_664), Some(167_772_160)));
            assert_eq!((one.throttled_seconds, one.received), (None, None));
        }
    }

    #[test]
    fn cgroups_say_all() {
        for name in
            ["mesos_agent_monitor_statistics_cgroups.json", "mesos_agent_containers_cgroups.json"]
        {
            let all = sample(name);
            let [one] = all.as_slice() else { panic!("{all:?}") };
            assert!((one.cpu_seconds.unwrap() - 15.68).abs() < 1e-9);
            assert_eq!((one.cpu_limit, one.memory), (Some(0.35), Some(148_963_328)));
            assert_eq!(one.throttled_seconds, Some(21.702345113));
            assert_eq!((one.received, one.sent), (Some(99_120), Some(120_311)));
            assert!((one.at - 1_600_078_961.482_11).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_no_answer_of_an_agent_is_an_error() {
        assert!(Statistics::read(b"<html>").is_err());
        assert_eq!(Statistics::read(b"[{\"source\":\"x\",\"statistics\":null}]").unwrap(), []);
    }
}
