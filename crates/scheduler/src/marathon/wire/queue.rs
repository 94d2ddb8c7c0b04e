//! The queue of what is to be started.

use serde::Deserialize;

use super::app::App;
use super::{count, or_default};

/// `GET /v2/queue`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::marathon) struct Queue {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) queue: Vec<Queued>,
}

/// What is to be started of one app.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::marathon) struct Queued {
    /// None for a pod.
    #[serde(default)]
    pub(in crate::marathon) app: Option<App>,
    #[serde(default, deserialize_with = "count")]
    pub(in crate::marathon) count: u32,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) delay: Delay,
    /// Since 1.4.
    #[serde(default)]
    pub(in crate::marathon) processed_offers_summary: Option<Offers>,
}

/// Until when nothing is started, after failures.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::marathon) struct Delay {
    #[serde(default, deserialize_with = "count")]
    pub(in crate::marathon) time_left_seconds: u32,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) overdue: bool,
}

/// What became of the offers that were looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::marathon) struct Offers {
    #[serde(default, deserialize_with = "count")]
    pub(in crate::marathon) processed_offers_count: u32,
    /// A funnel: what one stage declines does not come to the next.
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) reject_summary_last_offers: Vec<Stage>,
}

/// One stage of the funnel.
#[derive(Debug, Clone, Default, Deserialize)]
pub(in crate::marathon) struct Stage {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) reason: String,
    #[serde(default, deserialize_with = "count")]
    pub(in crate::marathon) declined: u32,
    #[serde(default, deserialize_with = "count")]
    pub(in crate::marathon) processed: u32,
}
