//! A registry's notifications (<https://distribution.github.io/distribution/about/notifications/>).
//!
//! They only make a look at the registry happen sooner: whatever they say, the registry is asked itself. So
//! it does not matter which are missing, repeated or out of order.

use axum::extract::State;
use axum::http::StatusCode;
use launcher_control::Pushed;
use launcher_model::image::Digest;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::http::extract::Json;
use crate::http::problem::Problem;

/// What makes images; other things are kept in registries too.
const MANIFESTS: [&str; 4] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
];

/// What a registry sends.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::api) struct Notification {
    /// What happened. Only pushes of tagged manifests count; all else is passed over.
    #[schema(value_type = Vec<Object>)]
    events: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Event {
    action: String,
    target: Target,
}

#[derive(Deserialize)]
struct Target {
    #[serde(rename = "mediaType")]
    media_type: String,
    repository: String,
    tag: String,
    digest: Option<Digest>,
}

/// Takes what a registry tells: services that follow what was pushed look at it at once.
#[utoipa::path(post, path = "/hooks/registry", tag = "hooks", request_body = Notification,
    responses((status = 202), (status = "4XX", body = Problem)))]
pub(in crate::api) async fn notify(
    State(app): State<App>,
    Json(notification): Json<Notification>,
) -> StatusCode {
    for pushed in notification.events.into_iter().filter_map(pushed) {
        app.control.image_was_pushed(pushed);
    }
    StatusCode::ACCEPTED
}

/// What an event says was pushed; none when it says anything else.
fn pushed(event: serde_json::Value) -> Option<Pushed> {
    let Event { action, target } = serde_json::from_value(event).ok()?;
    let counts = action == "push" && MANIFESTS.contains(&target.media_type.as_str());
    (counts && !target.tag.is_empty()).then_some(Pushed {
        path: target.repository,
        tag: target.tag,
        digest: target.digest,
    })
}
