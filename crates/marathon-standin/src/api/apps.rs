//! `/v2/apps`: which call is which, and those that only look.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::answer::{Outcome, not_allowed};
use super::apps_change::Caller;
use super::query::Query;
use super::tell::Embed;
use super::{Instance, tasks};
use crate::refusal::Refusal;
use crate::serve::Peer;
use crate::world::{App, told_at};

/// `/v2/apps`.
pub(super) async fn apps(
    State(instance): State<Instance>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    method: Method,
    query: Query,
    body: Bytes,
) -> Response {
    let version = instance.version();
    let caller = Caller { instance: &instance, query: &query, client: peer.ip().to_string() };
    let outcome = match method {
        Method::GET => Ok(list(&instance, &query)),
        Method::POST => caller.create(&body),
        Method::PUT => caller.update_several(&body, true),
        Method::PATCH if version.has_instances() => caller.update_several(&body, false),
        _ => Ok(not_allowed()),
    };
    outcome.unwrap_or_else(|refusal| refusal.answer(version))
}

/// What stands behind `/v2/apps/`: an app's id, which has slashes in it, and then what of it is meant.
enum Target {
    App(String),
    Within(String),
    Restart(String),
    Versions(String),
    Version(String, String),
    Tasks(String),
    Task(String, String),
}

impl Target {
    fn parse(path: &str) -> Self {
        let path = path.trim_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        let id = |count: usize| format!("/{}", parts[..parts.len() - count].join("/"));
        match parts.as_slice() {
            [_, .., "*"] => Self::Within(id(1)),
            [_, .., "restart"] => Self::Restart(id(1)),
            [_, .., "versions"] => Self::Versions(id(1)),
            [_, .., "versions", version] => Self::Version(id(2), (*version).to_owned()),
            [_, .., "tasks"] => Self::Tasks(id(1)),
            [_, .., "tasks", task] => Self::Task(id(2), (*task).to_owned()),
            _ => Self::App(id(0)),
        }
    }
}

/// `/v2/apps/…`.
pub(super) async fn below(
    State(instance): State<Instance>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Path(path): Path<String>,
    method: Method,
    query: Query,
    body: Bytes,
) -> Response {
    let version = instance.version();
    let caller = Caller { instance: &instance, query: &query, client: peer.ip().to_string() };
    let outcome = match (method, Target::parse(&path)) {
        (Method::GET, Target::App(id)) => one(&instance, &id),
        (Method::PUT, Target::App(id)) => caller.update(&id, &body, true),
        (Method::PATCH, Target::App(id)) if version.has_instances() => {
            caller.update(&id, &body, false)
        }
        (Method::DELETE, Target::App(id)) => caller.delete(&id),
        (Method::GET, Target::Within(group)) => Ok(within(&instance, &group, &query)),
        (Method::POST, Target::Restart(id)) => caller.restart(&id),
        (Method::GET, Target::Versions(id)) => versions(&instance, &id),
        (Method::GET, Target::Version(id, at)) => one_version(&instance, &id, &at),
        (Method::GET, Target::Tasks(id)) => tasks::of_app(&instance, &id),
        (Method::DELETE, Target::Tasks(id)) => tasks::kill_of_app(&instance, &id, &query),
        (Method::DELETE, Target::Task(id, task)) => tasks::kill_one(&instance, &id, &task, &query),
        _ => Ok(not_allowed()),
    };
    outcome.unwrap_or_else(|refusal| refusal.answer(version))
}

fn list(instance: &Instance, query: &Query) -> Response {
    let embed = Embed::asked(query, instance.version().has_version_info()).listed();
    let state = instance.world.state();
    let apps: Vec<Value> = state
        .apps
        .iter()
        .filter(|(id, app)| is_meant(query, id, app))
        .map(|(id, app)| Value::Object(instance.tell_app(&state, id, app, embed)))
        .collect();
    Json(json!({ "apps": apps })).into_response()
}

fn is_meant(query: &Query, id: &str, app: &App) -> bool {
    let contains = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    query.get("id").is_none_or(|part| contains(id, part))
        && query.get("cmd").is_none_or(|part| contains(app.definition.cmd().unwrap_or(""), part))
        && query.get("label").is_none_or(|selector| selects(selector, &app.definition.labels()))
}

/// Whether labels fit `a`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x)`, and several of them with commas.
fn selects(selector: &str, labels: &[(String, String)]) -> bool {
    let value = |name: &str| {
        let label = labels.iter().find(|(label, _)| label == name.trim());
        label.map(|(_, value)| value.as_str())
    };
    split_outside_of_brackets(selector).into_iter().all(|rule| {
        let listed = |list: &str| -> Vec<String> {
            let list = list.trim().trim_start_matches('(').trim_end_matches(')');
            list.split(',').map(|item| item.trim().to_owned()).collect()
        };
        if let Some((name, list)) = rule.split_once(" notin ") {
            value(name).is_some_and(|value| !listed(list).iter().any(|item| item == value))
        } else if let Some((name, list)) = rule.split_once(" in ") {
            value(name).is_some_and(|value| listed(list).iter().any(|item| item == value))
        } else if let Some((name, wanted)) = rule.split_once("!=") {
            value(name).is_some_and(|value| value != wanted.trim())
        } else if let Some((name, wanted)) = rule.split_once("==") {
            value(name) == Some(wanted.trim())
        } else {
            value(rule).is_some()
        }
    })
}

fn split_outside_of_brackets(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .collect()
}

fn one(instance: &Instance, id: &str) -> Outcome {
    let state = instance.world.state();
    let app = state.apps.get(id).ok_or_else(|| Refusal::NoApp(id.to_owned()))?;
    let told = instance.tell_app(&state, id, app, Embed::ALL);
    Ok(Json(json!({ "app": told })).into_response())
}

fn within(instance: &Instance, group: &str, query: &Query) -> Response {
    let embed = Embed::asked(query, true).listed();
    let state = instance.world.state();
    let apps: Vec<Value> = state
        .apps
        .iter()
        .filter(|(id, _)| crate::world::is_within(id, group))
        .map(|(id, app)| Value::Object(instance.tell_app(&state, id, app, embed)))
        .collect();
    Json(json!({ "*": apps })).into_response()
}

fn versions(instance: &Instance, id: &str) -> Outcome {
    let state = instance.world.state();
    let app = state.apps.get(id).ok_or_else(|| Refusal::NoApp(id.to_owned()))?;
    let newest_first = app.history.iter().rev().map(|(at, _)| crate::time::written(*at));
    Ok(Json(json!({ "versions": newest_first.collect::<Vec<_>>() })).into_response())
}

fn one_version(instance: &Instance, id: &str, at: &str) -> Outcome {
    let state = instance.world.state();
    let app = state.apps.get(id).ok_or_else(|| Refusal::NoApp(id.to_owned()))?;
    let Some((at, definition)) = app.at(at) else {
        let message = format!("App '{id}' does not have the version '{at}'");
        return Ok((StatusCode::NOT_FOUND, Json(json!({ "message": message }))).into_response());
    };
    Ok(Json(told_at(definition, *at, instance.version())).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_read_labels() {
        let labels =
            [("team".to_owned(), "shop".to_owned()), ("tier".to_owned(), "web".to_owned())];
        for (selector, fits) in [
            ("team", true),
            ("owner", false),
            ("team==shop", true),
            ("team!=shop", false),
            ("tier in (db, web), team", true),
            ("tier notin (db,web)", false),
            ("tier notin (db),team==other", false),
        ] {
            assert_eq!(selects(selector, &labels), fits, "{selector}");
        }
    }
}
