//! Deployments, and requests that are held.

use launcher_model::{DeploymentId, ServiceName, Span, VersionNumber, Weight};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to make live: `version`, or `split`, or with `offline` nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployBody {
    /// The version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// Its share of the traffic in percent, all of it when nothing is said. The rest stays with what is
    /// live, in proportion; 0 takes the version out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
    /// Several versions with their shares, which sum to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Vec<ShareBody>>,
    /// Nothing: the service is taken offline, and its users get 503. A rollback puts live again what was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offline: bool,
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Also during a freeze. Needs a `note`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// How long new requests may wait around the flip, such as `5s`, so that what is in flight comes to rest
    /// before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
}

/// A version's share of the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareBody {
    /// The version.
    pub version: VersionNumber,
    /// Its share in percent.
    pub weight: Weight,
}

/// Which version to go back to.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// The version; the one that had all traffic before when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How long new requests may wait around the flip, such as `5s`, so that what is in flight comes to rest
    /// before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
}

/// What a deployment became.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeployedView {
    /// False when the target was live already: then this is the deployment that made it so.
    pub changed: bool,
    /// What whoever asked should know, a sentence each: of freezes, that is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The deployment.
    #[serde(flatten)]
    pub deployment: launcher_model::route::Deployment,
}

/// A deployment's number in a path.
pub(crate) type DeploymentPath = (ServiceName, DeploymentId);

/// How long new requests shall wait.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    /// At most, such as `30s`; then they are let go by themselves.
    #[serde(rename = "for")]
    pub within: Span,
}

/// That new requests wait.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HeldView {
    /// What was in flight has come to rest.
    pub rested: bool,
}

/// How requests waited that were let go.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReleasedView {
    /// How many, over all edges; also those whose client gave up.
    pub requests: u64,
    /// Microseconds that the longest of them waited.
    pub longest_us: u64,
    /// On some edge the time had passed before.
    pub lapsed: bool,
}
