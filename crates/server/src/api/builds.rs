//! Builds: runs from source to a version.

use axum::Json as Answer;
use axum::extract::State;
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use launcher_build::{About, LONGEST_SETTINGS};
use launcher_model::branch::LONGEST_BRANCH;
use launcher_model::build::Build;
use launcher_model::{BuildId, ServiceName};
use launcher_store::{BuildFilter, Page as Part};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::auth::Principal;
use crate::http::extract::{Path, Query};
use crate::http::page::{Page, PageQuery};
use crate::http::problem::Problem;
use crate::http::sse;

type Builds = Result<Answer<Page<Build>>, Problem>;

/// Which builds.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BuildQuery {
    /// Only of this branch.
    branch: Option<String>,
    /// `next` of the part before; nothing for the first.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 50 when nothing is said.
    limit: Option<u32>,
}

/// Lists all builds that the caller may see, newest first.
#[utoipa::path(get, path = "/builds", tag = "builds", params(BuildQuery),
    responses((status = 200, body = Page<Build>), (status = "4XX", body = Problem)))]
pub(super) async fn list_all(
    State(app): State<App>,
    principal: Principal,
    Query(query): Query<BuildQuery>,
) -> Builds {
    builds(&app, (None, principal.roles.only()), query).await
}

/// Lists a service's builds, newest first; also of one that was deleted.
#[utoipa::path(get, path = "/services/{service}/builds", tag = "builds",
    params(("service" = String, Path), BuildQuery),
    responses((status = 200, body = Page<Build>), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Path(service): Path<ServiceName>,
    Query(query): Query<BuildQuery>,
) -> Builds {
    if app.store.service(&service).await?.is_none() && !had_builds(&app, &service).await? {
        return Err(launcher_control::Error::NoService(service).into());
    }
    builds(&app, (Some(service), None), query).await
}

/// Whether anything was ever built of a service, though it is gone.
async fn had_builds(app: &App, service: &ServiceName) -> Result<bool, Problem> {
    let page = Part { before: None, limit: 1 };
    let filter = BuildFilter { service: Some(service.clone()), among: None, branch: None, page };
    Ok(!app.store.builds(&filter).await?.is_empty())
}

/// Of one service, or of those alone.
type Which = (Option<ServiceName>, Option<Vec<ServiceName>>);

async fn builds(app: &App, (service, among): Which, query: BuildQuery) -> Builds {
    let page = PageQuery { cursor: query.cursor, limit: query.limit };
    let limit = page.limit()?;
    let page = Part { before: page.before()?, limit: limit + 1 };
    let filter = BuildFilter { service, among, branch: query.branch, page };
    let found = app.store.builds(&filter).await?;
    Ok(Answer(Page::part(found, limit, |last| last.id.to_string())))
}

/// Builds a working copy that is sent in: `multipart/form-data` with the parts `settings` (the text of
/// its launcher.toml), `branch`, and at last `context`, a tar archive of the folder that is built.
#[utoipa::path(post, path = "/services/{service}/builds", tag = "builds",
    params(("service" = String, Path)),
    request_body(content_type = "multipart/form-data", content = String),
    responses((status = 202, body = Build), (status = "4XX", body = Problem)))]
pub(super) async fn upload(
    State(app): State<App>,
    principal: Principal,
    Path(service): Path<ServiceName>,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<(StatusCode, Answer<Build>), Problem> {
    let mut parts = parts.map_err(|error| malformed(error.status(), &error.body_text()))?;
    if app.store.service(&service).await?.is_none() {
        return Err(launcher_control::Error::NoService(service).into());
    }
    let upload = app.builds.upload().await?;
    let mut about = About { service, branch: None, by: principal.name };
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        match part.name() {
            Some("settings") => {
                upload.settings(&short(part, LONGEST_SETTINGS).await?).await?;
            }
            Some("branch") => {
                let name = short(part, LONGEST_BRANCH).await?;
                about.branch = Some(String::from_utf8_lossy(&name).into_owned());
            }
            Some("context") => upload.context(part).await?,
            other => {
                let detail =
                    format!("there is a part {other:?}; known are settings, branch and context");
                return Err(Problem::invalid(detail));
            }
        }
    }
    let queued = upload.finish(about).await?;
    Ok((StatusCode::ACCEPTED, Answer(queued.build)))
}

/// A part that is kept in memory.
async fn short(mut part: Field<'_>, most: usize) -> Result<Vec<u8>, Problem> {
    let mut text = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(broken)? {
        text.extend_from_slice(&piece);
        if text.len() > most {
            let name = part.name().unwrap_or_default();
            let detail = format!("the part {name} is longer than {most} bytes");
            return Err(Problem::malformed(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
    }
    Ok(text)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn broken(error: MultipartError) -> Problem {
    malformed(error.status(), &error.body_text())
}

fn malformed(status: StatusCode, why: &str) -> Problem {
    Problem::malformed(status, format!("the parts cannot be read: {why}"))
}

/// Shows a build.
#[utoipa::path(get, path = "/builds/{id}", tag = "builds", params(("id" = i64, Path)),
    responses((status = 200, body = Build), (status = "4XX", body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Path(id): Path<BuildId>,
) -> Result<Answer<Build>, Problem> {
    Ok(Answer(app.builds.find(id).await?))
}

/// Sends a build's log as server-sent events, from its beginning until the build is over: `entry` with
/// `{kind, at, …}`, and `end`.
#[utoipa::path(get, path = "/builds/{id}/log", tag = "builds", params(("id" = i64, Path)),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = "4XX", body = Problem)))]
pub(super) async fn log(
    State(app): State<App>,
    Path(id): Path<BuildId>,
) -> Result<Response, Problem> {
    let entries = app.builds.log(id).await?;
    let events = entries.map(|entry| sse::event("entry", &entry));
    let end = futures_util::stream::once(async { sse::event("end", &serde_json::json!({})) });
    Ok(sse::stream(events.chain(end)).into_response())
}

/// Cancels a build that waits or runs.
#[utoipa::path(post, path = "/builds/{id}/cancel", tag = "builds", params(("id" = i64, Path)),
    responses((status = 200, body = Build), (status = "4XX", body = Problem)))]
pub(super) async fn cancel(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<BuildId>,
) -> Result<Answer<Build>, Problem> {
    Ok(Answer(app.builds.cancel(id, &principal.name).await?))
}

/// Runs a build that is over again, as a new one.
#[utoipa::path(post, path = "/builds/{id}/retry", tag = "builds", params(("id" = i64, Path)),
    responses((status = 202, body = Build), (status = "4XX", body = Problem)))]
pub(super) async fn retry(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<BuildId>,
) -> Result<(StatusCode, Answer<Build>), Problem> {
    let queued = app.builds.retry(id, &principal.name).await?;
    Ok((StatusCode::ACCEPTED, Answer(queued.build)))
}
