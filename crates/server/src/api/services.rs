//! Services.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::service::{ServiceSpec, differences};
use launcher_store::PutOutcome;
use serde::Deserialize;
use utoipa::IntoParams;

use super::views::{AutoView, PutView, PutWord, ServiceView};
use crate::auth::Principal;
use crate::http::extract::{Json, Path, Query};
use crate::http::page::{Page, PageQuery};
use crate::http::problem::Problem;
use crate::http::tag::Tag;
use crate::{App, Settings};

/// Lists the services that the caller may see, by name.
#[utoipa::path(get, path = "/services", tag = "services", params(PageQuery),
    responses((status = 200, body = Page<ServiceView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    principal: Principal,
    Query(page): Query<PageQuery>,
) -> Result<Answer<Page<ServiceView>>, Problem> {
    let limit = page.limit()?;
    let after = page.cursor.as_deref().unwrap_or_default();
    let services = app.store.services().await?;
    let from_here = services.into_iter().filter(|service| {
        let name = &service.spec.service.name;
        name.as_str() > after && principal.roles.see(name)
    });
    let mut views = Vec::new();
    for service in from_here.take(limit as usize + 1) {
        views.push(view(&app, service).await?);
    }
    Ok(Answer(Page::part(views, limit, |last| last.name.to_string())))
}

/// Creates a service.
#[utoipa::path(post, path = "/services", tag = "services", request_body = ServiceSpec,
    responses((status = 200, description = "It is there already, with these settings",
            body = ServiceView),
        (status = 201, body = ServiceView), (status = "4XX", body = Problem)))]
pub(super) async fn create(
    State(app): State<App>,
    principal: Principal,
    Json(spec): Json<ServiceSpec>,
) -> Result<(StatusCode, Answer<ServiceView>), Problem> {
    let status = match settle(&app, &spec, How::Create, &principal.name).await?.outcome {
        PutWord::Created => StatusCode::CREATED,
        PutWord::Changed | PutWord::Unchanged => StatusCode::OK,
    };
    Ok((status, Answer(one(&app, &spec.service.name).await?)))
}

/// Shows a service.
#[utoipa::path(get, path = "/services/{service}", tag = "services",
    params(("service" = String, Path)),
    responses((status = 200, body = ServiceView,
            headers(("ETag" = String, description = "Tells its settings from those before and after; \
                for `If-Match`"))),
        (status = "4XX", body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Path(name): Path<ServiceName>,
) -> Result<(Tag, Answer<ServiceView>), Problem> {
    let view = one(&app, &name).await?;
    Ok((Tag(view.changed_at), Answer(view)))
}

/// Whether to change anything.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PutQuery {
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
}

/// Creates a service or replaces its settings. Versions that exist keep theirs.
#[utoipa::path(put, path = "/services/{service}", tag = "services", request_body = ServiceSpec,
    params(("service" = String, Path), PutQuery,
        ("If-Match" = Option<String>, Header,
            description = "Only when the service still has the settings with this `ETag`; 412 if not")),
    responses((status = 200, body = PutView), (status = "4XX", body = Problem)))]
pub(super) async fn put(
    State(app): State<App>,
    principal: Principal,
    Path(name): Path<ServiceName>,
    Query(query): Query<PutQuery>,
    seen: Option<Tag>,
    Json(spec): Json<ServiceSpec>,
) -> Result<Answer<PutView>, Problem> {
    if spec.service.name != name {
        let detail = format!("the body names the service {}, the path {name}", spec.service.name);
        return Err(Problem::invalid(detail));
    }
    let how = match seen {
        _ if query.dry_run => How::Look,
        Some(Tag(seen)) => How::Change(seen),
        None => How::Put,
    };
    settle(&app, &spec, how, &principal.name).await.map(Answer)
}

/// What becomes of a service's settings.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// They are those of a new service.
    Create,
    /// They are those that the service has from now on.
    Put,
    /// The same, when nobody has changed them since then.
    Change(Timestamp),
    /// Nothing: it is only said what would.
    Look,
}

/// Gives a service its settings, as far as this installation can keep them; what that did.
///
/// # Errors
/// When they make no sense here, or are not taken.
pub(crate) async fn settle(
    app: &App,
    spec: &ServiceSpec,
    how: How,
    by: &str,
) -> Result<PutView, Problem> {
    must_leave_previews(spec, &app.settings)?;
    if let Some(why) = app.scheduler.capabilities().refuses_logs(spec) {
        return Err(Problem::invalid(why));
    }
    let outcome = match how {
        How::Create => app.control.create_service(spec, by).await?,
        How::Put => app.control.put_service(spec, by).await?,
        How::Change(seen) => app.control.change_service(spec, seen, by).await?,
        How::Look => app.control.preview_service(spec).await?,
    };
    let (outcome, changes) = match outcome {
        PutOutcome::Created => (PutWord::Created, differences(None, spec)),
        PutOutcome::Changed(before) => (PutWord::Changed, differences(Some(&before), spec)),
        PutOutcome::Unchanged => (PutWord::Unchanged, Vec::new()),
    };
    let unset_secrets = app.control.unset_secrets(spec).await?;
    let there = app.store.service(&spec.service.name).await?;
    let changed_at = there.map(|service| service.changed_at);
    Ok(PutView { outcome, changes, unset_secrets, changed_at })
}

/// What to do with what a service has.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteQuery {
    /// Take it offline and destroy its environments first, also the live ones.
    #[serde(default)]
    destroy: bool,
}

/// Deletes a service that has no environments left, or one with everything that it has.
#[utoipa::path(delete, path = "/services/{service}", tag = "services",
    params(("service" = String, Path), DeleteQuery),
    responses((status = 202, description = "It is being deleted"),
        (status = 204, description = "It is deleted"), (status = "4XX", body = Problem)))]
pub(super) async fn delete(
    State(app): State<App>,
    principal: Principal,
    Path(name): Path<ServiceName>,
    Query(query): Query<DeleteQuery>,
) -> Result<StatusCode, Problem> {
    if query.destroy {
        app.control.destroy_service(&name, &principal.name).await?;
        return Ok(StatusCode::ACCEPTED);
    }
    app.control.delete_service(&name, &principal.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn must_leave_previews(spec: &ServiceSpec, settings: &Settings) -> Result<(), Problem> {
    match spec.preview_faults(&settings.preview_domain).first() {
        None => Ok(()),
        Some(fault) => Err(Problem::invalid(fault.to_string())),
    }
}

async fn one(app: &App, name: &ServiceName) -> Result<ServiceView, Problem> {
    match app.store.service(name).await? {
        Some(service) => view(app, service).await,
        None => Err(launcher_control::Error::NoService(name.clone()).into()),
    }
}

async fn view(app: &App, service: launcher_store::Service) -> Result<ServiceView, Problem> {
    let (route, environments) = app.control.environments(&service.spec.service.name, false).await?;
    let logins = app.control.preview_logins(&service.spec);
    let auto = auto(app, &service.spec).await?;
    let by_itself = (auto, app.now());
    Ok(ServiceView::new(service, &route, &environments, logins, by_itself, &app.settings))
}

/// The version that goes live by itself next.
async fn auto(app: &App, spec: &ServiceSpec) -> Result<Option<AutoView>, Problem> {
    let plan = app.control.next_auto(spec).await?;
    Ok(plan.map(|plan| AutoView::new(&plan, &spec.deploy, app.now())))
}
