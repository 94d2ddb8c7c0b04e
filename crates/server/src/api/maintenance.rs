//! Closing a service to its users, and opening it again.

use axum::Json as Answer;
use axum::extract::State;
use launcher_control::MaintainRequest;
use launcher_model::ServiceName;

use super::views::{MaintainedView, MaintenanceBody, MaintenanceView};
use crate::App;
use crate::auth::Principal;
use crate::http::extract::{Json, Path};
use crate::http::problem::Problem;

/// Shows whether a service is closed to its users, and what they see then.
#[utoipa::path(get, path = "/services/{service}/maintenance", tag = "services",
    params(("service" = String, Path)),
    responses((status = 200, body = MaintenanceView), (status = "4XX", body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Path(service): Path<ServiceName>,
) -> Result<Answer<MaintenanceView>, Problem> {
    if app.store.service(&service).await?.is_none() {
        return Err(launcher_control::Error::NoService(service).into());
    }
    Ok(Answer(app.store.maintenance(&service).await?.into()))
}

/// Has production answer 503 with the team's page, and answers when every connected edge has
/// acknowledged that. Previews, and requests that try a version, go on.
#[utoipa::path(put, path = "/services/{service}/maintenance", tag = "services",
    params(("service" = String, Path)), request_body = MaintenanceBody,
    responses((status = 200, body = MaintainedView), (status = "4XX", body = Problem)))]
pub(super) async fn begin(
    State(app): State<App>,
    principal: Principal,
    Path(service): Path<ServiceName>,
    Json(body): Json<MaintenanceBody>,
) -> Result<Answer<MaintainedView>, Problem> {
    let MaintenanceBody { page, retry_after, note } = body;
    let request = MaintainRequest { page, retry_after, note };
    let done = app.control.maintain(&service, request, &principal.name).await?;
    Ok(Answer(done.into()))
}

/// Opens a service again, and answers when every connected edge has acknowledged that. Its page is
/// remembered.
#[utoipa::path(delete, path = "/services/{service}/maintenance", tag = "services",
    params(("service" = String, Path)),
    responses((status = 200, body = MaintainedView), (status = "4XX", body = Problem)))]
pub(super) async fn end(
    State(app): State<App>,
    principal: Principal,
    Path(service): Path<ServiceName>,
) -> Result<Answer<MaintainedView>, Problem> {
    let done = app.control.reopen(&service, &principal.name).await?;
    Ok(Answer(done.into()))
}
