//! Apps and tasks as calls answer with them.

use serde_json::{Map, Value, json};

use super::Instance;
use super::query::Query;
use crate::world::{App, State, Task};

/// What is told of an app beside its definition.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Embed {
    pub(super) tasks: bool,
    pub(super) counts: bool,
    pub(super) deployments: bool,
    pub(super) failure: bool,
    pub(super) readiness: bool,
}

impl Embed {
    /// What one app alone is told with.
    pub(super) const ALL: Self =
        Self { tasks: true, counts: true, deployments: true, failure: true, readiness: false };

    /// What was asked for; unknown values are ignored. Before 0.11 the first one alone counts.
    pub(super) fn asked(query: &Query, several: bool) -> Self {
        let mut embed = Self::default();
        let most = if several { usize::MAX } else { 1 };
        for value in query.all("embed").take(most) {
            let bare = ["group.apps.", "apps.", "app."]
                .into_iter()
                .find_map(|prefix| value.strip_prefix(prefix))
                .unwrap_or(value);
            match bare {
                "tasks" => embed.tasks = true,
                "counts" => embed.counts = true,
                "deployments" => embed.deployments = true,
                "lastTaskFailure" => embed.failure = true,
                "readiness" => embed.readiness = true,
                "failures" => {
                    embed.failure = true;
                    embed.tasks = true;
                }
                _ => {}
            }
        }
        embed
    }

    /// Lists always have these two.
    pub(super) fn listed(self) -> Self {
        Self { counts: true, deployments: true, ..self }
    }
}

impl Instance {
    /// An app with what of it is running.
    pub(super) fn tell_app(
        &self,
        state: &State,
        id: &str,
        app: &App,
        embed: Embed,
    ) -> Map<String, Value> {
        let mut told = app.told(self.version());
        let mut add = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
        if self.version().has_version_info() {
            add("versionInfo", app.version_info());
        }
        if embed.counts {
            counts(state, id).into_iter().for_each(|(name, count)| add(name, count.into()));
        }
        if embed.deployments {
            add("deployments", deployments(state, id));
        }
        if embed.tasks {
            let tasks = state.tasks_of(id).map(|task| self.tell_embedded(task, app));
            add("tasks", tasks.collect());
        }
        if embed.readiness {
            add("readinessCheckResults", json!([]));
        }
        if let Some(failure) = app.last_failure.clone().filter(|_| embed.failure) {
            add("lastTaskFailure", failure);
        }
        told
    }

    /// A task without its service ports.
    pub(super) fn tell_task(&self, task: &Task) -> Value {
        task.told(&self.world.agents[task.agent], self.version())
    }

    /// A task with its service ports.
    pub(super) fn tell_served(&self, task: &Task, app: &App) -> Value {
        let mut told = self.tell_task(task);
        let ports = app.definition.ports();
        told["servicePorts"] = ports.iter().map(|port| port.service).collect();
        told
    }

    /// A task within its app: from 1.5 to 1.7 without its service ports.
    fn tell_embedded(&self, task: &Task, app: &App) -> Value {
        let version = self.version();
        if version.has_networks() && !version.is_late() {
            return self.tell_task(task);
        }
        self.tell_served(task, app)
    }
}

/// How many of an app's tasks are how far.
fn counts(state: &State, id: &str) -> [(&'static str, usize); 4] {
    let count =
        |which: &dyn Fn(&Task) -> bool| state.tasks_of(id).filter(|task| which(task)).count();
    let healthy = |task: &Task| if task.is_running() { task.healthy() } else { None };
    [
        ("tasksStaged", count(&|task| task.started.is_none() && task.is_active())),
        ("tasksRunning", count(&|task| task.is_running())),
        ("tasksHealthy", count(&|task| healthy(task) == Some(true))),
        ("tasksUnhealthy", count(&|task| healthy(task) == Some(false))),
    ]
}

fn deployments(state: &State, id: &str) -> Value {
    state.deployments_of(id).map(|deployment| json!({ "id": deployment.id })).collect()
}

/// The counts of an app that has just been made, and the deployment that it is made by.
pub(super) fn new_app(app: &mut Map<String, Value>, deployment: &str) {
    for name in ["tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy"] {
        app.insert(name.to_owned(), 0.into());
    }
    app.insert("deployments".to_owned(), json!([{ "id": deployment }]));
}
