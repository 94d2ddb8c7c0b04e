//! `/healthz` and `/readyz`: the only calls that need no token.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::App;

pub(crate) fn router() -> Router<App> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    store: &'static str,
    edges: usize,
}

/// Ready: a write would be taken. An engine that is away does not make the server unready, as what
/// runs can still be switched.
async fn ready(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let edges = app.control.hub().edges().len();
    match app.store.ping().await {
        Ok(()) => (StatusCode::OK, Json(Readiness { ready: true, store: "ok", edges })),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            let answer = Readiness { ready: false, store: "takes no writes", edges };
            (StatusCode::SERVICE_UNAVAILABLE, Json(answer))
        }
    }
}
