//! What was counted, and what that makes of a span of time.

use bollard::models::ContainerStatsResponse;
use launcher_model::measure::Usage;

/// What a container has used since its start, and what it has now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Processor time in microseconds.
    pub(crate) cpu_us: u64,
    /// For how many microseconds it was held back.
    pub(crate) throttled_us: u64,
    /// Memory now, in bytes, without what the kernel can take back at once.
    pub(crate) memory: u64,
    /// How much it may have, in bytes; 0 when there is no limit.
    pub(crate) memory_limit: u64,
    /// Bytes that came over the network.
    pub(crate) received: u64,
    /// Bytes that went.
    pub(crate) sent: u64,
    /// Bytes read from disks.
    pub(crate) read: u64,
    /// Bytes written.
    pub(crate) written: u64,
    /// Processes that were ended for want of memory.
    pub(crate) oom_kills: u64,
}

/// What was counted since a counter was `before`; one that went back began at 0.
pub(crate) fn grown(before: u64, now: u64) -> u64 {
    if now >= before { now - before } else { now }
}

impl Counters {
    /// What was used by one container since these were the counters.
    pub(crate) fn since(&self, before: &Self) -> Usage {
        Usage {
            containers: 1,
            cpu_us: grown(before.cpu_us, self.cpu_us),
            throttled_us: grown(before.throttled_us, self.throttled_us),
            memory: self.memory,
            memory_limit: self.memory_limit,
            received: grown(before.received, self.received),
            sent: grown(before.sent, self.sent),
            read: grown(before.read, self.read),
            written: grown(before.written, self.written),
            oom_kills: grown(before.oom_kills, self.oom_kills),
            restarts: 0,
        }
    }

    /// The same, as an engine has counted it. It says a container's limit to be its machine's memory where there
    /// is none, and counts no processes that were ended.
    pub(crate) fn of_engine(told: &ContainerStatsResponse, machine_memory: u64) -> Self {
        let mut counters = Self::default();
        if let Some(cpu) = &told.cpu_stats {
            let used = cpu.cpu_usage.as_ref().and_then(|usage| usage.total_usage);
            counters.cpu_us = used.unwrap_or(0) / 1000;
            let held = cpu.throttling_data.as_ref().and_then(|data| data.throttled_time);
            counters.throttled_us = held.unwrap_or(0) / 1000;
        }
        if let Some(memory) = &told.memory_stats {
            let stat = |key: &str| memory.stats.as_ref()?.get(key).copied();
            let inactive = stat("total_inactive_file").or_else(|| stat("inactive_file"));
            let used = memory.usage.unwrap_or(0);
            counters.memory = used.saturating_sub(inactive.unwrap_or(0));
            let limit = memory.limit.unwrap_or(0);
            counters.memory_limit = if limit < machine_memory { limit } else { 0 };
        }
        for network in told.networks.iter().flat_map(|networks| networks.values()) {
            counters.received += network.rx_bytes.unwrap_or(0);
            counters.sent += network.tx_bytes.unwrap_or(0);
        }
        let entries =
            told.blkio_stats.as_ref().and_then(|io| io.io_service_bytes_recursive.as_ref());
        for entry in entries.into_iter().flatten() {
            let bytes = entry.value.unwrap_or(0);
            match entry.op.as_deref() {
                Some("Read" | "read") => counters.read += bytes,
                Some("Write" | "write") => counters.written += bytes,
                _ => {}
            }
        }
        counters
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_went_back_began_at_0() {
        let before =
            Counters { cpu_us: 100, memory: 7, sent: 50, oom_kills: 1, ..Counters::default() };
        let now =
            Counters { cpu_us: 130, memory: 9, sent: 20, oom_kills: 1, ..Counters::default() };
        let usage = now.since(&before);
        let wanted = Usage { containers: 1, cpu_us: 30, memory: 9, sent: 20, ..Usage::default() };
        assert_eq!(usage, wanted);
    }

    #[test]
    fn what_an_engine_says_is_read() {
        let told = r#"{
            "cpu_stats": {"cpu_usage": {"total_usage": 5000000}, "throttling_data": {"throttled_time": 2000}},
            "memory_stats": {"usage": 900, "limit": 1000, "stats": {"total_inactive_file": 300}},
            "networks": {"eth0": {"rx_bytes": 10, "tx_bytes": 20}, "eth1": {"rx_bytes": 1, "tx_bytes": 2}},
            "blkio_stats": {"io_service_bytes_recursive": [
                {"major": 8, "minor": 0, "op": "Read", "value": 7},
                {"major": 8, "minor": 0, "op": "write", "value": 8},
                {"major": 8, "minor": 0, "op": "Total", "value": 15}]}
        }"#;
        let told: ContainerStatsResponse = serde_json::from_str(told).unwrap();
        let counters = Counters {
            cpu_us: 5000,
            throttled_us: 2,
            memory: 600,
            memory_limit: 1000,
            received: 11,
            sent: 22,
            read: 7,
            written: 8,
            oom_kills: 0,
        };
        assert_eq!(Counters::of_engine(&told, 4000), counters);
        assert_eq!(Counters::of_engine(&told, 1000).memory_limit, 0);
        let nothing = ContainerStatsResponse::default();
        assert_eq!(Counters::of_engine(&nothing, 0), Counters::default());
    }
}
