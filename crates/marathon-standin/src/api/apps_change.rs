//! `/v2/apps`: those that change something.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse as _;
use serde_json::Value;

use super::answer::{self, Outcome};
use super::query::Query;
use super::{Instance, tell};
use crate::definition::{Definition, Sent, json};
use crate::refusal::{Refusal, Violation};
use crate::world::{Event, State, Wanted, is_group};

/// One call.
pub(super) struct Caller<'a> {
    pub(super) instance: &'a Instance,
    pub(super) query: &'a Query,
    /// Where it comes from.
    pub(super) client: String,
}

impl Caller<'_> {
    fn is_forced(&self, default: bool) -> bool {
        self.query.is("force", default)
    }

    pub(super) fn create(&self, body: &[u8]) -> Outcome {
        let version = self.instance.version();
        let world = &self.instance.world;
        let sent = Sent::read(body, version)?;
        let id = absolute(sent.id().ok_or_else(without_id)?);
        let mut state = world.state();
        if state.apps.contains_key(&id) {
            return Err(Refusal::AppExists(id));
        }
        let definition = sent.create(&id, version)?;
        not_a_group(&state, &id)?;
        let wanted = BTreeMap::from([(id.clone(), Wanted::App(definition))]);
        let started = self.posting(&mut state, &id, "/v2/apps", |state| {
            world.change(state, wanted, self.is_forced(false))
        })?;
        let Some(app) = state.apps.get(&id) else { return Err(Refusal::NoApp(id)) };
        let mut told = app.told(version);
        tell::new_app(&mut told, &started.deployment);
        world.assign_ports(&mut state, &id);
        let location = [(LOCATION, format!("/v2/apps{id}"))];
        let response = (StatusCode::CREATED, location, Json(told)).into_response();
        Ok(answer::with_deployment(response, &started, version))
    }

    pub(super) fn update(&self, id: &str, body: &[u8], create: bool) -> Outcome {
        let version = self.instance.version();
        let sent = Sent::read(body, version)?;
        let mut state = self.instance.world.state();
        let is_new = !state.apps.contains_key(id);
        if is_new && !create {
            return Err(Refusal::NoApp(id.to_owned()));
        }
        let definition = self.changed(&state, id, sent)?;
        not_a_group(&state, id)?;
        let wanted = BTreeMap::from([(id.to_owned(), Wanted::App(definition))]);
        let uri = format!("/v2/apps{id}");
        let started = self.posting(&mut state, id, &uri, |state| {
            self.instance.world.change(state, wanted, self.is_forced(false))
        })?;
        if is_new {
            self.instance.world.assign_ports(&mut state, id);
        }
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        Ok(answer::started(status, &started, version))
    }

    pub(super) fn update_several(&self, body: &[u8], create: bool) -> Outcome {
        let version = self.instance.version();
        let world = &self.instance.world;
        let Value::Array(bodies) = json(body)? else {
            return Err(Refusal::Types(vec![Violation::new("/", "error.expected.jsarray")]));
        };
        let mut state = world.state();
        let mut wanted = BTreeMap::new();
        let mut new = Vec::new();
        for body in bodies {
            let sent = Sent::take(body, version)?;
            let id = absolute(sent.id().ok_or_else(without_id)?);
            if !state.apps.contains_key(&id) {
                if !create {
                    return Err(Refusal::NoApp(id));
                }
                new.push(id.clone());
            }
            let definition = self.changed(&state, &id, sent)?;
            not_a_group(&state, &id)?;
            wanted.insert(id, Wanted::App(definition));
        }
        let started = world.change(&mut state, wanted, self.is_forced(false))?;
        for id in new {
            world.assign_ports(&mut state, &id);
        }
        Ok(answer::started(StatusCode::OK, &started, version))
    }

    /// What an app becomes: an earlier version, something else altogether, or the same with changes.
    fn changed(&self, state: &State, id: &str, sent: Sent) -> Result<Definition, Refusal> {
        let version = self.instance.version();
        let Some(app) = state.apps.get(id) else { return sent.create(id, version) };
        if let Some(at) = sent.rollback()? {
            let earlier = app.at(at).map(|(_, definition)| definition.clone());
            return earlier.ok_or_else(|| Refusal::NoApp(id.to_owned()));
        }
        if version.has_instances() && !self.query.is("partialUpdate", true) {
            return sent.create(id, version);
        }
        sent.merge(&app.definition, version)
    }

    pub(super) fn delete(&self, id: &str) -> Outcome {
        let mut state = self.instance.world.state();
        if !state.apps.contains_key(id) {
            return Err(Refusal::NoApp(id.to_owned()));
        }
        let wanted = BTreeMap::from([(id.to_owned(), Wanted::Gone)]);
        let started = self.instance.world.change(&mut state, wanted, self.is_forced(true))?;
        Ok(answer::started(StatusCode::OK, &started, self.instance.version()))
    }

    pub(super) fn restart(&self, id: &str) -> Outcome {
        let mut state = self.instance.world.state();
        if !state.apps.contains_key(id) {
            return Err(Refusal::NoApp(id.to_owned()));
        }
        let wanted = BTreeMap::from([(id.to_owned(), Wanted::Restarted)]);
        let started = self.instance.world.change(&mut state, wanted, self.is_forced(false))?;
        Ok(answer::started(StatusCode::OK, &started, self.instance.version()))
    }

    /// Makes a change and tells of the call before anything else that comes of it.
    fn posting<T>(
        &self,
        state: &mut State,
        id: &str,
        uri: &str,
        change: impl FnOnce(&mut State) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        state.hold();
        let changed = change(state);
        let posted = changed.is_ok().then(|| {
            let app = state.apps.get(id).map(|app| app.told(self.instance.version()));
            Event::posted(&self.client, uri, &app.map_or(Value::Null, Value::Object))
        });
        state.release(posted);
        changed
    }
}

/// An id with its leading slash.
pub(super) fn absolute(id: &str) -> String {
    format!("/{}", id.trim_matches('/'))
}

fn without_id() -> Refusal {
    Refusal::Types(vec![Violation::new("/id", "error.path.missing")])
}

fn not_a_group(state: &State, id: &str) -> Result<(), Refusal> {
    if is_group(state, id) {
        let error = format!("An app with the path {id} cannot be: there is a group of that path.");
        return Err(Refusal::Invalid(vec![Violation::new("/id", error)]));
    }
    Ok(())
}
