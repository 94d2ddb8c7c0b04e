//! Sessions of the pages: listed, and revoked.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use launcher_model::role::Role;
use launcher_store::Owner;

use super::views::SessionView;
use crate::App;
use crate::auth::Principal;
use crate::http::extract::Path;
use crate::http::page::Page;
use crate::http::problem::Problem;

/// Lists the sessions of the pages, newest first: all to an administrator, to others their own.
#[utoipa::path(get, path = "/sessions", tag = "people",
    responses((status = 200, body = Page<SessionView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    principal: Principal,
) -> Result<Answer<Page<SessionView>>, Problem> {
    let sessions = app.store.sessions(whose(&principal).as_ref(), app.now()).await?;
    let current = principal.session();
    let views = sessions.into_iter().map(|session| SessionView::new(session, current));
    Ok(Answer(Page::whole(views.collect())))
}

/// Ends a session: any by an administrator, one's own by others.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "people", params(("id" = i64, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn revoke(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    if app.store.revoke_session(id, whose(&principal).as_ref(), app.now()).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::missing(format!(
        "there is no session {id}; `launcher session list` lists those that there are"
    )))
}

/// Whose sessions somebody may see and end; none when all.
pub(crate) fn whose(principal: &Principal) -> Option<Owner> {
    (!principal.roles.include(Role::Admin)).then(|| principal.owner())
}
