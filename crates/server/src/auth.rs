//! Who calls: a bearer token in the API, a session cookie on the pages.

pub mod session;
pub mod token;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use launcher_model::role::Role;

use crate::App;
use crate::http::problem::Problem;
use token::TokenText;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The name of the token; `by` of what is done with it.
    pub name: String,
}

/// What is said to whoever sends a token that is none of ours: nothing of whether it ever was.
const NOT_VALID: &str = "this token is not valid, or was revoked; an administrator creates one with `launcher token create \
    NAME`, with `--role agent` for an agent, and with `--role viewer` for what only looks";

/// Lets only calls with a valid token through that its role allows, and hands on whose it is.
pub(crate) async fn require_token(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let token = match TokenText::read(bearer(request.headers())?) {
        Some(text) => app.store.token_by_hash(&text.hash()).await?,
        None => None,
    };
    let token = token.ok_or_else(|| Problem::unauthorized(NOT_VALID))?;
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if !may(token.role, request.method(), path) {
        let needed = needed(request.method(), path);
        return Err(Problem::forbidden(not_allowed(&token.name, token.role, needed)));
    }
    request.extensions_mut().insert(Principal { name: token.name });
    Ok(next.run(request).await)
}

/// The one call by which agents tell what they have measured.
const REPORTS: &str = "/api/v1/hosts/{host}/reports";
/// Says whose server this is.
const SERVER: &str = "/api/v1/server";

/// Whether a token of this role may make a call, by its method and by the path as the router has it.
fn may(role: Role, method: &Method, path: &str) -> bool {
    match role {
        Role::Admin => true,
        Role::Viewer => matches!(*method, Method::GET | Method::HEAD),
        Role::Agent => {
            (method == Method::POST && path == REPORTS) || (method == Method::GET && path == SERVER)
        }
    }
}

/// The role that may make a call, and as little else as there is.
fn needed(method: &Method, path: &str) -> Role {
    let roles = [Role::Agent, Role::Viewer];
    roles.into_iter().find(|role| may(*role, method, path)).unwrap_or(Role::Admin)
}

/// Says of a valid token what it is for, and how one is made that has the role which is needed.
pub(crate) fn not_allowed(token: &str, role: Role, needed: Role) -> String {
    let may = match role {
        Role::Admin => "may do everything",
        Role::Viewer => "may look, and change nothing",
        Role::Agent => "may tell what hosts use, and nothing else",
    };
    // Without a name for it, a token may do everything.
    let named = match needed {
        Role::Admin => String::new(),
        Role::Viewer | Role::Agent => format!(" --role {needed}"),
    };
    format!(
        "the token {token} has the role {role}: it {may}; use another token, such as one that `launcher token \
         create NAME{named}` makes"
    )
}

/// Whether a call carries a valid token.
///
/// # Errors
/// When it does, and the token may not look.
pub(crate) async fn may_look(app: &App, headers: &HeaderMap) -> Result<bool, Problem> {
    let text = bearer(headers).ok().and_then(TokenText::read);
    let Some(text) = text else { return Ok(false) };
    let Some(token) = app.store.token_by_hash(&text.hash()).await? else { return Ok(false) };
    if !may(token.role, &Method::GET, "") {
        return Err(Problem::forbidden(not_allowed(&token.name, token.role, Role::Viewer)));
    }
    Ok(true)
}

/// The password of basic authentication (RFC 7617), or a bearer token.
pub(crate) fn password(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(text.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    // Some tools give a token as the user, with no password.
    let is_given = !password.is_empty() || TokenText::read(user).is_some();
    is_given.then(|| if password.is_empty() { user } else { password }.to_owned())
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let text = value.and_then(|value| {
        let (scheme, text) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
    });
    text.ok_or_else(|| {
        Problem::unauthorized("send a token as `Authorization: Bearer TOKEN`; `launcher login` keeps one for the command line")
    })
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let known = parts.extensions.get::<Self>().cloned();
        known.ok_or_else(|| Problem::unauthorized("this call needs a token"))
    }
}
