//! Containers, and the server itself.

use axum::Json as Answer;
use axum::extract::State;

use super::views::{ContainerView, ServerView};
use crate::App;
use crate::auth::Principal;
use crate::http::page::Page;
use crate::http::problem::Problem;

/// Lists the containers of all services that the caller may see, as they were last observed.
#[utoipa::path(get, path = "/containers", tag = "infrastructure",
    responses((status = 200, body = Page<ContainerView>), (status = "4XX", body = Problem)))]
pub(super) async fn containers(
    State(app): State<App>,
    principal: Principal,
) -> Result<Answer<Page<ContainerView>>, Problem> {
    let mut views = Vec::new();
    for service in app.store.services().await? {
        let name = &service.spec.service.name;
        if !principal.roles.see(name) {
            continue;
        }
        let observed = app.control.observed(name);
        views.extend(observed.iter().map(ContainerView::new));
    }
    Ok(Answer(Page::whole(views)))
}

/// Shows what this server is, and whose token the call was made with.
#[utoipa::path(get, path = "/server", tag = "infrastructure",
    responses((status = 200, body = ServerView), (status = "4XX", body = Problem)))]
pub(super) async fn server(
    State(app): State<App>,
    principal: Principal,
) -> Result<Answer<ServerView>, Problem> {
    let engine = app.control.engine();
    let host = format!("{{version}}.{{service}}.{}", app.settings.preview_domain);
    Ok(Answer(ServerView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        installation: app.store.installation().await?,
        scheduler: engine.name.to_owned(),
        engine_trouble: engine.lost.map(|(_, why)| why),
        you: principal.name,
        preview_url: app.settings.url(&host),
    }))
}
