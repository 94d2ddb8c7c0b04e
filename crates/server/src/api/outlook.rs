//! What a deployment would do, of a version or of none that is named.

use axum::Json as Answer;
use axum::extract::State;
use launcher_control::Target;
use launcher_model::route::DeploymentKind;
use launcher_model::{ServiceName, VersionNumber, Weight};
use serde::Deserialize;
use utoipa::IntoParams;

use super::views::OutlookView;
use crate::App;
use crate::http::extract::{Path, Query};
use crate::http::problem::Problem;
use crate::outlook;

/// Which deployment of the version.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OutlookQuery {
    /// Its share of the traffic in percent, all of it when nothing is said.
    weight: Option<Weight>,
    /// As a rollback, which is possible during a freeze too.
    #[serde(default)]
    back: bool,
}

/// Says what making a version live would do, and changes nothing.
#[utoipa::path(get, path = "/services/{service}/versions/{version}/outlook", tag = "deployments",
    params(("service" = String, Path), ("version" = u32, Path), OutlookQuery),
    responses((status = 200, body = OutlookView), (status = "4XX", body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Path((service, version)): Path<(ServiceName, VersionNumber)>,
    Query(query): Query<OutlookQuery>,
) -> Result<Answer<OutlookView>, Problem> {
    let target = match (query.weight, query.back) {
        (None, false) => outlook::target(version, DeploymentKind::Deploy),
        (None, true) => outlook::target(version, DeploymentKind::Rollback),
        (Some(weight), false) => Target::Share(version, weight),
        (Some(_), true) => {
            return Err(Problem::invalid(
                "a rollback gives a version everything: leave weight out",
            ));
        }
    };
    outlook::outlook(&app, &service, target).await.map(Answer)
}

/// Which deployment without a version.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UnnamedQuery {
    /// `rollback`, to the version that had all traffic before, or `offline`, to none.
    #[param(value_type = String)]
    kind: DeploymentKind,
}

/// Says what a rollback would do, or taking the service offline, and changes nothing.
#[utoipa::path(get, path = "/services/{service}/outlook", tag = "deployments",
    params(("service" = String, Path), UnnamedQuery),
    responses((status = 200, body = OutlookView), (status = "4XX", body = Problem)))]
pub(super) async fn unnamed(
    State(app): State<App>,
    Path(service): Path<ServiceName>,
    Query(query): Query<UnnamedQuery>,
) -> Result<Answer<OutlookView>, Problem> {
    let target = match query.kind {
        DeploymentKind::Rollback => Target::RollbackToPrevious,
        DeploymentKind::Offline => Target::Offline,
        DeploymentKind::Deploy => {
            return Err(Problem::invalid(format!(
                "a deployment is of a version: ask for /api/v1/services/{service}/versions/VERSION/outlook"
            )));
        }
    };
    outlook::outlook(&app, &service, target).await.map(Answer)
}
