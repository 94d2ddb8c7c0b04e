//! Graphs as pictures, for the pages and for others: `/graphs/SERVICE/KIND.svg`, or `.png`, or
//! `.graphite.png` as Graphite draws it, or `.json` with the numbers; and `/graphs/hosts/HOST/KIND.svg` in the same way.
//!
//! A picture is shown to whoever is signed in, to whoever has a token, and to whoever has an address that
//! this server has signed.

mod draw;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod numbers;
mod picture;
mod subject;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use launcher_model::ServiceName;

use crate::App;
use crate::http::extract::{Path, Query};
use crate::http::problem::Problem;

pub(crate) use draw::check;
pub(crate) use picture::{Picture, Theme, is_signed, signed};
pub(crate) use subject::{HostKind, Kind, Subject};

/// A picture loads nothing and runs nothing, also where somebody opens it by itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/graphs/{service}/{file}", get(of_service))
        .route("/graphs/hosts/{host}/{file}", get(of_host))
}

async fn of_service(
    State(app): State<App>,
    Path((service, file)): Path<(ServiceName, String)>,
    Query(picture): Query<Picture>,
    uri: Uri,
) -> Result<Response, Problem> {
    let (name, format) = parts(&file, &uri)?;
    show(&app, Subject::Service(&service, Kind::read(name)?), &picture, format, &uri).await
}

async fn of_host(
    State(app): State<App>,
    Path((host, file)): Path<(String, String)>,
    Query(picture): Query<Picture>,
    uri: Uri,
) -> Result<Response, Problem> {
    let (name, format) = parts(&file, &uri)?;
    show(&app, Subject::Host(&host, HostKind::read(name)?), &picture, format, &uri).await
}

/// What a graph shows, and in which format.
fn parts<'f>(file: &'f str, uri: &Uri) -> Result<(&'f str, &'f str), Problem> {
    file.split_once('.').ok_or_else(|| missing(uri))
}

fn missing(uri: &Uri) -> Problem {
    Problem::missing(format!("there is no graph at {}", uri.path()))
}

async fn show(
    app: &App,
    subject: Subject<'_>,
    picture: &Picture,
    format: &str,
    uri: &Uri,
) -> Result<Response, Problem> {
    let (media_type, body) = match format {
        "svg" => {
            let svg = match draw::svg(app, subject, picture).await {
                // Whoever looks at a page sees why there is no graph.
                Err(problem) if problem.status().is_server_error() => {
                    draw::told(subject, picture, problem.detail())?
                }
                drawn => drawn?,
            };
            ("image/svg+xml", svg.into_bytes())
        }
        "json" => {
            let numbers = draw::numbers(app, subject, picture).await?;
            let written = serde_json::to_vec(&numbers);
            let written = written.map_err(|error| {
                Problem::fault(format!("the graph's numbers cannot be written: {error}"))
            });
            ("application/json", written?)
        }
        "png" => ("image/png", draw::png(app, subject, picture).await?),
        "graphite.png" => ("image/png", draw::by_graphite(app, subject, picture).await?),
        _ => return Err(missing(uri)),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=5")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    Ok((headers, body).into_response())
}
