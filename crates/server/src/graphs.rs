//! Graphs as pictures, for the pages and for others: `/graphs/SERVICE/KIND.svg`, or `.png`, or
//! `.graphite.png` as Graphite draws it.
//!
//! A picture is shown to whoever is signed in, to whoever has a token, and to whoever has an address that
//! this server has signed.

mod draw;
mod picture;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use launcher_model::ServiceName;

use crate::App;
use crate::http::extract::{Path, Query};
use crate::http::problem::Problem;

pub(crate) use picture::{Kind, Picture, is_signed, signed};

/// A picture loads nothing and runs nothing, also where somebody opens it by itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

pub(crate) fn router() -> Router<App> {
    Router::new().route("/graphs/{service}/{file}", get(show))
}

async fn show(
    State(app): State<App>,
    Path((service, file)): Path<(ServiceName, String)>,
    Query(picture): Query<Picture>,
    uri: Uri,
) -> Result<Response, Problem> {
    let missing = || Problem::missing(format!("there is no graph at {}", uri.path()));
    let (name, format) = file.split_once('.').ok_or_else(missing)?;
    let kind = Kind::read(name)?;
    let (media_type, body) = match format {
        "svg" => {
            let svg = match draw::svg(&app, &service, kind, &picture).await {
                // Whoever looks at a page sees why there is no graph.
                Err(problem) if problem.status().is_server_error() => {
                    draw::told(kind, &picture, problem.detail())?
                }
                drawn => drawn?,
            };
            ("image/svg+xml", svg.into_bytes())
        }
        "png" => ("image/png", draw::png(&app, &service, kind, &picture).await?),
        "graphite.png" => ("image/png", draw::by_graphite(&app, &service, kind, &picture).await?),
        _ => return Err(missing()),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=5")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    Ok((headers, body).into_response())
}
