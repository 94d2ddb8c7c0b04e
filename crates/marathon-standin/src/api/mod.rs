//! Marathon's HTTP API.

mod answer;
mod apps;
mod apps_change;
mod deployments;
mod front;
mod groups;
mod info;
mod proxy;
mod query;
mod queue;
mod stream;
mod subscriptions;
mod tasks;
mod tell;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, delete, get, post};
use serde_json::json;

use crate::version::Version;
use crate::world::World;

/// One instance of Marathon.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) world: Arc<World>,
    /// Its place among the instances.
    pub(crate) index: usize,
    /// `host:port` of each of them.
    pub(crate) authorities: Arc<Vec<String>>,
    /// Of the leading master of Mesos.
    pub(crate) mesos: Arc<str>,
}

impl Instance {
    fn version(&self) -> Version {
        self.world.version()
    }

    fn authority(&self) -> &str {
        &self.authorities[self.index]
    }
}

/// The API as one instance serves it.
pub(crate) fn router(instance: Instance) -> Router {
    let version = instance.version();
    let mut router = Router::new()
        .route("/ping", get(info::ping))
        .route("/v2/info", get(info::info))
        .route("/v2/leader", get(info::leader).delete(info::abdicate))
        .route("/v2/apps", any(apps::apps))
        .route("/v2/apps/", any(apps::apps))
        .route("/v2/apps/{*path}", any(apps::below))
        .route("/v2/tasks", get(tasks::all))
        .route("/v2/tasks/delete", post(tasks::kill_given))
        .route("/v2/deployments", get(deployments::list))
        .route("/v2/deployments/{id}", delete(deployments::cancel))
        .route("/v2/groups", any(groups::root))
        .route("/v2/groups/{*path}", any(groups::below))
        .route("/v2/queue", get(queue::list));
    if version.can_reset_delay() {
        router = router.route("/v2/queue/{*path}", delete(queue::reset));
    }
    if version.has_event_stream() {
        router = router.route("/v2/events", get(stream::events));
    }
    if !version.has_networks() {
        let subscriptions = get(subscriptions::list)
            .post(subscriptions::subscribe)
            .delete(subscriptions::unsubscribe);
        router = router.route("/v2/eventSubscriptions", subscriptions);
    }
    router
        .fallback(unknown)
        .layer(axum::middleware::from_fn_with_state(instance.clone(), front::front))
        .with_state(instance)
}

async fn unknown(State(instance): State<Instance>, uri: Uri) -> Response {
    if instance.version().is_late() {
        let body = axum::Json(json!({ "message": "URI not found" }));
        return (StatusCode::INTERNAL_SERVER_ERROR, body).into_response();
    }
    let message = format!("URI not found: {}", uri.path());
    (StatusCode::NOT_FOUND, axum::Json(json!({ "message": message }))).into_response()
}
