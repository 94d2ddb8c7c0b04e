//! Services that are closed to their users.

use jiff::Timestamp;
use launcher_control::Maintained;
use launcher_model::{EdgeName, Span};
use launcher_store::{Maintenance, MaintenanceRecord};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What users shall see of a service that is closed to them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceBody {
    /// The team's page, in HTML, at most 256 KiB. The one that was given last is shown when nothing is
    /// said, also from the time before; an empty one has that forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// When it is worth coming again, as `Retry-After` tells it; `5m` when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// That a service is closed to its users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceSummary {
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Who closed it.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When users are told to come again.
    pub retry_after: Span,
}

impl From<Maintenance> for MaintenanceSummary {
    fn from(maintenance: Maintenance) -> Self {
        let Maintenance { since, by, note, retry_after_s } = maintenance;
        Self { since, by, note, retry_after: Span::secs(retry_after_s.into()) }
    }
}

/// Whether a service is closed to its users, and what they see then.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceView {
    /// It is; nothing while it is not.
    pub on: Option<MaintenanceSummary>,
    /// The team's page, remembered while it is not; a plain one is shown when there is none.
    pub page: Option<String>,
}

impl From<MaintenanceRecord> for MaintenanceView {
    fn from(record: MaintenanceRecord) -> Self {
        Self { on: record.on.map(Into::into), page: record.page }
    }
}

/// What closing or opening a service did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MaintainedView {
    /// False when it was so already.
    pub changed: bool,
    /// It is closed; nothing when it is open.
    pub on: Option<MaintenanceSummary>,
    /// The length of the team's page that is shown or remembered, in bytes; 0 when there is none.
    pub page_bytes: usize,
    /// The edges, and whether each has acknowledged it.
    pub edges: Vec<AcknowledgementView>,
}

/// Whether an edge has acknowledged a change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AcknowledgementView {
    /// The edge.
    pub edge: EdgeName,
    /// Why it has not: it serves as before until it does. Nothing when it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

impl From<Maintained> for MaintainedView {
    fn from(done: Maintained) -> Self {
        let Maintained { changed, record: MaintenanceRecord { on, page }, edges } = done;
        let told = |(edge, outcome): (_, Result<(), _>)| AcknowledgementView {
            edge,
            missing: outcome.err(),
        };
        Self {
            changed,
            on: on.map(Into::into),
            page_bytes: page.map_or(0, |page| page.len()),
            edges: edges.into_iter().map(told).collect(),
        }
    }
}
