//! Why a call is refused, and how each version says so.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::version::Version;

/// One thing that is wrong with what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Where, as in `/container/docker/image` or `/healthChecks(0)/portIndex`.
    pub(crate) path: String,
    /// What, in Marathon's words.
    pub(crate) error: String,
}

impl Violation {
    pub(crate) fn new(path: impl Into<String>, error: impl Into<String>) -> Self {
        Self { path: path.into(), error: error.into() }
    }
}

/// A call that is answered with an error.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The body is no JSON.
    Syntax(String),
    /// The body has values of wrong types.
    Types(Vec<Violation>),
    /// A query or an id makes no sense.
    Nonsense(String),
    /// The body says what cannot be.
    Invalid(Vec<Violation>),
    NoApp(String),
    NoTask(String),
    NoGroup(String),
    NoDeployment(String),
    NotQueued(String),
    AppExists(String),
    GroupExists(String),
    /// The deployments in the way.
    Locked(Vec<String>),
    /// So many deployments may run.
    TooManyDeployments(usize),
}

/// The placeholder is what Marathon sends.
pub(crate) const LOCKED: &str = "App is locked by one or more deployments. Override with the option \
     '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.";

impl Refusal {
    /// The answer, in the dialect of a version.
    pub(crate) fn answer(self, version: Version) -> Response {
        let (status, body) = self.told(version);
        (status, axum::Json(body)).into_response()
    }

    fn told(self, version: Version) -> (StatusCode, Value) {
        let message = |text: String| json!({ "message": text });
        match self {
            Self::Syntax(why) => {
                (StatusCode::BAD_REQUEST, json!({ "message": "Invalid JSON", "details": why }))
            }
            Self::Types(wrong) => {
                let details = by_path(&wrong);
                (StatusCode::BAD_REQUEST, json!({ "message": "Invalid JSON", "details": details }))
            }
            Self::Nonsense(text) => (StatusCode::BAD_REQUEST, message(text)),
            Self::Invalid(wrong) => (StatusCode::UNPROCESSABLE_ENTITY, invalid(&wrong, version)),
            Self::NoApp(id) => not_found(&format!("App '{id}' does not exist")),
            Self::NoTask(id) => not_found(&format!("Task '{id}' does not exist")),
            Self::NoGroup(id) => not_found(&format!("Group '{id}' does not exist")),
            Self::NoDeployment(id) => not_found(&format!("DeploymentPlan {id} does not exist")),
            Self::NotQueued(id) => {
                not_found(&format!("Application {id} not found in tasks queue."))
            }
            Self::AppExists(id) => {
                (StatusCode::CONFLICT, message(format!("An app with id [{id}] already exists.")))
            }
            Self::GroupExists(id) => {
                let text = format!("Group {id} is already created. Use PUT to change this group.");
                (StatusCode::CONFLICT, message(text))
            }
            Self::Locked(ids) => {
                let deployments: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
                (StatusCode::CONFLICT, json!({ "message": LOCKED, "deployments": deployments }))
            }
            Self::TooManyDeployments(most) => {
                let text = format!(
                    "Max number ({most}) of running deployments is achieved. Wait for existing \
                     deployments to complete or cancel one using force=true parameter. You can increase \
                     max deployment number by using --max_running_deployments parameter but be advised \
                     that this can have negative effects on the performance."
                );
                (StatusCode::FORBIDDEN, message(text))
            }
        }
    }
}

fn not_found(text: &str) -> (StatusCode, Value) {
    (StatusCode::NOT_FOUND, json!({ "message": text }))
}

fn invalid(wrong: &[Violation], version: Version) -> Value {
    if version.has_detailed_errors() {
        return json!({ "message": "Object is not valid", "details": by_path(wrong) });
    }
    let attribute = |violation: &Violation| violation.path.trim_matches('/').replace('/', ".");
    if version.has_fetch() {
        let first = |violation: &Violation| {
            let whole = attribute(violation);
            let end = whole.find(['.', '(']).unwrap_or(whole.len());
            json!({ "attribute": &whole[..end], "error": violation.error })
        };
        let details: Vec<Value> = wrong.iter().map(first).collect();
        return json!({ "message": "Object is not valid", "details": details });
    }
    let errors: Vec<Value> = wrong
        .iter()
        .map(|violation| json!({ "attribute": attribute(violation), "error": violation.error }))
        .collect();
    json!({ "message": "Bean is not valid", "errors": errors })
}

fn by_path(wrong: &[Violation]) -> Vec<Value> {
    let mut paths: Vec<(&str, Vec<&str>)> = Vec::new();
    for violation in wrong {
        match paths.iter_mut().find(|(path, _)| *path == violation.path) {
            Some((_, errors)) => errors.push(&violation.error),
            None => paths.push((&violation.path, vec![&violation.error])),
        }
    }
    paths.into_iter().map(|(path, errors)| json!({ "path": path, "errors": errors })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(version: &str) -> Value {
        let wrong =
            vec![Violation::new("/upgradeStrategy/minimumHealthCapacity", "is greater than 1")];
        Refusal::Invalid(wrong).told(version.parse().unwrap()).1
    }

    #[test]
    fn validation_errors_have_the_shape_of_their_version() {
        assert_eq!(
            told("1.9"),
            json!({ "message": "Object is not valid", "details": [{
                "path": "/upgradeStrategy/minimumHealthCapacity", "errors": ["is greater than 1"] }] })
        );
        assert_eq!(
            told("0.15"),
            json!({ "message": "Object is not valid",
                "details": [{ "attribute": "upgradeStrategy", "error": "is greater than 1" }] })
        );
        assert_eq!(
            told("0.9"),
            json!({ "message": "Bean is not valid", "errors": [{
                "attribute": "upgradeStrategy.minimumHealthCapacity", "error": "is greater than 1" }] })
        );
    }
}
