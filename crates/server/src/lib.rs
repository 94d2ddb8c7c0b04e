//! The HTTP API and the web pages: parse, authorize, call, render, and no logic of their own.

pub mod api;
pub mod auth;
pub mod http;
mod pages;
mod probes;
mod state;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

pub use auth::token::TokenText;
pub use http::problem::Problem;
pub use state::{App, EdgeDoor, Settings};

/// The longest body that is taken, in bytes.
pub const MAX_BODY: usize = 1 << 20;

/// Everything that the server answers: API, pages, probes.
pub fn router(app: &App) -> Router {
    let (api, document) = api::router(app);
    Router::new()
        .merge(api)
        .merge(api::document(app, document))
        .merge(pages::router(app))
        .merge(probes::router())
        .fallback(http::problem::not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(http::problem::of_panic))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .with_state(app.clone())
}

/// How long calls that are under way may take to end when the server is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Serves until `shutdown` is done; then no connection is taken any more, and calls that are under way
/// have a moment to end. Event streams, which never end by themselves, end at once.
///
/// # Errors
/// When connections cannot be taken.
pub async fn serve(
    app: App,
    listener: tokio::net::TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let told = CancellationToken::new();
    let (telling, ending) = (told.clone(), told.clone());
    let router = router(&app)
        .layer(map_response(move |response| http::sse::until(ending.clone(), response)));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stop = async move {
        shutdown.await;
        telling.cancel();
    };
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop);
    let overdue = async {
        told.cancelled().await;
        tokio::time::sleep(STOP_WITHIN).await;
    };
    tokio::select! {
        served = serving => served,
        () = overdue => Ok(()),
    }
}
