//! Changing what is wanted: locks, plans, cancelling, reverting.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::deployment::{Apps, Deployment, Step, steps, told_step};
use super::{App, Event, State, World};
use crate::definition::Definition;
use crate::refusal::{LOCKED, Refusal};
use crate::time::written;

/// What Marathon says of a deployment that another one has taken the place of.
const CANCELLED: &str = "The upgrade has been cancelled";

/// What is wanted of an app.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    App(Definition),
    /// The same as now, started anew.
    Restarted,
    Gone,
}

/// What a change comes to.
struct Outlook {
    before: Apps,
    after: Apps,
    steps: Vec<Step>,
}

/// A deployment that has begun.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) deployment: String,
    /// As it is written.
    pub(crate) version: String,
}

impl World {
    /// Changes some apps in one deployment.
    ///
    /// # Errors
    /// When another deployment touches one of them and `force` does not say to cancel it, or too many run.
    pub(crate) fn change(
        &self,
        state: &mut State,
        wanted: BTreeMap<String, Wanted>,
        force: bool,
    ) -> Result<Started, Refusal> {
        let version = state.next_version();
        let Outlook { before, after, steps } = self.outlook(state, wanted, version);
        let touched = steps.iter().flatten().map(|(_, id)| id.clone());
        let original = touched.map(|id| (id.clone(), before.get(&id).cloned())).collect();
        let trees = (!self.version().redirects_events()).then(|| {
            let tree = |apps| super::groups::tree(apps, &state.groups, version, self.version());
            (tree(&before), tree(&after))
        });
        let id = crate::ids::uuid();
        let deployment = Deployment { id, version, steps, current: 0, before: original, trees };
        self.make_way(state, &deployment, force)?;
        state.apps = after;
        state.publish(Event::group_changed(version));
        let started = Started { deployment: deployment.id.clone(), version: written(version) };
        state.deployments.push(deployment);
        self.wake();
        Ok(started)
    }

    /// The steps that a change would take, as the API tells them.
    pub(crate) fn dry_run(&self, state: &State, wanted: BTreeMap<String, Wanted>) -> Vec<Value> {
        let Outlook { steps, .. } = self.outlook(state, wanted, crate::time::now());
        steps.iter().map(|step| told_step(step, self.version())).collect()
    }

    fn outlook(
        &self,
        state: &State,
        wanted: BTreeMap<String, Wanted>,
        version: Timestamp,
    ) -> Outlook {
        let restart = wanted.values().any(|wanted| matches!(wanted, Wanted::Restarted));
        let before = state.apps.clone();
        let mut after = before.clone();
        let changed: Vec<String> = wanted.keys().cloned().collect();
        for (id, wanted) in wanted {
            match (wanted, after.get_mut(&id)) {
                (Wanted::Gone, _) => drop(after.remove(&id)),
                (Wanted::App(definition), None) => {
                    after.insert(id, App::new(definition, version));
                }
                (Wanted::App(definition), Some(app)) => {
                    let definition = self.with_ports(state, &definition);
                    if definition != app.definition {
                        app.change(definition, version, false);
                    }
                }
                (Wanted::Restarted, Some(app)) => app.change(app.definition.clone(), version, true),
                (Wanted::Restarted, None) => {}
            }
        }
        let steps = steps(&before, &after, &changed, restart);
        Outlook { before, after, steps }
    }

    /// Cancels what is in the way of a deployment, where it may.
    fn make_way(&self, state: &mut State, new: &Deployment, force: bool) -> Result<(), Refusal> {
        let in_way = |other: &Deployment| new.before.keys().any(|app| other.touches(app));
        let locks: Vec<String> =
            state.deployments.iter().filter(|d| in_way(d)).map(|d| d.id.clone()).collect();
        if !force && !locks.is_empty() {
            state.publish(Event::group_refused(new.version, LOCKED));
            if self.version().is_late() {
                state.publish(Event::not_deployed(new, LOCKED, self.version()));
            }
            return Err(Refusal::Locked(locks));
        }
        let most = self.options.max_running_deployments;
        if self.version().redirects_events() && !force && state.deployments.len() >= most {
            return Err(Refusal::TooManyDeployments(most));
        }
        for id in locks {
            self.cancel(state, &id);
        }
        Ok(())
    }

    /// Ends a deployment without undoing what it did; false when there is none of that id.
    pub(crate) fn cancel(&self, state: &mut State, id: &str) -> bool {
        let Some(index) = state.deployments.iter().position(|d| d.id == id) else { return false };
        let deployment = state.deployments.remove(index);
        state.publish(Event::not_deployed(&deployment, CANCELLED, self.version()));
        true
    }

    /// Puts back what a deployment has changed, by another one that cancels it.
    ///
    /// # Errors
    /// When there is none of that id.
    pub(crate) fn revert(&self, state: &mut State, id: &str) -> Result<Started, Refusal> {
        let deployment = state.deployments.iter().find(|deployment| deployment.id == id);
        let Some(deployment) = deployment else {
            return Err(Refusal::NoDeployment(id.to_owned()));
        };
        let wanted = deployment.before.iter().map(|(app, before)| {
            let wanted = before.as_ref().map(|app| Wanted::App(app.definition.clone()));
            (app.clone(), wanted.unwrap_or(Wanted::Gone))
        });
        let wanted = wanted.collect();
        let reverting = self.change(state, wanted, true)?;
        // One that changed nothing stands in nobody's way.
        self.cancel(state, id);
        Ok(reverting)
    }

    /// A definition with service ports where it leaves them open.
    pub(crate) fn with_ports(&self, state: &State, definition: &Definition) -> Definition {
        let mut taken = Vec::new();
        definition.with_service_ports(|| {
            let port = state.free_service_port(&taken);
            taken.push(port);
            port
        })
    }

    /// Gives a new app the service ports that its definition leaves open; they are not in the answer to
    /// the call that creates it.
    pub(crate) fn assign_ports(&self, state: &mut State, id: &str) {
        let Some(app) = state.apps.get(id) else { return };
        let definition = self.with_ports(state, &app.definition);
        if let Some(app) = state.apps.get_mut(id) {
            app.definition = definition.clone();
            if let Some((_, newest)) = app.history.last_mut() {
                *newest = definition;
            }
        }
    }
}
