//! The bodies of answers that are no success. They may also be HTML, or nothing.

use serde::Deserialize;
use serde_json::Value;

use super::app::Identified;
use super::or_default;

/// A refusal in JSON. Details had three forms over the versions.
#[derive(Debug, Default, Deserialize)]
pub(in crate::marathon) struct Refusal {
    #[serde(default, deserialize_with = "or_default")]
    message: String,
    #[serde(default)]
    details: Value,
    #[serde(default)]
    errors: Value,
    /// The deployments that hold the app.
    #[serde(default, deserialize_with = "or_default")]
    deployments: Vec<Identified>,
}

impl Refusal {
    /// Reads a body; none when it is no JSON object.
    pub(in crate::marathon) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The deployments that hold the app, when that is the reason.
    pub(in crate::marathon) fn locks(self) -> Vec<String> {
        self.deployments.into_iter().map(|deployment| deployment.id).collect()
    }

    /// Marathon's words, with what it says of single fields.
    pub(in crate::marathon) fn words(&self) -> String {
        let mut details = Vec::new();
        for part in [&self.details, &self.errors] {
            match part {
                Value::String(text) => details.push(text.clone()),
                Value::Array(items) => details.extend(items.iter().filter_map(detail)),
                _ => {}
            }
        }
        match (self.message.as_str(), details.as_slice()) {
            ("", details) => details.join("; "),
            (message, []) => message.to_owned(),
            (message, details) => format!("{message}: {}", details.join("; ")),
        }
    }
}

/// `{path, errors}`, or `{attribute, error}` before 1.0.
fn detail(item: &Value) -> Option<String> {
    let text = |field: &str| item.get(field).and_then(Value::as_str);
    let errors = item
        .get("errors")
        .and_then(Value::as_array)
        .map(|errors| errors.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    let errors = errors.or_else(|| text("error").map(str::to_owned))?;
    Some(match text("path").or_else(|| text("attribute")) {
        Some(place) => format!("{place}: {errors}"),
        None => errors,
    })
}
