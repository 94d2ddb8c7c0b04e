//! A master.

use std::sync::Arc;

use axum::extract::{OriginalUri, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::inventory::Inventory;
use crate::world::World;

/// One of the masters.
#[derive(Clone)]
pub(crate) struct Master {
    pub(crate) world: Arc<World>,
    /// Its place among the masters.
    pub(crate) index: usize,
    /// `host:port` of each of them.
    pub(crate) authorities: Arc<Vec<String>>,
    /// `host:port` of each of the agents.
    pub(crate) agents: Arc<Vec<String>>,
    /// Marathon's page.
    pub(crate) webui: Arc<str>,
}

/// The API as one master serves it.
pub(crate) fn router(master: Master) -> Router {
    // The leader alone knows these.
    let leaders = Router::new()
        .route("/slaves", get(slaves))
        .route("/state", get(state))
        .route("/state-summary", get(summary))
        .route("/tasks", get(tasks))
        .route("/api/v1", post(operate))
        .layer(axum::middleware::from_fn_with_state(master.clone(), only_leading));
    let own = Router::new()
        .route("/redirect", get(redirect))
        .route("/health", get(|| async { StatusCode::OK }))
        .merge(leaders);
    Router::new()
        .nest("/master", own.clone())
        .merge(own)
        .route("/metrics/snapshot", get(metrics))
        .route("/version", get(version))
        .with_state(master)
}

impl Master {
    fn leader(&self) -> Option<&str> {
        let leader = self.world.state().master?;
        self.authorities.get(leader).map(String::as_str)
    }

    fn inventory(&self) -> Inventory<'_> {
        Inventory { world: &self.world, agents: &self.agents, webui: &self.webui }
    }
}

async fn only_leading(
    State(master): State<Master>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let Some(leader) = master.leader() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "No leader elected").into_response();
    };
    if leader == master.authorities[master.index] {
        return next.run(request).await;
    }
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    (StatusCode::TEMPORARY_REDIRECT, [("location", format!("//{leader}{target}"))]).into_response()
}

async fn redirect(State(master): State<Master>) -> Response {
    match master.leader() {
        Some(leader) => {
            let location = [("location", format!("//{leader}"))];
            (StatusCode::TEMPORARY_REDIRECT, location).into_response()
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "No leader elected").into_response(),
    }
}

/// The calls of operators that are known here: an agent takes nothing new, or does so again.
async fn operate(State(master): State<Master>, Json(call): Json<Value>) -> Response {
    let (agent, closed) = match call["type"].as_str() {
        Some("DEACTIVATE_AGENT") => (&call["deactivate_agent"]["agent_id"]["value"], true),
        Some("REACTIVATE_AGENT") => (&call["reactivate_agent"]["agent_id"]["value"], false),
        _ => return (StatusCode::NOT_IMPLEMENTED, "Not supported here").into_response(),
    };
    let index = master.world.agents.iter().position(|known| *agent == known.id.as_str());
    let Some(index) = index else {
        return (StatusCode::BAD_REQUEST, "No such agent").into_response();
    };
    let mut state = master.world.state();
    state.deactivated[index] = closed;
    state.offer_again();
    master.world.wake();
    StatusCode::OK.into_response()
}

async fn slaves(State(master): State<Master>) -> Json<Value> {
    let slaves = master.inventory().slaves(true);
    Json(json!({ "slaves": slaves, "recovered_slaves": [] }))
}

async fn state(State(master): State<Master>) -> Json<Value> {
    let inventory = master.inventory();
    let own = &master.authorities[master.index];
    let (host, port) = own.rsplit_once(':').unwrap_or((own, "5050"));
    let pid = format!("master@{own}");
    let (reachable, lost) = inventory.counts();
    Json(json!({
        "version": "1.11.0",
        "id": master.world.mark,
        "pid": pid,
        "hostname": host,
        "start_time": crate::time::epoch_seconds(master.world.state().began),
        "elected_time": crate::time::epoch_seconds(master.world.state().began),
        "activated_slaves": reachable as f64,
        "deactivated_slaves": 0.0,
        "unreachable_slaves": lost as f64,
        "leader": pid,
        "leader_info": {
            "id": master.world.mark,
            "pid": pid,
            "port": port.parse::<u16>().unwrap_or_default(),
            "hostname": host,
        },
        "slaves": inventory.slaves(false),
        "recovered_slaves": [],
        "frameworks": [inventory.framework()],
        "completed_frameworks": [],
        "orphan_tasks": [],
        "unregistered_frameworks": [],
    }))
}

async fn summary(State(master): State<Master>) -> Json<Value> {
    let own = &master.authorities[master.index];
    let host = own.rsplit_once(':').map_or(own.as_str(), |(host, _)| host);
    let inventory = master.inventory();
    Json(json!({
        "hostname": host,
        "slaves": inventory.counted_slaves(),
        "frameworks": [inventory.counted_framework()],
    }))
}

async fn tasks(State(master): State<Master>) -> Json<Value> {
    Json(json!({ "tasks": master.inventory().tasks() }))
}

async fn version() -> Json<Value> {
    Json(json!({ "version": "1.11.0" }))
}

async fn metrics(State(master): State<Master>) -> Json<Value> {
    let elected = master.leader() == Some(master.authorities[master.index].as_str());
    Json(master.inventory().metrics(elected))
}
