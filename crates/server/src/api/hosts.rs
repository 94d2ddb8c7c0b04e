//! Hosts: what they have, what runs on them, and which of them take nothing new.

mod inventory;
pub(super) mod metrics;
pub(super) mod reports;
mod targets;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use launcher_model::host::HostNotes;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::views::HostView;
use crate::App;
use crate::auth::Principal;
use crate::http::extract::{Json, Path, Query};
use crate::http::page::Page;
use crate::http::problem::Problem;

/// In which form.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HostQuery {
    /// For whom; this API's own form when nothing is said.
    #[param(inline)]
    format: Option<Format>,
    /// With `prometheus`: targets of what; hosts when nothing is said.
    #[param(inline)]
    of: Option<Of>,
    /// With `prometheus` and hosts: the port of the targets; 9100, the node exporter's, when nothing is
    /// said.
    port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    Ansible,
    Prometheus,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Of {
    #[default]
    Hosts,
    Containers,
}

/// Lists the hosts that containers are placed on. `format` makes it a dynamic inventory for Ansible, or
/// targets for the HTTP service discovery of Prometheus.
#[utoipa::path(get, path = "/hosts", tag = "infrastructure", params(HostQuery),
    responses((status = 200, body = Page<HostView>,
        description = "The list; or with `format` what Ansible or Prometheus takes"),
        (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<HostQuery>,
) -> Result<Response, Problem> {
    if query.format != Some(Format::Prometheus) && (query.of.is_some() || query.port.is_some()) {
        return Err(Problem::invalid("of and port go with format=prometheus"));
    }
    let hosts = app.control.hosts().await?;
    Ok(match (query.format, query.of.unwrap_or_default()) {
        (None, _) => {
            let views = hosts.into_iter().map(HostView::new).collect();
            Answer(Page::<HostView>::whole(views)).into_response()
        }
        (Some(Format::Ansible), _) => Answer(inventory::of(&hosts)).into_response(),
        (Some(Format::Prometheus), Of::Hosts) => {
            let port = query.port.unwrap_or(targets::NODE_EXPORTER);
            Answer(targets::of_hosts(&hosts, port)).into_response()
        }
        (Some(Format::Prometheus), Of::Containers) => {
            Answer(targets::of_containers(&app, &hosts).await?).into_response()
        }
    })
}

/// Shows a host.
#[utoipa::path(get, path = "/hosts/{host}", tag = "infrastructure", params(("host" = String, Path)),
    responses((status = 200, body = HostView), (status = "4XX", body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Path(host): Path<String>,
) -> Result<Answer<HostView>, Problem> {
    Ok(Answer(HostView::new(app.control.host(&host).await?)))
}

/// Has a host take nothing new. What is on it stays.
#[utoipa::path(post, path = "/hosts/{host}/close", tag = "infrastructure",
    params(("host" = String, Path)),
    responses((status = 200, body = HostView), (status = "4XX", body = Problem)))]
pub(super) async fn close(
    State(app): State<App>,
    principal: Principal,
    Path(host): Path<String>,
) -> Result<Answer<HostView>, Problem> {
    app.control.close_host(&host, &principal.name).await?;
    Ok(Answer(HostView::new(app.control.host(&host).await?)))
}

/// Has a host take nothing new, and what is on it go elsewhere: other containers take the places of those
/// that run there, which end when nothing of them is in flight any more. Answers at once; the host's
/// state says when that is done.
#[utoipa::path(post, path = "/hosts/{host}/drain", tag = "infrastructure",
    params(("host" = String, Path)),
    responses((status = 200, body = HostView), (status = "4XX", body = Problem)))]
pub(super) async fn drain(
    State(app): State<App>,
    principal: Principal,
    Path(host): Path<String>,
) -> Result<Answer<HostView>, Problem> {
    app.control.drain_host(&host, &principal.name).await?;
    Ok(Answer(HostView::new(app.control.host(&host).await?)))
}

/// Has a host take containers again.
#[utoipa::path(post, path = "/hosts/{host}/open", tag = "infrastructure",
    params(("host" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn open(
    State(app): State<App>,
    principal: Principal,
    Path(host): Path<String>,
) -> Result<axum::http::StatusCode, Problem> {
    app.control.open_host(&host, &principal.name).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

/// Puts labels and an owner in the place of those that other systems have given a host before. Where
/// containers are placed depends on the engine's labels alone.
#[utoipa::path(put, path = "/hosts/{host}/labels", tag = "infrastructure",
    params(("host" = String, Path)), request_body = HostNotes,
    responses((status = 200, body = HostView), (status = "4XX", body = Problem)))]
pub(super) async fn describe(
    State(app): State<App>,
    principal: Principal,
    Path(host): Path<String>,
    Json(notes): Json<HostNotes>,
) -> Result<Answer<HostView>, Problem> {
    app.control.describe_host(&host, &notes, &principal.name).await?;
    Ok(Answer(HostView::new(app.control.host(&host).await?)))
}
