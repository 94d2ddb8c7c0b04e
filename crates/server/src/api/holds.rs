//! Holding a service's new requests, such as while its database is changed.

use axum::Json as Answer;
use axum::extract::State;
use launcher_model::ServiceName;

use super::views::{HeldView, HoldBody, ReleasedView};
use crate::App;
use crate::auth::Principal;
use crate::http::extract::{Json, Path};
use crate::http::problem::Problem;

/// Has new requests wait at every edge, and answers when what is in flight has come to rest, or half of
/// the time has passed.
#[utoipa::path(post, path = "/services/{service}/hold", tag = "deployments",
    params(("service" = String, Path)), request_body = HoldBody,
    responses((status = 200, body = HeldView), (status = "4XX", body = Problem)))]
pub(super) async fn hold(
    State(app): State<App>,
    principal: Principal,
    Path(service): Path<ServiceName>,
    Json(body): Json<HoldBody>,
) -> Result<Answer<HeldView>, Problem> {
    let rested = app.control.hold(&service, body.within, &principal.name).await?;
    Ok(Answer(HeldView { rested }))
}

/// Lets those go that wait.
#[utoipa::path(delete, path = "/services/{service}/hold", tag = "deployments",
    params(("service" = String, Path)),
    responses((status = 200, body = ReleasedView), (status = "4XX", body = Problem)))]
pub(super) async fn release(
    State(app): State<App>,
    principal: Principal,
    Path(service): Path<ServiceName>,
) -> Result<Answer<ReleasedView>, Problem> {
    let outcome = app.control.release(&service, &principal.name).await?;
    let (requests, longest_us, lapsed) = (outcome.requests, outcome.longest_us, outcome.lapsed);
    Ok(Answer(ReleasedView { requests, longest_us, lapsed }))
}
