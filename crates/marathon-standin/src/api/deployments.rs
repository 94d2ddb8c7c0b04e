//! `/v2/deployments`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::Instance;
use super::answer::{self, Outcome};
use super::query::Query;
use crate::refusal::Refusal;

pub(super) async fn list(State(instance): State<Instance>) -> Json<Vec<Value>> {
    let state = instance.world.state();
    let told = state.deployments.iter().map(|deployment| deployment.told(instance.version()));
    Json(told.collect())
}

pub(super) async fn cancel(
    State(instance): State<Instance>,
    Path(id): Path<String>,
    query: Query,
) -> Response {
    let outcome = end(&instance, &id, query.is("force", false));
    outcome.unwrap_or_else(|refusal| refusal.answer(instance.version()))
}

fn end(instance: &Instance, id: &str, forced: bool) -> Outcome {
    let world = &instance.world;
    let mut state = world.state();
    if !forced {
        let started = world.revert(&mut state, id)?;
        return Ok(answer::started(StatusCode::OK, &started, instance.version()));
    }
    if world.cancel(&mut state, id) {
        return Ok(StatusCode::ACCEPTED.into_response());
    }
    Err(Refusal::NoDeployment(id.to_owned()))
}
