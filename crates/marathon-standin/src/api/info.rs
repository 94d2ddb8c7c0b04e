//! `/ping`, `/v2/info`, `/v2/leader`.

use axum::Json;
use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Instance;
use crate::world::World;

pub(super) async fn ping(State(instance): State<Instance>, headers: HeaderMap) -> Response {
    let wants_json = headers.get(ACCEPT).is_some_and(|accept| accept == "application/json");
    if instance.version().is_late() {
        return if wants_json { Json("pong").into_response() } else { "pong".into_response() };
    }
    "pong\n".into_response()
}

pub(super) async fn info(State(instance): State<Instance>) -> Json<Value> {
    let version = instance.version();
    let world = &instance.world;
    let port = instance.authority().rsplit_once(':').map_or("8080", |(_, port)| port);
    let mut info = json!({
        "name": "marathon",
        "version": version.to_string(),
        "buildref": "standin",
        "elected": true,
        "leader": instance.authority(),
        "frameworkId": world.framework(),
        "marathon_config": config(&instance),
        "zookeeper_config": {
            "zk": "zk://localhost:2181/marathon",
            "zk_max_versions": 50,
            "zk_session_timeout": 10000,
            "zk_timeout": 10000,
        },
        "http_config": { "http_port": port.parse::<u16>().unwrap_or_default(), "https_port": 8443 },
    });
    if !version.has_networks() {
        let subscriber = json!({ "type": "http_callback", "http_endpoints": null });
        info["event_subscriber"] = if world.options.callbacks { subscriber } else { Value::Null };
    }
    Json(info)
}

fn config(instance: &Instance) -> Value {
    let version = instance.version();
    let World { options, .. } = &*instance.world;
    let mut config = json!({
        "checkpoint": true,
        "executor": "//cmd",
        "failover_timeout": 604_800,
        "framework_name": "marathon",
        "ha": true,
        "hostname": options.listen,
        "local_port_max": 20_000,
        "local_port_min": 10_000,
        "master": instance.mesos.to_string(),
        "mesos_leader_ui_url": format!("http://{}/", instance.mesos),
        "mesos_role": null,
        "mesos_user": "root",
        "reconciliation_initial_delay": 15_000,
        "reconciliation_interval": 600_000,
        "task_launch_timeout": 300_000,
        "webui_url": format!("http://{}", instance.authority()),
    });
    if version.has_event_stream() {
        config["leader_proxy_connection_timeout_ms"] = 5_000.into();
        config["leader_proxy_read_timeout_ms"] = 10_000.into();
    }
    if version.has_task_state() {
        config["features"] = json!([]);
    }
    if version.is_late() {
        config["task_launch_confirm_timeout"] = 300_000.into();
    }
    config
}

pub(super) async fn leader(State(instance): State<Instance>) -> Json<Value> {
    Json(json!({ "leader": instance.authority() }))
}

pub(super) async fn abdicate(State(instance): State<Instance>) -> Response {
    let mut state = instance.world.state();
    instance.world.lose_leader(&mut state);
    let said = json!({ "message": "Leadership abdicated" });
    (StatusCode::OK, Json(said)).into_response()
}
