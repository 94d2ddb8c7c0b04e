//! What Marathon says of itself.

use serde::Deserialize;

use super::or_default;

/// `GET /v2/info`.
#[derive(Debug, Deserialize)]
pub(in crate::marathon) struct Info {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) version: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) marathon_config: Settings,
}

/// `marathon_config`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::marathon) struct Settings {
    #[serde(default)]
    pub(in crate::marathon) mesos_leader_ui_url: Option<String>,
    /// Where ZooKeeper has it, or `host:port`.
    #[serde(default)]
    pub(in crate::marathon) master: Option<String>,
}

/// `GET /v2/eventSubscriptions`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::marathon) struct Subscriptions {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) callback_urls: Vec<String>,
}
