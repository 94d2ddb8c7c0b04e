//! What Mesos says of its agents. Most counts are written as numbers with a point.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::marathon::wire::{count, or_default};

/// `GET /master/slaves`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::marathon) struct Agents {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) slaves: Vec<Agent>,
    /// Known from before the master was elected, and not back yet.
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) recovered_slaves: Vec<Agent>,
}

/// An agent.
#[derive(Debug, Clone, Default, Deserialize)]
pub(in crate::marathon) struct Agent {
    pub(in crate::marathon) id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) hostname: String,
    /// `slave(1)@ip:port`.
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) pid: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) attributes: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) resources: Resources,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) used_resources: Resources,
    #[serde(default)]
    pub(in crate::marathon) active: Option<bool>,
    /// Since 1.9.
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) deactivated: bool,
    /// Since 1.9; there while it is drained.
    #[serde(default)]
    pub(in crate::marathon) drain_info: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) version: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) capabilities: Vec<String>,
    /// Only in `/master/state-summary`.
    #[serde(default, rename = "TASK_RUNNING", deserialize_with = "count")]
    pub(in crate::marathon) running: u32,
}

/// Scalars alone; the ports are text, and absent when there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub(in crate::marathon) struct Resources {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) cpus: f64,
    /// In MiB.
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) mem: f64,
}
