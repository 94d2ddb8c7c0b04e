//! Versions.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use launcher_control::LaunchRequest;
use launcher_model::service::ServiceSpec;
use launcher_model::{ServiceName, VersionNumber};
use launcher_store::Made;

use super::views::{LaunchBody, VersionView};
use crate::App;
use crate::access::Note;
use crate::auth::Principal;
use crate::http::extract::{Json, Path, Query};
use crate::http::idempotency::Call;
use crate::http::page::{Page, PageQuery};
use crate::http::problem::Problem;

/// Lists a service's versions, newest first.
#[utoipa::path(get, path = "/services/{service}/versions", tag = "versions",
    params(("service" = String, Path), PageQuery),
    responses((status = 200, body = Page<VersionView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Path(service): Path<ServiceName>,
    Query(page): Query<PageQuery>,
) -> Result<Answer<Page<VersionView>>, Problem> {
    let limit = page.limit()?;
    let before = page.before()?.map(|number| VersionNumber(u32::try_from(number).unwrap_or(0)));
    let (_, environments) = app.control.environments(&service, true).await?;
    let spec = spec(&app, &service).await?;
    let branches = app.store.branches(&service).await?;
    let versions = app.store.versions(&service, before, limit + 1).await?;
    let views = versions.into_iter().filter_map(|version| {
        let mut views = environments.iter();
        let view = views.find(|view| view.environment.version == version.number)?;
        let try_pass = app.control.trial_pass(&service, version.number);
        Some(VersionView::new(version, view, &spec, try_pass, &branches, &app.settings))
    });
    let cursor = |last: &VersionView| last.version.number.0.to_string();
    Ok(Answer(Page::part(views.collect(), limit, cursor)))
}

/// Launches an image: numbers a new version, whose environment comes to be by itself.
#[utoipa::path(post, path = "/services/{service}/versions", tag = "versions",
    params(("service" = String, Path)), request_body = LaunchBody,
    responses((status = 202, body = VersionView), (status = "4XX", body = Problem)))]
pub(super) async fn launch(
    State(app): State<App>,
    principal: Principal,
    call: Call,
    note: Note,
    Path(service): Path<ServiceName>,
    Json(body): Json<LaunchBody>,
) -> Result<(StatusCode, Answer<VersionView>), Problem> {
    let number = launched(&app, &service, body, call, &principal.name).await?;
    note.version(number);
    let version = show(State(app), Path((service, number))).await?;
    Ok((StatusCode::ACCEPTED, version))
}

/// Launches what is asked for; or finds what the same call has launched before.
///
/// # Errors
/// When it cannot be launched.
pub(crate) async fn launched(
    app: &App,
    service: &ServiceName,
    body: LaunchBody,
    call: Call,
    by: &str,
) -> Result<VersionNumber, Problem> {
    if let Some(Made::Version(number)) = call.made {
        return Ok(number);
    }
    let LaunchBody { image, commit, branch, subject, author } = body;
    let request = LaunchRequest::new(service.clone(), by);
    let request =
        LaunchRequest { image, commit, branch, subject, author, key: call.key, ..request };
    Ok(app.control.launch(request).await?.0.number)
}

/// Shows a version and its environment.
#[utoipa::path(get, path = "/services/{service}/versions/{version}", tag = "versions",
    params(("service" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = VersionView), (status = "4XX", body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Path((service, number)): Path<(ServiceName, VersionNumber)>,
) -> Result<Answer<VersionView>, Problem> {
    let view = app.control.environment(&service, number).await?;
    let version = app.store.version(&service, number).await?;
    let version =
        version.ok_or_else(|| launcher_control::Error::NoVersion(service.clone(), number))?;
    let spec = spec(&app, &service).await?;
    let try_pass = app.control.trial_pass(&service, number);
    let branches = app.store.branches(&service).await?;
    Ok(Answer(VersionView::new(version, &view, &spec, try_pass, &branches, &app.settings)))
}

async fn spec(app: &App, service: &ServiceName) -> Result<ServiceSpec, Problem> {
    let found = app.store.service(service).await?;
    Ok(found.ok_or_else(|| launcher_control::Error::NoService(service.clone()))?.spec)
}
