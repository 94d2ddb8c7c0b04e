//! Deployments: changes that Marathon is still making.

use serde::Deserialize;

use super::app::{App, Identified};
use super::or_default;

/// One of `GET /v2/deployments`. What its steps are has three forms over the versions, and does not
/// matter here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::marathon) struct Deployment {
    pub(in crate::marathon) id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) affected_apps: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) affected_pods: Vec<String>,
}

/// What a call that starts a deployment answers: most say `deploymentId`, and the creation of an app
/// `deployments`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::marathon) struct Begun {
    #[serde(default)]
    deployment_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    deployments: Vec<Identified>,
}

impl Begun {
    /// The deployment.
    pub(in crate::marathon) fn id(self) -> Option<String> {
        self.deployment_id.or_else(|| self.deployments.into_iter().next().map(|known| known.id))
    }
}

impl From<App> for Begun {
    fn from(app: App) -> Self {
        Self { deployment_id: None, deployments: app.deployments }
    }
}
