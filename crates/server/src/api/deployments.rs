//! Deployments and rollbacks.

use axum::Json as Answer;
use axum::extract::State;
use launcher_control::{DeployRequest, Deployed, Target};
use launcher_model::route::Deployment;
use launcher_model::{ServiceName, Span};
use launcher_store::{DeploymentFilter, Made, Page as Part};

use super::views::{DeployBody, DeployedView, DeploymentPath, RollbackBody};
use crate::App;
use crate::access::Note;
use crate::auth::Principal;
use crate::http::extract::{Json, Path, Query};
use crate::http::idempotency::Call;
use crate::http::page::{Page, PageQuery};
use crate::http::problem::Problem;

type Deployments = Result<Answer<Page<Deployment>>, Problem>;

/// Lists all deployments that the caller may see, newest first.
#[utoipa::path(get, path = "/deployments", tag = "deployments", params(PageQuery),
    responses((status = 200, body = Page<Deployment>), (status = "4XX", body = Problem)))]
pub(super) async fn list_all(
    State(app): State<App>,
    principal: Principal,
    Query(page): Query<PageQuery>,
) -> Deployments {
    deployments(&app, (None, principal.roles.only()), &page).await
}

/// Lists a service's deployments, newest first.
#[utoipa::path(get, path = "/services/{service}/deployments", tag = "deployments",
    params(("service" = String, Path), PageQuery),
    responses((status = 200, body = Page<Deployment>), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Path(service): Path<ServiceName>,
    Query(page): Query<PageQuery>,
) -> Deployments {
    if app.store.service(&service).await?.is_none() {
        return Err(launcher_control::Error::NoService(service).into());
    }
    deployments(&app, (Some(service), None), &page).await
}

/// Of one service, or of those alone.
type Which = (Option<ServiceName>, Option<Vec<ServiceName>>);

async fn deployments(app: &App, (service, among): Which, page: &PageQuery) -> Deployments {
    let limit = page.limit()?;
    let part = Part { before: page.before()?, limit: limit + 1 };
    let found = app.store.deployments(&DeploymentFilter { service, among, page: part }).await?;
    Ok(Answer(Page::part(found, limit, |last| last.id.to_string())))
}

/// Shows a deployment and its receipt.
#[utoipa::path(get, path = "/services/{service}/deployments/{id}", tag = "deployments",
    params(("service" = String, Path), ("id" = i64, Path)),
    responses((status = 200, body = Deployment), (status = "4XX", body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Path((service, id)): Path<DeploymentPath>,
) -> Result<Answer<Deployment>, Problem> {
    let deployment = app.store.deployment(id).await?;
    let own = deployment.filter(|deployment| deployment.service == service);
    own.map(Answer).ok_or_else(|| Problem::missing(format!("{service} has no deployment {id}")))
}

/// Makes a version live, or several with shares, or takes the service offline, and answers when every edge has acknowledged.
#[utoipa::path(post, path = "/services/{service}/deployments", tag = "deployments",
    params(("service" = String, Path)), request_body = DeployBody,
    responses((status = 200, body = DeployedView), (status = "4XX", body = Problem)))]
pub(super) async fn deploy(
    State(app): State<App>,
    principal: Principal,
    call: Call,
    note: Note,
    Path(service): Path<ServiceName>,
    Json(body): Json<DeployBody>,
) -> Result<Answer<DeployedView>, Problem> {
    if let Some(version) = body.version {
        note.version(version);
    }
    let request = DeployRequest {
        note: body.note.clone(),
        force: body.force,
        hold: body.hold.map(Span::duration),
        ..DeployRequest::new(service, target(&body)?, principal.name)
    };
    switch(&app, call, request).await
}

fn target(body: &DeployBody) -> Result<Target, Problem> {
    match (body.version, body.weight, &body.split, body.offline) {
        (Some(version), None, None, false) => Ok(Target::Deploy(version)),
        (Some(version), Some(weight), None, false) => Ok(Target::Share(version, weight)),
        (None, None, Some(split), false) => {
            Ok(Target::Split(split.iter().map(|share| (share.version, share.weight)).collect()))
        }
        (None, None, None, true) => Ok(Target::Offline),
        _ => Err(Problem::invalid(
            "say either version, and weight if it shall not have everything, or split, or offline",
        )),
    }
}

/// Makes an earlier version live again: the one that had all traffic before, or any that is kept.
#[utoipa::path(post, path = "/services/{service}/rollback", tag = "deployments",
    params(("service" = String, Path)), request_body = RollbackBody,
    responses((status = 200, body = DeployedView), (status = "4XX", body = Problem)))]
pub(super) async fn rollback(
    State(app): State<App>,
    principal: Principal,
    call: Call,
    note: Note,
    Path(service): Path<ServiceName>,
    Json(body): Json<RollbackBody>,
) -> Result<Answer<DeployedView>, Problem> {
    if let Some(version) = body.version {
        note.version(version);
    }
    let target = body.version.map_or(Target::RollbackToPrevious, Target::RollbackTo);
    let request = DeployRequest {
        note: body.note,
        hold: body.hold.map(Span::duration),
        ..DeployRequest::new(service, target, principal.name)
    };
    switch(&app, call, request).await
}

/// As long as a note may be, in characters.
const LONGEST_NOTE: usize = 2000;

async fn switch(
    app: &App,
    call: Call,
    request: DeployRequest,
) -> Result<Answer<DeployedView>, Problem> {
    if request.note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        return Err(Problem::invalid(format!("a note has at most {LONGEST_NOTE} characters")));
    }
    let deployed = match call.made {
        Some(Made::Deployment(id)) => app.control.deployed(&request.service, id).await?,
        _ => app.control.deploy(DeployRequest { key: call.key, ..request }).await?,
    };
    let Deployed { deployment, changed, warnings } = deployed;
    Ok(Answer(DeployedView { changed, warnings, deployment }))
}
