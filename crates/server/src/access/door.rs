//! How callers are known at each door, and how they are told that they may not come in.

use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Door;
use super::check::Refusal;
use crate::App;
use crate::auth::{self, NOT_VALID, Principal};
use crate::graphs::is_signed;
use crate::http::problem::Problem;
use crate::http::websocket::is_upgrade;
use crate::pages::{self, cookie, says_where_from};

/// Who calls; nobody where nobody needs to be known.
pub(super) async fn known(
    app: &App,
    door: Door,
    parts: &Parts,
) -> Result<Option<Principal>, Refusal> {
    let principal = match door {
        Door::Open => return Ok(None),
        Door::Pages => in_session(app, parts).await?,
        Door::Api => by_header_or_session(app, parts).await?,
        Door::Graphs if is_signed(app, &parts.uri) => return Ok(None),
        Door::Graphs => by_header_or_session(app, parts).await?,
        Door::Metrics => by_token(app, auth::bearer(&parts.headers)).await?,
        Door::Git => by_token(app, auth::password(&parts.headers).as_deref()).await?,
        Door::Jenkins => {
            let given = in_query(parts).or_else(|| auth::password(&parts.headers));
            by_token(app, given.as_deref()).await?
        }
    };
    Ok(Some(principal))
}

async fn by_token(app: &App, given: Option<&str>) -> Result<Principal, Refusal> {
    let found = match given {
        Some(text) => Principal::with_token(app, text).await?,
        None => None,
    };
    found.ok_or(Refusal::Unknown { shown: given.is_some() })
}

async fn in_session(app: &App, parts: &Parts) -> Result<Principal, Refusal> {
    let found = match cookie(&parts.headers) {
        Some(cookie) => Principal::in_session(app, &cookie).await?,
        None => None,
    };
    found.ok_or(Refusal::Unknown { shown: false })
}

/// A session counts where no token is shown. What may change something must come from a page of ours, and
/// say so: a browser sends cookies along by itself. So must what goes on as a WebSocket, which other sites'
/// pages may open and read.
async fn by_header_or_session(app: &App, parts: &Parts) -> Result<Principal, Refusal> {
    let looks = matches!(parts.method, Method::GET | Method::HEAD) && !is_upgrade(&parts.headers);
    let has_header = parts.headers.contains_key(header::AUTHORIZATION);
    if !has_header && (looks || says_where_from(&parts.headers)) {
        return in_session(app, parts).await;
    }
    by_token(app, auth::bearer(&parts.headers)).await
}

#[derive(Deserialize)]
struct TokenQuery {
    token: Option<String>,
}

fn in_query(parts: &Parts) -> Option<String> {
    let query = axum::extract::Query::<TokenQuery>::try_from_uri(&parts.uri);
    query.ok().and_then(|query| query.0.token)
}

/// Says at a door why somebody may not come in.
pub(super) async fn refuse(door: Door, parts: &Parts, refusal: Refusal) -> Response {
    match door {
        Door::Pages => {
            let response = match refusal {
                Refusal::Unknown { .. } => pages::sign_in_first(parts),
                Refusal::Forbidden(why) => pages::stop(Problem::forbidden(why)),
                Refusal::Hidden(problem) | Refusal::Fault(problem) => pages::stop(problem),
            };
            pages::protected(response).await
        }
        Door::Git => git(refusal),
        _ => match refusal {
            Refusal::Unknown { shown } => Problem::unauthorized(unknown(door, shown)),
            Refusal::Forbidden(why) => Problem::forbidden(why),
            Refusal::Hidden(problem) | Refusal::Fault(problem) => problem,
        }
        .into_response(),
    }
}

fn unknown(door: Door, shown: bool) -> &'static str {
    match door {
        Door::Graphs => {
            "this graph is for those who are signed in, have a token, or were given its signed address, which \
             GET /api/v1/services/SERVICE/graphs lists"
        }
        Door::Metrics => {
            "the metrics are for who has a token: give Prometheus one as authorization.credentials_file; \
             `launcher token create prometheus --role viewer` makes it"
        }
        Door::Jenkins => {
            "no valid token: add ?token=TOKEN to the URL; `launcher token create jenkins --role deployer` \
             makes one"
        }
        _ if shown => NOT_VALID,
        _ => {
            "send a token as `Authorization: Bearer TOKEN`; `launcher login` keeps one for the command line"
        }
    }
}

/// Git asks its user for a password when it is told to, and shows what is plain text.
fn git(refusal: Refusal) -> Response {
    let (status, words) = match refusal {
        Refusal::Unknown { shown } => {
            let realm =
                HeaderValue::from_static("Basic realm=\"Rocket Launcher\", charset=\"UTF-8\"");
            let words = match shown {
                true => NOT_VALID,
                false => "the password is a token; `launcher token create NAME` makes one",
            };
            let headers = [(header::WWW_AUTHENTICATE, realm)];
            return (StatusCode::UNAUTHORIZED, headers, format!("{words}\n")).into_response();
        }
        Refusal::Forbidden(why) => (StatusCode::FORBIDDEN, why),
        Refusal::Hidden(problem) => (problem.status(), problem.detail().to_owned()),
        Refusal::Fault(problem) => return problem.into_response(),
    };
    (status, format!("{words}\n")).into_response()
}

/// For a path that the table does not know.
pub(super) fn unruled(path: &str) -> Response {
    Problem::forbidden(format!("no rule of this server says who may call {path}")).into_response()
}
