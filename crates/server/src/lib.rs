//! The HTTP API and the web pages: parse, authorize, call, render, and no logic of their own.

pub mod access;
pub mod api;
pub mod auth;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
mod git;
mod graphs;
pub mod http;
mod measured;
mod metrics_page;
mod outlook;
mod pages;
mod probes;
mod reports;
mod serve;
mod state;
mod words;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

pub use auth::token::TokenText;
pub use http::problem::Problem;
pub use reports::Reports;
pub use serve::serve;
pub use state::{AccessLogs, App, Configured, EdgeDoor, Settings};

/// The longest body that is taken, in bytes.
pub const MAX_BODY: usize = 1 << 20;

/// The longest value of a secret, in bytes: what engines take as an environment variable.
pub const MAX_SECRET: usize = 64 << 10;

/// What is no page shows nothing but itself, and nowhere else.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

fn unless_said(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// Everything that the server answers: API, pages, probes.
pub fn router(app: &App) -> Router {
    let (api, document) = api::router(app);
    Router::new()
        .merge(api)
        .merge(api::document(document))
        .merge(git::router())
        .merge(pages::router())
        .merge(graphs::router())
        .merge(metrics_page::router())
        .merge(probes::router())
        .route_layer(from_fn_with_state(access::Guard::new(app), access::guard))
        .layer(Extension(Arc::new(auth::throttle::Throttle::default())))
        .fallback(pages::not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(http::problem::of_panic))
        .layer(http::compress::layer())
        .layer(unless_said(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(unless_said(header::X_FRAME_OPTIONS, "DENY"))
        .layer(unless_said(header::CONTENT_SECURITY_POLICY, POLICY))
        .with_state(app.clone())
}
