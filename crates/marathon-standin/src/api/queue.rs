//! `/v2/queue`: what waits to be launched, and why.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Instance;
use super::query::Query;
use crate::refusal::Refusal;
use crate::time::written;
use crate::world::{App, Offers, REASONS};

pub(super) async fn list(State(instance): State<Instance>, query: Query) -> Json<Value> {
    let offers = query.all("embed").any(|embed| embed == "lastUnusedOffers");
    let state = instance.world.state();
    let items = state.apps.iter().filter_map(|(id, app)| {
        app.queue.since?;
        let active = state.tasks_of(id).filter(|task| task.is_active()).count();
        let missing = app.definition.instances().saturating_sub(active);
        (missing > 0).then(|| item(&instance, app, missing, offers))
    });
    Json(json!({ "queue": items.collect::<Vec<_>>() }))
}

fn item(instance: &Instance, app: &App, missing: usize, with_offers: bool) -> Value {
    let version = instance.version();
    let left = app.delay();
    let mut item = json!({
        "app": app.told(version),
        "count": missing,
        "delay": { "timeLeftSeconds": left, "overdue": left == 0 },
    });
    if version.has_instances() {
        item["since"] = app.queue.since.map(written).into();
        item["processedOffersSummary"] = summary(&app.queue.offers);
        if with_offers {
            item["lastUnusedOffers"] = unused(instance, &app.queue.offers);
        }
    }
    if version.has_roles() {
        item["role"] = app.definition.role().into();
    }
    item
}

fn summary(offers: &Offers) -> Value {
    let (last, all) = if offers.processed == 0 {
        (json!([]), json!([]))
    } else {
        let mut last = [0; REASONS.len()];
        offers.last.iter().flatten().for_each(|reason| last[*reason] += 1);
        (funnel(&last, offers.last.len()), funnel(&offers.declined, offers.processed))
    };
    let mut summary = json!({
        "processedOffersCount": offers.processed,
        "unusedOffersCount": offers.unused,
        "rejectSummaryLastOffers": last,
        "rejectSummaryLaunchAttempt": all,
    });
    for (name, at) in
        [("lastUnusedOfferAt", offers.last_unused), ("lastUsedOfferAt", offers.last_used)]
    {
        if let Some(at) = at {
            summary[name] = written(at).into();
        }
    }
    summary
}

/// Each reason sees what those before it have let through.
fn funnel(declined: &[usize; REASONS.len()], offers: usize) -> Value {
    let mut processed = offers;
    let reasons = REASONS.iter().zip(declined).map(|(reason, declined)| {
        let seen = processed;
        processed = processed.saturating_sub(*declined);
        json!({ "reason": reason, "declined": declined, "processed": seen })
    });
    reasons.collect()
}

/// The offers that were declined the last time.
fn unused(instance: &Instance, offers: &Offers) -> Value {
    let agents = instance.world.agents.iter().zip(&offers.last);
    let declined = agents.filter_map(|(agent, reason)| {
        let reason = REASONS[(*reason)?];
        Some(json!({
            "offer": { "agentId": agent.id, "hostname": agent.options.hostname },
            "reason": [reason],
            "timestamp": offers.last_unused.map(written),
        }))
    });
    declined.collect()
}

/// `DELETE /v2/queue/{id}/delay`.
pub(super) async fn reset(State(instance): State<Instance>, Path(path): Path<String>) -> Response {
    let path = path.trim_matches('/');
    let Some(id) = path.strip_suffix("/delay").map(|id| format!("/{}", id.trim_matches('/')))
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut state = instance.world.state();
    match state.apps.get_mut(&id).filter(|app| app.queue.since.is_some()) {
        Some(app) => {
            app.reset_backoff();
            instance.world.wake();
            StatusCode::NO_CONTENT.into_response()
        }
        None => Refusal::NotQueued(id).answer(instance.version()),
    }
}
