//! A door to what counts nginx's log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use launcher_model::{ServiceName, VersionNumber};

use super::{Counts, Inner};

/// What is counted of one version.
#[derive(Debug, PartialEq, Eq)]
pub struct NginxCounts {
    /// Requests answered, by the class of the status.
    pub requests: [u64; 5],
    /// Those that were sent a second time.
    pub retried: u64,
    /// Those whose container has brought no answer.
    pub failed: u64,
    /// Bytes of bodies.
    pub received: u64,
    /// Bytes of bodies.
    pub sent: u64,
}

/// Counts lines of the log, of one version.
pub fn nginx_log<'l>(
    service: ServiceName,
    version: VersionNumber,
    lines: impl Iterator<Item = &'l [u8]>,
) -> NginxCounts {
    let versions = BTreeMap::from([((service, version), Counts::default())]);
    let mut inner = Inner { path: PathBuf::new(), log: None, versions, looked: BTreeSet::new() };
    lines.for_each(|line| inner.count(line));
    let counts = inner.versions.into_values().next().unwrap_or_default();
    NginxCounts {
        requests: counts.requests,
        retried: counts.retried,
        failed: counts.failed_live + counts.failed_previews,
        received: counts.received,
        sent: counts.sent,
    }
}
