//! `/v2/groups`.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extracted};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Instance;
use super::answer::{self, Outcome, not_allowed};
use super::query::Query;
use super::tell::Embed;
use crate::definition::{self, Sent};
use crate::refusal::{Refusal, Violation};
use crate::world::{State, Wanted, group, is_group, is_within};

pub(super) async fn root(
    Extracted(instance): Extracted<Instance>,
    method: Method,
    query: Query,
    body: Bytes,
) -> Response {
    call(&instance, "/", &method, &query, &body)
}

pub(super) async fn below(
    Extracted(instance): Extracted<Instance>,
    Path(path): Path<String>,
    method: Method,
    query: Query,
    body: Bytes,
) -> Response {
    let id = format!("/{}", path.trim_matches('/'));
    call(&instance, &id, &method, &query, &body)
}

fn call(instance: &Instance, id: &str, method: &Method, query: &Query, body: &[u8]) -> Response {
    let outcome = match *method {
        Method::GET => tell(instance, id, query),
        Method::POST => change(instance, id, query, body, true),
        Method::PUT => change(instance, id, query, body, false),
        Method::DELETE => remove(instance, id, query),
        _ => Ok(not_allowed()),
    };
    outcome.unwrap_or_else(|refusal| refusal.answer(instance.version()))
}

fn tell(instance: &Instance, id: &str, query: &Query) -> Outcome {
    let state = instance.world.state();
    if !is_group(&state, id) {
        return Err(Refusal::NoGroup(id.to_owned()));
    }
    let embed = Embed::asked(query, true);
    let tell = |id: &str, app: &crate::world::App| {
        let mut told = instance.tell_app(&state, id, app, embed);
        if !(embed.tasks || embed.counts || embed.deployments) {
            told.remove("versionInfo");
        }
        told
    };
    let newest = state.apps.values().map(|app| app.version).max().unwrap_or(state.began);
    let told = group(id, &state.apps, &state.groups, newest, instance.version(), &tell);
    Ok(Json(told).into_response())
}

fn remove(instance: &Instance, id: &str, query: &Query) -> Outcome {
    let mut state = instance.world.state();
    if !is_group(&state, id) {
        return Err(Refusal::NoGroup(id.to_owned()));
    }
    let inside = state.apps.keys().filter(|app| is_within(app, id)).cloned();
    let wanted = inside.map(|app| (app, Wanted::Gone)).collect();
    let started = instance.world.change(&mut state, wanted, query.is("force", false))?;
    state.groups.retain(|group| group != id && !is_within(group, id));
    Ok(answer::started(StatusCode::OK, &started, instance.version()))
}

/// What a group's body asks for.
#[derive(Default)]
struct Asked {
    wanted: BTreeMap<String, Wanted>,
    groups: Vec<String>,
}

fn change(instance: &Instance, base: &str, query: &Query, body: &[u8], new: bool) -> Outcome {
    let version = instance.version();
    let body = definition::json(body)?;
    let mut state = instance.world.state();
    let id = match body["id"].as_str() {
        Some(id) => resolve(id, if new { base } else { "/" }),
        None => base.to_owned(),
    };
    if new && id != "/" && is_group(&state, &id) {
        return Err(Refusal::GroupExists(id));
    }
    let mut asked = Asked::default();
    if let Some(factor) = body["scaleBy"].as_f64() {
        scale(&state, &id, factor, &mut asked);
    } else if body.get("version").is_some() {
        let error = "the stand-in keeps no versions of groups";
        return Err(Refusal::Invalid(vec![Violation::new("/version", error)]));
    } else {
        read(instance, &state, &id, &body, &mut asked)?;
    }
    if query.is("dryRun", false) {
        let steps = instance.world.dry_run(&state, asked.wanted);
        return Ok(Json(json!({ "steps": steps })).into_response());
    }
    let changed: Vec<String> = asked.wanted.keys().cloned().collect();
    let started = instance.world.change(&mut state, asked.wanted, query.is("force", false))?;
    state.groups.extend(asked.groups);
    for app in changed {
        instance.world.assign_ports(&mut state, &app);
    }
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer::started(status, &started, version))
}

fn scale(state: &State, id: &str, factor: f64, asked: &mut Asked) {
    for (app, what) in state.apps.iter().filter(|(app, _)| is_within(app, id)) {
        let instances = (what.definition.instances() as f64 * factor).ceil().max(0.0) as usize;
        asked.wanted.insert(app.clone(), Wanted::App(what.definition.scaled(instances)));
    }
}

/// Reads a group and those in it. Where apps are listed, those that are not go.
fn read(
    instance: &Instance,
    state: &State,
    id: &str,
    body: &Value,
    asked: &mut Asked,
) -> Result<(), Refusal> {
    let version = instance.version();
    asked.groups.push(id.to_owned());
    if let Some(apps) = body["apps"].as_array() {
        let own = state.apps.keys().filter(|app| crate::world::parent(app) == id).cloned();
        asked.wanted.extend(own.map(|app| (app, Wanted::Gone)));
        for app in apps {
            let sent = Sent::take(app.clone(), version)?;
            let name = sent.id().map(|name| resolve(name, id));
            let name = name.ok_or_else(|| {
                Refusal::Types(vec![Violation::new("/apps/id", "error.path.missing")])
            })?;
            let definition = match state.apps.get(&name) {
                Some(there) => sent.merge(&there.definition, version)?,
                None => sent.create(&name, version)?,
            };
            asked.wanted.insert(name, Wanted::App(definition));
        }
    }
    for inner in body["groups"].as_array().into_iter().flatten() {
        let name = inner["id"].as_str().map(|name| resolve(name, id));
        let name = name.ok_or_else(|| {
            Refusal::Types(vec![Violation::new("/groups/id", "error.path.missing")])
        })?;
        read(instance, state, &name, inner, asked)?;
    }
    Ok(())
}

/// An id within a group, unless it is absolute.
fn resolve(id: &str, group: &str) -> String {
    if id.starts_with('/') {
        return format!("/{}", id.trim_matches('/'));
    }
    format!("{}/{}", group.trim_end_matches('/'), id.trim_matches('/'))
}
