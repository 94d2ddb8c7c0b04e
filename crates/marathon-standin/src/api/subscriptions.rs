//! `/v2/eventSubscriptions`, up to 1.4.

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::response::IntoResponse as _;
use axum::response::Response;
use serde_json::json;

use super::Instance;
use super::answer::Outcome;
use super::query::Query;
use crate::refusal::Refusal;
use crate::serve::Peer;
use crate::world::Event;

pub(super) async fn list(State(instance): State<Instance>) -> Response {
    answer(&instance, || {
        let urls = json!({ "callbackUrls": instance.world.state().callbacks.urls() });
        Ok(Json(urls).into_response())
    })
}

pub(super) async fn subscribe(
    State(instance): State<Instance>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    query: Query,
) -> Response {
    answer(&instance, || {
        let url = url(&query)?;
        let event = Event::subscribed(&peer.ip().to_string(), url);
        let mut state = instance.world.state();
        instance.world.subscribe(&mut state, url);
        let told = event.told();
        state.publish(event);
        Ok(Json(told).into_response())
    })
}

pub(super) async fn unsubscribe(
    State(instance): State<Instance>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    query: Query,
) -> Response {
    answer(&instance, || {
        let url = url(&query)?;
        let event = Event::unsubscribed(&peer.ip().to_string(), url);
        let mut state = instance.world.state();
        let told = event.told();
        state.publish(event);
        state.callbacks.remove(url);
        Ok(Json(told).into_response())
    })
}

fn url(query: &Query) -> Result<&str, Refusal> {
    let url = query.get("callbackUrl").unwrap_or_default();
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(url);
    }
    Err(Refusal::Nonsense(format!("Invalid callback URL: {url}")))
}

fn answer(instance: &Instance, call: impl FnOnce() -> Outcome) -> Response {
    if !instance.world.options.callbacks {
        let refusal = Refusal::Nonsense(
            "http event callback system is not running on this Marathon instance. Please re-start this \
             instance with \"--event_subscriber http_callback\"."
                .to_owned(),
        );
        return refusal.answer(instance.version());
    }
    call().unwrap_or_else(|refusal| refusal.answer(instance.version()))
}
