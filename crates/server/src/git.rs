//! `/git/<service>.git`: a remote that git's own clients push to and fetch from ("smart HTTP" in git's
//! `gitprotocol-http`). A token is the password; the user does not matter.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{StreamExt, TryStreamExt};
use launcher_build::git::{self, Repository, Service};
use launcher_model::ServiceName;
use serde::Deserialize;
use tower_http::decompression::RequestDecompressionLayer;

use crate::App;
use crate::auth::Principal;
use crate::http::extract::{Path, Query};
use crate::http::problem::Problem;

/// The remotes.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/git/{repository}/info/refs", get(advertise))
        .route("/git/{repository}/git-receive-pack", post(receive))
        .route("/git/{repository}/git-upload-pack", post(fetch))
        // Clients compress long questions.
        .route_layer(RequestDecompressionLayer::new())
}

#[derive(Debug, Deserialize)]
struct Asked {
    service: Option<String>,
}

async fn advertise(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let service = asked.service.as_deref().and_then(Service::read);
    let service = service.ok_or(Failure::Old)?;
    let repository = open(&app, &name).await?;
    let told = git::advertise(&repository, service, protocol(&headers).as_deref()).await?;
    let kind = format!("application/x-{}-advertisement", service.as_str());
    Ok(answer(&kind, Body::from(told)))
}

async fn receive(
    State(app): State<App>,
    principal: Principal,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let repository = open(&app, &name).await?;
    let received = app.builds.received(repository.clone(), &principal.name);
    let body = body.into_data_stream().map_err(std::io::Error::other).boxed();
    let told = git::receive(repository, body, protocol(&headers), received).await?;
    Ok(answer("application/x-git-receive-pack-result", Body::from_stream(told)))
}

async fn fetch(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let repository = open(&app, &name).await?;
    let body = body.into_data_stream().map_err(std::io::Error::other).boxed();
    let told = git::fetch(&repository, body, protocol(&headers).as_deref()).await?;
    Ok(answer("application/x-git-upload-pack-result", Body::from_stream(told)))
}

/// The repository of `<service>.git`, or of `<service>`.
async fn open(app: &App, name: &str) -> Result<Repository, Failure> {
    let name = name.strip_suffix(".git").unwrap_or(name);
    let service = ServiceName::new(name).map_err(|error| Failure::Missing(error.to_string()))?;
    Ok(app.builds.repository(&service).await?)
}

/// What a client says of the protocol that it speaks, as git takes it from its environment.
fn protocol(headers: &HeaderMap) -> Option<String> {
    let said = headers.get("git-protocol")?.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'=' | b':' | b'.' | b'-' | b'_');
    (said.len() <= 200 && said.bytes().all(plain)).then(|| said.to_owned())
}

fn answer(kind: &str, body: Body) -> Response {
    let kind = HeaderValue::from_str(kind);
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let fresh = HeaderValue::from_static("no-cache, max-age=0, must-revalidate");
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, fresh)], body).into_response()
}

/// Why git's client gets no answer: a line of text, which is what it shows.
enum Failure {
    Missing(String),
    Old,
    Build(launcher_build::Error),
    Problem(Problem),
}

impl From<launcher_build::Error> for Failure {
    fn from(error: launcher_build::Error) -> Self {
        Self::Build(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        use launcher_build::Error as E;
        let (status, words) = match self {
            Self::Missing(words) => (StatusCode::NOT_FOUND, words),
            Self::Old => {
                let words = "only smart HTTP is spoken here; use git 1.6.6 or newer";
                (StatusCode::FORBIDDEN, words.to_owned())
            }
            Self::Build(error) => {
                let status = match &error {
                    E::NoService(_) => StatusCode::NOT_FOUND,
                    E::Protocol(_) => StatusCode::BAD_REQUEST,
                    E::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                    _ => StatusCode::INTERNAL_SERVER_ERROR,
                };
                (status, error.to_string())
            }
            Self::Problem(problem) => return problem.into_response(),
        };
        if status.is_server_error() {
            tracing::error!(%status, detail = %words, "a call of git failed");
        }
        // Git shows the text of an error when it is plain text.
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        (status, [(header::CONTENT_TYPE, kind)], words + "\n").into_response()
    }
}
