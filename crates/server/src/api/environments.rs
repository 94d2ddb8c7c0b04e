//! What may be done to an environment.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use launcher_control::Started;
use launcher_model::{ServiceName, VersionNumber};

use super::views::{EnvironmentSummary, ScaleBody};
use crate::App;
use crate::auth::Principal;
use crate::http::extract::{Json, Path};
use crate::http::problem::Problem;

type Which = Path<(ServiceName, VersionNumber)>;
type Summary = Result<(StatusCode, Answer<EnvironmentSummary>), Problem>;

/// Starts a stopped environment again.
#[utoipa::path(post, path = "/services/{service}/versions/{version}/start", tag = "environments",
    params(("service" = String, Path), ("version" = u32, Path)),
    responses((status = 200, description = "It runs already", body = EnvironmentSummary),
        (status = 202, body = EnvironmentSummary), (status = "4XX", body = Problem)))]
pub(super) async fn start(
    State(app): State<App>,
    principal: Principal,
    Path((service, number)): Which,
) -> Summary {
    let status = match app.control.start_environment(&service, number, &principal.name).await? {
        Started::Runs(_) => StatusCode::OK,
        Started::Starts(_) => StatusCode::ACCEPTED,
    };
    summary(&app, &service, number, status).await
}

/// Stops an environment that is not live; its containers are kept.
#[utoipa::path(post, path = "/services/{service}/versions/{version}/stop", tag = "environments",
    params(("service" = String, Path), ("version" = u32, Path)),
    responses((status = 202, body = EnvironmentSummary), (status = "4XX", body = Problem)))]
pub(super) async fn stop(
    State(app): State<App>,
    principal: Principal,
    Path((service, number)): Which,
) -> Summary {
    app.control.stop(&service, number, &principal.name).await?;
    summary(&app, &service, number, StatusCode::ACCEPTED).await
}

/// Changes how many containers an environment has.
#[utoipa::path(post, path = "/services/{service}/versions/{version}/scale", tag = "environments",
    params(("service" = String, Path), ("version" = u32, Path)), request_body = ScaleBody,
    responses((status = 202, body = EnvironmentSummary), (status = "4XX", body = Problem)))]
pub(super) async fn scale(
    State(app): State<App>,
    principal: Principal,
    Path((service, number)): Which,
    Json(body): Json<ScaleBody>,
) -> Summary {
    app.control.scale(&service, number, body.replicas, &principal.name).await?;
    summary(&app, &service, number, StatusCode::ACCEPTED).await
}

/// Has retention leave an environment alone.
#[utoipa::path(post, path = "/services/{service}/versions/{version}/pin", tag = "environments",
    params(("service" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = EnvironmentSummary), (status = "4XX", body = Problem)))]
pub(super) async fn pin(
    State(app): State<App>,
    principal: Principal,
    Path((service, number)): Which,
) -> Summary {
    app.control.pin(&service, number, true, &principal.name).await?;
    summary(&app, &service, number, StatusCode::OK).await
}

/// Has retention treat an environment as any other.
#[utoipa::path(post, path = "/services/{service}/versions/{version}/unpin", tag = "environments",
    params(("service" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = EnvironmentSummary), (status = "4XX", body = Problem)))]
pub(super) async fn unpin(
    State(app): State<App>,
    principal: Principal,
    Path((service, number)): Which,
) -> Summary {
    app.control.pin(&service, number, false, &principal.name).await?;
    summary(&app, &service, number, StatusCode::OK).await
}

/// Removes an environment's containers, unless it is live or pinned; its record stays.
#[utoipa::path(delete, path = "/services/{service}/versions/{version}", tag = "environments",
    params(("service" = String, Path), ("version" = u32, Path)),
    responses((status = 202, body = EnvironmentSummary), (status = "4XX", body = Problem)))]
pub(super) async fn destroy(
    State(app): State<App>,
    principal: Principal,
    Path((service, number)): Which,
) -> Summary {
    app.control.destroy(&service, number, &principal.name).await?;
    summary(&app, &service, number, StatusCode::ACCEPTED).await
}

async fn summary(
    app: &App,
    service: &ServiceName,
    number: VersionNumber,
    status: StatusCode,
) -> Summary {
    let view = app.control.environment(service, number).await?;
    Ok((status, Answer(EnvironmentSummary::new(&view, &app.settings))))
}
