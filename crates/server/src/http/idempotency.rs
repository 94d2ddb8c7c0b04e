//! `Idempotency-Key`: a mutating call that is repeated with the same key is done once, and answered
//! the same each time.

use std::convert::Infallible;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use launcher_store::{Answer, IdempotencyClaim, Made};

use super::problem::{self, Problem};
use crate::auth::Principal;
use crate::{App, MAX_BODY};

const HEADER: &str = "idempotency-key";
const LONGEST: usize = 200;

/// What a handler that makes something must know, so that a repeated call makes it once even when the
/// server dies between making it and answering.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    /// The claimed key, to be kept with what is made.
    pub(crate) key: Option<String>,
    /// What the same call has made before.
    pub(crate) made: Option<Made>,
}

impl<S: Sync> FromRequestParts<S> for Call {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// The layer: calls without the header pass through it.
pub(crate) async fn layer(
    State(app): State<App>,
    principal: Principal,
    request: Request,
    next: Next,
) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    match key_of(request.headers(), &principal) {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => {
            once(&app, &key, request, next).await.unwrap_or_else(|problem| problem.into_response())
        }
        Err(problem) => problem.into_response(),
    }
}

/// The key as it is stored: everyone has keys of their own.
fn key_of(headers: &HeaderMap, principal: &Principal) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > LONGEST {
        return Err(Problem::malformed(
            StatusCode::BAD_REQUEST,
            format!("Idempotency-Key must be 1 to {LONGEST} visible characters"),
        ));
    }
    Ok(Some(format!("{}\n{text}", principal.name)))
}

async fn once(app: &App, key: &str, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
        Problem::malformed(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is longer than {MAX_BODY} bytes"),
        )
    })?;
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let request = [parts.method.as_str(), path, query].map(str::as_bytes);
    let fingerprint = app.vault.fingerprint(request.into_iter().chain([&body[..]]));
    let made = match app.store.claim_key(key, &fingerprint, app.now()).await? {
        IdempotencyClaim::Claimed => None,
        IdempotencyClaim::Made(made) => Some(made),
        IdempotencyClaim::Answered(answer) => return Ok(replay(answer)),
        IdempotencyClaim::InProgress => {
            return Err(Problem::idempotency(
                StatusCode::CONFLICT,
                "the same call is under way; ask again when it has ended",
            ));
        }
        IdempotencyClaim::Mismatch => {
            return Err(Problem::idempotency(
                StatusCode::UNPROCESSABLE_ENTITY,
                "this key was used for another call; use a new one for each",
            ));
        }
    };
    parts.extensions.insert(Call { key: Some(key.to_owned()), made });
    // The work goes on when the caller goes away: the answer is kept for when it asks again.
    let (its_app, its_key) = (app.clone(), key.to_owned());
    let work = tokio::spawn(async move {
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        keep(&its_app, &its_key, response).await
    });
    match work.await {
        Ok(response) => Ok(response),
        Err(error) => {
            release(app, key).await;
            Ok(error.try_into_panic().map_or_else(
                |_| Problem::refused("the server is stopping; try again").into_response(),
                problem::of_panic,
            ))
        }
    }
}

/// Keeps an answer that stands. A failure of the server is not one, nor is a stream, nor what nobody
/// may keep: the text of a new token.
async fn keep(app: &App, key: &str, response: Response) -> Response {
    let stream = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let secret = response.headers().get(header::CACHE_CONTROL).is_some_and(|it| it == "no-store");
    if stream || secret || response.status().is_server_error() {
        release(app, key).await;
        return response;
    }
    let (parts, body) = response.into_parts();
    let body: Bytes = match to_bytes(body, 16 * MAX_BODY).await {
        Ok(body) => body,
        Err(error) => {
            release(app, key).await;
            return Problem::refused(format!("the answer could not be made: {error}"))
                .into_response();
        }
    };
    let answer = Answer { status: parts.status.as_u16(), body: body.to_vec() };
    if let Err(error) = app.store.answer_key(key, &answer).await {
        tracing::error!(%error, "the answer to a call with an Idempotency-Key could not be kept");
    }
    Response::from_parts(parts, Body::from(body))
}

async fn release(app: &App, key: &str) {
    if let Err(error) = app.store.release_key(key).await {
        tracing::error!(%error, "an Idempotency-Key could not be released");
    }
}

fn replay(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let kind =
        if status.is_client_error() { "application/problem+json" } else { "application/json" };
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}
