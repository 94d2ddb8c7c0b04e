//! Deployments: the way from what was wanted to what is wanted, in steps.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::App;
use crate::time::written;
use crate::version::Version;

/// What a step does with an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Start,
    Scale,
    Restart,
    Stop,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "StartApplication",
            Self::Scale => "ScaleApplication",
            Self::Restart => "RestartApplication",
            Self::Stop => "StopApplication",
        }
    }
}

/// Some actions that go on at once.
pub(crate) type Step = Vec<(Action, String)>;

/// The apps of one moment.
pub(crate) type Apps = BTreeMap<String, App>;

/// A change that is being made.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) version: Timestamp,
    pub(crate) steps: Vec<Step>,
    /// Counts from 1; 0 before the first.
    pub(crate) current: usize,
    /// What was wanted of the apps that it changes; none for one that was not there.
    pub(crate) before: BTreeMap<String, Option<App>>,
    /// Whole trees, for events before 1.7.
    pub(crate) trees: Option<(Value, Value)>,
}

impl Deployment {
    pub(crate) fn touches(&self, app: &str) -> bool {
        self.steps.iter().flatten().any(|(_, id)| id == app)
    }

    /// What is being done now.
    pub(crate) fn current_step(&self) -> &[(Action, String)] {
        let index = self.current.checked_sub(1);
        index.and_then(|index| self.steps.get(index)).map_or(&[], Vec::as_slice)
    }

    /// What it does with an app now, or has done; none when its turn has not come.
    pub(crate) fn turn(&self, app: &str) -> Option<Action> {
        let steps = self.steps.iter().take(self.current).flatten();
        steps.rev().find(|(_, id)| id == app).map(|(action, _)| *action)
    }

    fn affected(&self) -> BTreeSet<&str> {
        self.steps.iter().flatten().map(|(_, app)| app.as_str()).collect()
    }

    /// As `/v2/deployments` tells it.
    pub(crate) fn told(&self, dialect: Version) -> Value {
        let current = self.current_step().iter().map(|(action, app)| {
            let mut told = json!({ "action": action.name(), "app": app });
            if dialect.has_step_objects() {
                told["readinessCheckResults"] = json!([]);
            }
            told
        });
        let mut deployment = json!({
            "id": self.id,
            "version": written(self.version),
            "affectedApps": self.affected(),
            "steps": self.told_steps(dialect),
            "currentActions": current.collect::<Vec<_>>(),
            "currentStep": self.current,
            "totalSteps": self.steps.len(),
        });
        if dialect.has_instances() {
            deployment["affectedPods"] = json!([]);
        }
        deployment
    }

    /// As events tell it.
    pub(crate) fn plan(&self, dialect: Version) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(|step| event_step(step, dialect)).collect();
        let mut plan = json!({ "id": self.id, "steps": steps, "version": written(self.version) });
        if let Some((original, target)) = &self.trees {
            plan["original"] = original.clone();
            plan["target"] = target.clone();
        }
        plan
    }

    fn told_steps(&self, dialect: Version) -> Vec<Value> {
        self.steps.iter().map(|step| told_step(step, dialect)).collect()
    }
}

/// A step as deployments are listed, and as a dry run tells it.
pub(super) fn told_step(step: &[(Action, String)], dialect: Version) -> Value {
    if dialect.has_step_objects() {
        return event_step(step, dialect);
    }
    actions(step, "action")
}

/// A step as events tell it; an object in every version.
pub(super) fn event_step(step: &[(Action, String)], dialect: Version) -> Value {
    let key = if dialect.has_task_state() { "action" } else { "type" };
    json!({ "actions": actions(step, key) })
}

fn actions(step: &[(Action, String)], key: &str) -> Value {
    step.iter().map(|(action, app)| json!({ key: action.name(), "app": app })).collect()
}

/// The steps from some apps to others: what is no longer wanted is stopped, what is new is started with
/// nothing, and then each app comes after those that it depends on.
pub(super) fn steps(before: &Apps, after: &Apps, changed: &[String], restart: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let gone = |id: &&String| before.contains_key(*id) && !after.contains_key(*id);
    let new = |id: &&String| !before.contains_key(*id) && after.contains_key(*id);
    steps.push(changed.iter().filter(gone).map(|id| (Action::Stop, id.clone())).collect());
    steps.push(changed.iter().filter(new).map(|id| (Action::Start, id.clone())).collect());
    for level in levels(changed, after) {
        let actions = level.into_iter().filter_map(|id| {
            let app = after.get(&id)?;
            let action = match before.get(&id) {
                Some(old) if restart || !old.definition.same_config(&app.definition) => {
                    if app.definition.instances() == 0 { Action::Scale } else { Action::Restart }
                }
                Some(old) if old.definition == app.definition => return None,
                _ => Action::Scale,
            };
            Some((action, id))
        });
        steps.push(actions.collect::<Step>());
    }
    steps.retain(|step| !step.is_empty());
    steps
}

/// Apps in an order in which each comes after its dependencies; those of a level may go at once.
fn levels(changed: &[String], apps: &Apps) -> Vec<Vec<String>> {
    let mut left: Vec<String> = changed.to_vec();
    let mut levels = Vec::new();
    while !left.is_empty() {
        let waits = |id: &String| {
            let needed = apps.get(id).map(|app| app.definition.dependencies()).unwrap_or_default();
            needed.iter().any(|needed| needed != id && left.contains(needed))
        };
        let (later, mut now): (Vec<String>, Vec<String>) = left.iter().cloned().partition(waits);
        // Dependencies in a circle have no order.
        let mut later = later;
        if now.is_empty() {
            now = std::mem::take(&mut later);
        }
        levels.push(now);
        left = later;
    }
    levels
}
