//! `[metrics]`: what is measured.

use launcher_model::Bytes;
use launcher_telemetry::embedded::MOST_BYTES;
use serde::Deserialize;

/// What is measured, and how much of it is kept.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metrics {
    /// How large the file may become in which it is kept.
    keep_at_most: Option<Bytes>,
}

impl Metrics {
    /// In bytes.
    pub(crate) fn keep_at_most(&self) -> u64 {
        self.keep_at_most.map_or(MOST_BYTES, |bytes| bytes.0)
    }
}
