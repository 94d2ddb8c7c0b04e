//! Tokens: created, listed by name, revoked; their text is shown once.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use launcher_model::role::Roles;
use launcher_store::NewToken;

use super::views::{NewTokenView, TokenBody, TokenView};
use crate::App;
use crate::auth::Principal;
use crate::auth::token::TokenText;
use crate::http::extract::{Json, Path};
use crate::http::page::Page;
use crate::http::problem::Problem;

/// The longest name, in characters.
const LONGEST: usize = 80;

/// Lists the tokens, those revoked too.
#[utoipa::path(get, path = "/tokens", tag = "tokens",
    responses((status = 200, body = Page<TokenView>), (status = "4XX", body = Problem)))]
pub(super) async fn list(State(app): State<App>) -> Result<Answer<Page<TokenView>>, Problem> {
    let tokens = app.store.tokens().await?.into_iter().map(|token| TokenView {
        name: token.name,
        role: token.roles.role,
        services: token.roles.services,
        created_at: token.created_at,
        revoked_at: token.revoked_at,
    });
    Ok(Answer(Page::whole(tokens.collect())))
}

/// Creates a token. Its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = TokenBody,
    responses((status = 201, body = NewTokenView), (status = "4XX", body = Problem)))]
pub(super) async fn create(
    State(app): State<App>,
    principal: Principal,
    Json(body): Json<TokenBody>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Answer<NewTokenView>), Problem> {
    let created = created(&app, body, &principal.name).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Answer(created)))
}

/// Creates a token.
///
/// # Errors
/// When there is one of that name, or it makes no sense.
pub(crate) async fn created(app: &App, body: TokenBody, by: &str) -> Result<NewTokenView, Problem> {
    let name = body.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > LONGEST || name.chars().any(char::is_control) {
        return Err(Problem::invalid(format!(
            "a token's name has 1 to {LONGEST} visible characters"
        )));
    }
    let text = TokenText::random();
    let roles = Roles { role: body.role, services: body.services }.checked();
    let roles = roles.map_err(|error| Problem::invalid(error.to_string()))?;
    let new = NewToken { name: name.clone(), hash: text.hash(), roles };
    let created = app.store.create_token(new, by, app.now()).await;
    created.map_err(|error| match error {
        launcher_store::Error::Exists { what: "token", .. } => Problem::refused(format!(
            "there is a token {name} already; revoke it first (`launcher token revoke {name}`), or choose another name"
        )),
        error => error.into(),
    })?;
    let token = text.expose().to_owned();
    Ok(NewTokenView { name, token })
}

/// Makes a token invalid, and ends its sessions.
#[utoipa::path(delete, path = "/tokens/{name}", tag = "tokens", params(("name" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn revoke(
    State(app): State<App>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    revoked(&app, &name, &principal.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a token invalid.
///
/// # Errors
/// When there is no valid one of that name.
pub(crate) async fn revoked(app: &App, name: &str, by: &str) -> Result<(), Problem> {
    if app.store.revoke_token(name, by, app.now()).await? {
        Ok(())
    } else {
        let detail = format!("there is no valid token {name}; `launcher token list` lists them");
        Err(Problem::missing(detail))
    }
}
