//! Edges: those that are connected, those that are away, and letting new ones in.

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use jiff::SignedDuration;
use launcher_edge::remote::JoinToken;
use launcher_model::EdgeName;
use launcher_store::Invitation;

use super::views::{EdgeView, InvitationBody, InvitationView};
use crate::App;
use crate::auth::Principal;
use crate::http::extract::{Json, Path};
use crate::http::page::Page;
use crate::http::problem::Problem;

/// How long an invitation holds.
const INVITED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Lists the edges: connected, away, and invited.
#[utoipa::path(get, path = "/edges", tag = "infrastructure",
    responses((status = 200, body = Page<EdgeView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(State(app): State<App>) -> Result<Answer<Page<EdgeView>>, Problem> {
    Ok(Answer(Page::whole(all(&app).await?)))
}

/// All that are known, in the order of their names.
pub(crate) async fn all(app: &App) -> Result<Vec<EdgeView>, Problem> {
    let mut views: BTreeMap<EdgeName, EdgeView> = BTreeMap::new();
    for edge in app.store.edges().await? {
        views.insert(edge.name.clone(), EdgeView::known(edge, app.now()));
    }
    for edge in app.control.hub().edges() {
        let view = views.remove(&edge.name);
        views.insert(edge.name.clone(), EdgeView::connected(edge, view));
    }
    Ok(views.into_values().collect())
}

/// Invites an edge of another machine. The join token is in this answer and nowhere else; it lets one
/// edge join, once, within an hour. An edge of that name that has joined goes on until then.
#[utoipa::path(post, path = "/edges", tag = "infrastructure", request_body = InvitationBody,
    responses((status = 201, body = InvitationView), (status = "4XX", body = Problem)))]
pub(super) async fn invite(
    State(app): State<App>,
    principal: Principal,
    Json(body): Json<InvitationBody>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Answer<InvitationView>), Problem> {
    let unkept = [(header::CACHE_CONTROL, "no-store")];
    let invitation = invited(&app, body.name, &principal.name).await?;
    Ok((StatusCode::CREATED, unkept, Answer(invitation)))
}

/// Invites one.
///
/// # Errors
/// When this server takes no edges of other machines, or its own edge is called so.
pub(crate) async fn invited(
    app: &App,
    name: EdgeName,
    by: &str,
) -> Result<InvitationView, Problem> {
    let Some(door) = &app.settings.edges else {
        return Err(Problem::refused(
            "this server takes no edges of other machines; start it with --edges ADDR, such as --edges 0.0.0.0:7071",
        ));
    };
    let here = app.control.hub().edges();
    if here.iter().any(|edge| edge.name == name && !edge.remote) {
        return Err(Problem::refused(format!(
            "the edge of the server's own machine is called {name}; choose another name"
        )));
    }
    let token = JoinToken::random(door.fingerprint);
    let expires_at = app.now() + INVITED_FOR;
    let new = Invitation { edge: name.clone(), hash: token.hash(), expires_at };
    app.store.invite_edge(new, by, app.now()).await?;
    let (token, server) = (token.expose(), door.address.clone());
    Ok(InvitationView { name, token, expires_at, server })
}

/// Revokes an edge: its connection ends, and it is a stranger from then on. It serves on with what it
/// has until somebody stops it.
#[utoipa::path(delete, path = "/edges/{edge}", tag = "infrastructure", params(("edge" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn revoke(
    State(app): State<App>,
    principal: Principal,
    Path(edge): Path<EdgeName>,
) -> Result<StatusCode, Problem> {
    revoked(&app, &edge, &principal.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes one.
///
/// # Errors
/// When none of that name was invited or has joined.
pub(crate) async fn revoked(app: &App, edge: &EdgeName, by: &str) -> Result<(), Problem> {
    if app.store.revoke_edge(edge, by, app.now()).await? {
        app.control.hub().turn_out(edge);
        return Ok(());
    }
    Err(Problem::missing(format!(
        "no edge {edge} of another machine was invited or has joined; `launcher edges` lists them"
    )))
}
