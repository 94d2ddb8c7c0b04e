//! Tasks: listing and killing.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extracted;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Instance;
use super::answer::{self, Outcome};
use super::query::Query;
use crate::definition;
use crate::refusal::Refusal;
use crate::world::{Killed, State, Task, Wanted};

pub(super) async fn all(Extracted(instance): Extracted<Instance>, query: Query) -> Response {
    let state = instance.world.state();
    let wanted: Vec<&str> = query.all("status").collect();
    let is_wanted = |task: &Task| {
        let status = if task.started.is_some() { "running" } else { "staging" };
        wanted.is_empty() || wanted.contains(&status)
    };
    let tasks: Vec<Value> = state
        .tasks
        .iter()
        .filter(|task| is_wanted(task))
        .filter_map(|task| Some(instance.tell_served(task, state.apps.get(&task.app)?)))
        .collect();
    Json(json!({ "tasks": tasks })).into_response()
}

pub(super) fn of_app(instance: &Instance, id: &str) -> Outcome {
    let state = instance.world.state();
    if !state.apps.contains_key(id) {
        return Err(Refusal::NoApp(id.to_owned()));
    }
    let tasks = state.tasks_of(id).map(|task| {
        let mut told = instance.tell_task(task);
        if instance.version().is_late() {
            told["servicePorts"] = json!([]);
        }
        told
    });
    Ok(Json(json!({ "tasks": tasks.collect::<Vec<_>>() })).into_response())
}

/// How tasks shall be killed.
struct Manner {
    scale: bool,
    wipe: bool,
    force: bool,
}

impl Manner {
    fn asked(query: &Query) -> Result<Self, Refusal> {
        let manner = Self {
            scale: query.is("scale", false),
            wipe: query.is("wipe", false),
            force: query.is("force", false),
        };
        if manner.scale && manner.wipe {
            let error = "You cannot use scale and wipe at the same time.";
            return Err(Refusal::Nonsense(error.to_owned()));
        }
        Ok(manner)
    }
}

pub(super) fn kill_of_app(instance: &Instance, id: &str, query: &Query) -> Outcome {
    let manner = Manner::asked(query)?;
    let mut state = instance.world.state();
    if !state.apps.contains_key(id) {
        return Err(Refusal::NoApp(id.to_owned()));
    }
    let host = query.get("host").filter(|host| *host != "*");
    let is_there = |task: &&Task| {
        let agent = &instance.world.agents[task.agent];
        host.is_none_or(|host| agent.options.hostname == host)
    };
    let tasks: Vec<Task> = state.tasks_of(id).filter(is_there).cloned().collect();
    kill(instance, &mut state, &tasks, &manner, |tasks| json!({ "tasks": tasks }))
}

pub(super) fn kill_one(instance: &Instance, id: &str, task: &str, query: &Query) -> Outcome {
    let manner = Manner::asked(query)?;
    let mut state = instance.world.state();
    if !state.apps.contains_key(id) {
        return Err(Refusal::NoApp(id.to_owned()));
    }
    let found = state.tasks_of(id).find(|known| known.id == task).cloned();
    let found = found.ok_or_else(|| Refusal::NoTask(task.to_owned()))?;
    kill(
        instance,
        &mut state,
        &[found],
        &manner,
        |mut tasks| json!({ "task": tasks.pop().unwrap_or_default() }),
    )
}

pub(super) async fn kill_given(
    Extracted(instance): Extracted<Instance>,
    query: Query,
    body: Bytes,
) -> Response {
    let outcome = given(&instance, &query, &body);
    outcome.unwrap_or_else(|refusal| refusal.answer(instance.version()))
}

fn given(instance: &Instance, query: &Query, body: &[u8]) -> Outcome {
    let manner = Manner::asked(query)?;
    let ids = definition::json(body)?;
    let ids = ids["ids"].as_array().cloned().unwrap_or_default();
    let ids: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
    if let Some(bad) = ids.iter().find(|id| crate::ids::app_of(id).is_none()) {
        return Err(Refusal::Nonsense(format!("Invalid task id '{bad}'.")));
    }
    let mut state = instance.world.state();
    let tasks: Vec<Task> = ids.iter().filter_map(|id| state.task(id).cloned()).collect();
    kill(instance, &mut state, &tasks, &manner, |tasks| json!({ "tasks": tasks }))
}

/// Kills tasks; `tell` makes the answer of what they were.
fn kill(
    instance: &Instance,
    state: &mut State,
    tasks: &[Task],
    manner: &Manner,
    tell: impl FnOnce(Vec<Value>) -> Value,
) -> Outcome {
    let world = &instance.world;
    if manner.scale {
        let started = world.change(state, fewer(state, tasks), manner.force)?;
        for task in tasks {
            world.kill(state, &task.id, Killed::Gone);
        }
        return Ok(answer::started(StatusCode::OK, &started, instance.version()));
    }
    let told = tasks.iter().map(|task| match state.apps.get(&task.app) {
        Some(app) => instance.tell_served(task, app),
        None => instance.tell_task(task),
    });
    let told = tell(told.collect());
    for task in tasks {
        world.kill(state, &task.id, Killed::Replaced);
        if manner.wipe {
            world.forget(state, &task.id);
        }
    }
    Ok(Json(told).into_response())
}

/// The apps of some tasks, without these.
fn fewer(state: &State, tasks: &[Task]) -> BTreeMap<String, Wanted> {
    let mut wanted = BTreeMap::new();
    for task in tasks {
        let Some(app) = state.apps.get(&task.app) else { continue };
        let count = tasks.iter().filter(|t| t.app == task.app && t.killed.is_none()).count();
        let left = app.definition.instances().saturating_sub(count);
        wanted.insert(task.app.clone(), Wanted::App(app.definition.scaled(left)));
    }
    wanted
}
