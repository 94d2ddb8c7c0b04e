//! Routes and deployments: where production traffic goes, and each change of that.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{DeploymentId, EdgeName, Generation, ServiceName, Span, VersionNumber, Weight};

/// The longest time that new requests may be made to wait around a switch or a migration.
pub const LONGEST_HOLD: Span = Span::secs(60);

/// Shares of the production traffic.
pub type Weights = BTreeMap<VersionNumber, Weight>;

/// Where a service's production traffic goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// Whose traffic.
    pub service: ServiceName,
    /// How often it was changed.
    pub generation: Generation,
    /// Shares; empty while nothing is live.
    #[schema(value_type = BTreeMap<String, u8>)]
    pub weights: Weights,
}

impl Route {
    /// That of a service which was never deployed.
    #[must_use]
    pub fn none(service: ServiceName) -> Self {
        Self { service, generation: Generation(0), weights: Weights::new() }
    }

    /// The versions that production traffic goes to.
    pub fn live(&self) -> impl Iterator<Item = VersionNumber> + '_ {
        self.weights.iter().filter(|(_, weight)| weight.percent() > 0).map(|(version, _)| *version)
    }

    /// Whether production traffic goes to a version.
    #[must_use]
    pub fn is_live(&self, version: VersionNumber) -> bool {
        self.live().any(|live| live == version)
    }
}

/// What a deployment was asked for as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentKind {
    /// A version was made live.
    Deploy,
    /// An earlier one was made live again.
    Rollback,
    /// Nothing was made live: the service was taken offline, or is being deleted.
    Offline,
}

/// How far a deployment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// The target's containers are being started first.
    Starting,
    /// Every edge is asked to get ready; nothing has changed.
    Preparing,
    /// The route is decided, and edges are flipping.
    Committing,
    /// The target is live everywhere; what was in flight on the versions that left runs out.
    Draining,
    /// Over, and the receipt is final.
    Done,
    /// Nothing was changed anywhere.
    Aborted,
}

impl DeploymentState {
    /// The state's name, as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Preparing => "preparing",
            Self::Committing => "committing",
            Self::Draining => "draining",
            Self::Done => "done",
            Self::Aborted => "aborted",
        }
    }

    /// Whether another deployment of the same service must wait for it.
    #[must_use]
    pub fn blocks_others(self) -> bool {
        matches!(self, Self::Starting | Self::Preparing | Self::Committing)
    }
}

/// One change of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    /// Counted over the whole installation.
    pub id: DeploymentId,
    /// Whose route.
    pub service: ServiceName,
    /// What it was asked for as.
    pub kind: DeploymentKind,
    /// How far it has come.
    pub state: DeploymentState,
    /// Shares before.
    #[schema(value_type = BTreeMap<String, u8>)]
    pub from: Weights,
    /// Shares after.
    #[schema(value_type = BTreeMap<String, u8>)]
    pub to: Weights,
    /// The route's generation after it, once decided.
    pub generation: Option<Generation>,
    /// Who asked for it.
    pub by: String,
    /// Nobody did: it went live by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
    /// The newest version that there was when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<VersionNumber>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// Why it was aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_reason: Option<String>,
    /// What it did, measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

/// What a deployment did, measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Microseconds from the call until every edge had acknowledged, without the time to start containers.
    pub switch_us: u64,
    /// Milliseconds that starting the target's containers took first; 0 when they ran.
    pub start_ms: u64,
    /// Microseconds between the first and the last edge's flip, as far as it can be told from their
    /// acknowledgements.
    pub skew_us: u64,
    /// Requests in flight on the versions that left, at the flip, over all edges.
    pub in_flight_requests: u64,
    /// Upgraded connections on them.
    pub in_flight_connections: u64,
    /// Of those: ended by themselves.
    pub drained: u64,
    /// Requests that failed on the versions that left, after the flip.
    pub failed: u64,
    /// Cut off by the drain deadline.
    pub cut: u64,
    /// WebSockets and streams of events that were ended one by one, for their clients to come again.
    #[serde(default)]
    pub moved: u64,
    /// A version that left went live again before it had drained.
    pub superseded: bool,
    /// The deployment that made it live again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<DeploymentId>,
    /// Milliseconds until the last edge had drained; none while one still drains.
    pub drain_ms: Option<u64>,
    /// The server was restarted in the middle, and finished what had been decided.
    #[serde(default)]
    pub recovered: bool,
    /// How new requests waited around the flip, when that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldReceipt>,
    /// Each edge's part.
    pub edges: Vec<EdgeReceipt>,
}

impl Receipt {
    /// Requests and upgraded connections in flight on the versions that left, at the flip.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight_requests + self.in_flight_connections
    }

    /// What took the drain over before it was over, in words: then nothing is said of how the rest ended.
    #[must_use]
    pub fn taken_over_by(&self) -> Option<String> {
        let by = || match self.superseded_by {
            Some(id) => format!("deployment {id}"),
            None => "a later deployment".to_owned(),
        };
        self.superseded.then(by)
    }

    /// Of what was in flight: what was so still when the drain was taken over, and went on.
    #[must_use]
    pub fn went_on(&self) -> u64 {
        let ended = [self.drained, self.failed, self.cut, self.moved];
        let ended = ended.into_iter().fold(0, u64::saturating_add);
        if self.superseded { self.in_flight().saturating_sub(ended) } else { 0 }
    }
}

/// How new requests waited around a flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldReceipt {
    /// Requests that waited, over all edges; also those whose client gave up.
    pub requests: u64,
    /// Microseconds that the longest of them waited.
    pub longest_us: u64,
    /// What was in flight had come to rest everywhere before the flip.
    pub rested: bool,
    /// On some edge the deadline passed before they were released.
    pub lapsed: bool,
}

/// One edge's part in a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EdgeReceipt {
    /// Which.
    pub edge: EdgeName,
    /// Microseconds until its answer to prepare.
    pub prepare_us: u64,
    /// Microseconds from the commit until its acknowledgement.
    pub commit_us: u64,
    /// Endpoints that it checked from its own place.
    pub checked: u32,
    /// Why it was fenced: it prepared, but did not acknowledge, or it was away. It serves what it had, and
    /// is given the new route when it is back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fenced: Option<String>,
}
