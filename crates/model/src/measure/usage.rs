//! What containers and hosts use.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Merge;
use crate::{ServiceName, VersionNumber};

/// What containers used in a span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// How many containers these are: the most that were seen at one time.
    pub containers: u32,
    /// Processor time in microseconds.
    pub cpu_us: u64,
    /// For how many microseconds they were held back by their limit of processor time.
    pub throttled_us: u64,
    /// Memory in bytes, without what the kernel can take back at once: the most that was seen.
    pub memory: u64,
    /// How much they may have, in bytes; 0 when any of them has no limit.
    pub memory_limit: u64,
    /// Bytes that came over the network.
    pub received: u64,
    /// Bytes that went over the network.
    pub sent: u64,
    /// Bytes read from disks.
    pub read: u64,
    /// Bytes written to disks.
    pub written: u64,
    /// Processes that the kernel ended because memory had run out.
    pub oom_kills: u64,
    /// How often an engine has started them again.
    pub restarts: u64,
}

impl Usage {
    fn add(&mut self, other: &Self) {
        self.cpu_us = self.cpu_us.saturating_add(other.cpu_us);
        self.throttled_us = self.throttled_us.saturating_add(other.throttled_us);
        self.received = self.received.saturating_add(other.received);
        self.sent = self.sent.saturating_add(other.sent);
        self.read = self.read.saturating_add(other.read);
        self.written = self.written.saturating_add(other.written);
        self.oom_kills = self.oom_kills.saturating_add(other.oom_kills);
        self.restarts = self.restarts.saturating_add(other.restarts);
    }
}

impl Merge for Usage {
    fn beside(&mut self, other: &Self) {
        self.add(other);
        let limited = |one: &Self| one.containers == 0 || one.memory_limit > 0;
        let both = limited(self) && limited(other);
        self.memory_limit =
            if both { self.memory_limit.saturating_add(other.memory_limit) } else { 0 };
        self.memory = self.memory.saturating_add(other.memory);
        self.containers = self.containers.saturating_add(other.containers);
    }

    fn after(&mut self, other: &Self) {
        self.add(other);
        self.memory = self.memory.max(other.memory);
        self.memory_limit = self.memory_limit.max(other.memory_limit);
        self.containers = self.containers.max(other.containers);
    }
}

/// What one container used since its last sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerSample {
    /// Its id, as its engine has it.
    pub container: String,
    /// Its service.
    pub service: ServiceName,
    /// Its version.
    pub version: VersionNumber,
    /// What it used.
    pub usage: Usage,
}

/// What a whole host used since its last sample, whoever used it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostUsage {
    /// Processors that it has.
    pub cpus: u32,
    /// Time that they were busy, of all together, in microseconds.
    pub cpu_us: u64,
    /// Memory in use, in bytes: what new programs could not have.
    pub memory: u64,
    /// Memory that there is, in bytes.
    pub memory_total: u64,
    /// Bytes that came over its network interfaces, but for loopback and those of containers.
    pub received: u64,
    /// Bytes that went over them.
    pub sent: u64,
    /// Bytes read from its disks.
    pub read: u64,
    /// Bytes written to its disks.
    pub written: u64,
}

impl HostUsage {
    fn add(&mut self, other: &Self) {
        self.cpu_us = self.cpu_us.saturating_add(other.cpu_us);
        self.received = self.received.saturating_add(other.received);
        self.sent = self.sent.saturating_add(other.sent);
        self.read = self.read.saturating_add(other.read);
        self.written = self.written.saturating_add(other.written);
    }
}

impl Merge for HostUsage {
    fn beside(&mut self, other: &Self) {
        self.add(other);
        self.cpus = self.cpus.saturating_add(other.cpus);
        self.memory = self.memory.saturating_add(other.memory);
        self.memory_total = self.memory_total.saturating_add(other.memory_total);
    }

    fn after(&mut self, other: &Self) {
        self.add(other);
        self.cpus = self.cpus.max(other.cpus);
        self.memory = self.memory.max(other.memory);
        self.memory_total = self.memory_total.max(other.memory_total);
    }
}

/// What an agent says of its host, about the span of time since it last said something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostReport {
    /// The host's name, as the scheduler has it.
    pub host: String,
    /// The end of the span, in seconds since 1970.
    pub at: i64,
    /// Our containers there.
    pub containers: Vec<ContainerSample>,
    /// The host itself.
    pub usage: HostUsage,
}

/// For how many seconds a report is waited for: what comes later is not put with the others any more.
pub const REPORTS_WITHIN: i64 = 300;

/// What an agent sends: what it has measured since the server was there last, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostReports {
    /// What the agent's clock says as it sends this.
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
    /// The reports.
    pub reports: Vec<HostReport>,
}

/// What became of what an agent sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportsTaken {
    /// How many reports were taken in.
    pub taken: usize,
    /// How many were not, because the host had reported of that time or a later one before.
    pub known: usize,
    /// How many were not, because they came too late to be put with what others have told of that time.
    #[serde(default)]
    pub late: usize,
    /// What is wrong with the agent's clock; nothing while it is right to the minute. Reports are then taken as
    /// of the server's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
}
