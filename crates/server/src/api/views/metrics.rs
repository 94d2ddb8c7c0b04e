//! What was measured.

use jiff::Timestamp;
use launcher_model::route::Deployment;
use launcher_model::{DeploymentId, VersionNumber};
use launcher_telemetry::Answer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::graphs::{Picture, Subject, signed};

/// What was measured of a service's environments, and what was deployed meanwhile.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MetricsView {
    /// The numbers.
    #[serde(flatten)]
    pub measured: Answer,
    /// What was deployed, oldest first.
    pub deployments: Vec<MarkView>,
}

/// A deployment, as it is marked in a graph.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MarkView {
    /// Which.
    pub id: DeploymentId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What has been live since, in part at least.
    pub versions: Vec<VersionNumber>,
}

impl MarkView {
    pub(crate) fn new(deployment: &Deployment) -> Self {
        Self {
            id: deployment.id,
            at: deployment.created_at,
            versions: deployment.to.keys().copied().collect(),
        }
    }
}

/// Where a graph can be looked at: whole addresses where the server's `url` is set, and paths else.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GraphView {
    /// What it shows.
    pub name: &'static str,
    /// As SVG.
    pub svg: String,
    /// As PNG.
    pub png: String,
    /// As Graphite draws it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graphite: Option<String>,
}

impl GraphView {
    /// One at addresses that carry a signature.
    pub(crate) fn signed(
        app: &App,
        name: &'static str,
        subject: Subject<'_>,
        picture: &Picture,
    ) -> Self {
        let url = |format| signed(app, subject, format, picture);
        let by_graphite = app.telemetry.graphite_to_ask().is_some();
        Self {
            name,
            svg: url("svg"),
            png: url("png"),
            graphite: by_graphite.then(|| url("graphite.png")),
        }
    }
}
