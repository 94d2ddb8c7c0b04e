//! What becomes known of tasks, and what follows from their end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::task::{Health, Killed};
use super::{Event, State, Task, TaskState, World};
use crate::time::written;

/// What happens on an agent that is lost is heard of when it is back.
const BACK: Duration = Duration::from_millis(50);
/// So many tasks that have ended are remembered.
const REMEMBERED: usize = 1000;

impl World {
    /// Tells of a task's state as it is now.
    pub(super) fn tell_status(&self, state: &mut State, id: &str, message: &str) {
        if let Some(task) = state.task(id).cloned() {
            self.tell_status_of(state, &task, message);
        }
    }

    pub(super) fn tell_status_of(&self, state: &mut State, task: &Task, message: &str) {
        let agent = &self.agents[task.agent];
        let dialect = self.version();
        state.publish(Event::status(task, agent, message, dialect));
        if dialect.has_instances() {
            let condition = match task.state {
                TaskState::Unreachable if task.inactive => "UnreachableInactive",
                other => other.condition(),
            };
            state.publish(Event::instance_changed(task, agent, condition, dialect));
        }
    }

    /// Whether somebody wants a task to end, or it is not there any more.
    pub(super) fn is_killed(&self, id: &str) -> bool {
        self.state().task(id).is_none_or(|task| task.killed.is_some())
    }

    /// A task's container was made; false when it need not be started any more.
    pub(super) fn has_container(&self, id: &str, container: &str) -> bool {
        let mut state = self.state();
        let Some(task) = state.task_mut(id) else { return false };
        task.container = Some(container.to_owned());
        if task.killed.is_some() {
            return false;
        }
        task.state = TaskState::Starting;
        self.tell_status(&mut state, id, "");
        true
    }

    /// A task's container was started.
    pub(super) fn runs(self: &Arc<Self>, id: &str, ip: Option<String>) {
        let mut state = self.state();
        let state = &mut *state;
        let Some(task) = state.task_mut(id) else { return };
        task.ip = ip;
        task.started = Some(crate::time::now());
        if task.state == TaskState::Starting {
            task.state = TaskState::Running;
            let app = task.app.clone();
            self.tell_status(state, id, "");
            if let Some(app) =
                state.apps.get_mut(&app).filter(|_| !self.version().has_version_info())
            {
                app.reset_backoff();
            }
        }
        self.watch_health(state, id);
        self.wake();
    }

    /// A task's container has ended, or could not be started.
    pub(super) async fn ended(&self, id: &str, how: TaskState, message: &str) {
        loop {
            let Some(agent) = self.state().agent_of(id) else { return };
            if self.state().reachable[agent] {
                break;
            }
            tokio::time::sleep(BACK).await;
        }
        let mut state = self.state();
        let state = &mut *state;
        if let Some(index) = state.strays.iter().position(|task| task.id == id) {
            let task = state.strays.remove(index);
            if self.version().has_instances() {
                state.publish(Event::unknown_ended(&task, self.version()));
            }
        }
        if let Some(index) = state.tasks.iter().position(|task| task.id == id) {
            let mut task = state.tasks.remove(index);
            task.state = how;
            self.conclude(state, &task, message);
        }
        self.wake();
    }

    /// What follows from the end of a task that is no longer in the list.
    pub(super) fn conclude(&self, state: &mut State, task: &Task, message: &str) {
        self.tell_status_of(state, task, message);
        remember(state, task);
        state.offer_again();
        let failure = self.failure(task, message);
        let Some(app) = state.apps.get_mut(&task.app) else { return };
        match task.state {
            TaskState::Failed => {
                app.last_failure = Some(failure);
                app.back_off();
            }
            TaskState::Finished => app.back_off(),
            TaskState::Lost => app.last_failure = Some(failure),
            _ => {}
        }
        if self.version().is_late() && task.killed != Some(Killed::Gone) {
            app.queue.instances.push((task.instance.clone(), task.incarnation));
        }
    }

    fn failure(&self, task: &Task, message: &str) -> Value {
        let agent = &self.agents[task.agent];
        json!({
            "appId": task.app,
            "host": agent.options.hostname,
            "message": message,
            "state": task.state.name(),
            "taskId": task.id,
            "timestamp": written(crate::time::now()),
            "version": written(task.version),
            "slaveId": agent.id,
        })
    }

    /// What the leader alone knows is lost with it.
    pub(super) fn forget_health(&self, state: &mut State) {
        for task in &mut state.tasks {
            let checks = task.definition.health_checks().iter();
            for (check, health) in checks.zip(&mut task.health) {
                let by_leader =
                    matches!(check["protocol"].as_str(), Some("HTTP" | "HTTPS" | "TCP"));
                if by_leader {
                    *health = Health::default();
                }
            }
        }
    }
}

fn remember(state: &mut State, task: &Task) {
    state.completed.push((task.clone(), crate::time::now()));
    if state.completed.len() > REMEMBERED {
        state.completed.remove(0);
    }
}

impl State {
    /// Where a task is, also one that Marathon has forgotten.
    fn agent_of(&self, id: &str) -> Option<usize> {
        let stray = || self.strays.iter().find(|task| task.id == id);
        self.task(id).or_else(stray).map(|task| task.agent)
    }
}
