//! Agents that Mesos does not reach any more, and that come back.

use std::sync::Arc;

use jiff::SignedDuration;

use super::container::{remove, stop};
use super::{Event, State, TaskState, World};

impl World {
    /// Mesos gives an agent up.
    pub(crate) fn lose(&self, state: &mut State, agent: usize) {
        state.reachable[agent] = false;
        let lost: Vec<String> = state
            .tasks
            .iter()
            .filter(|task| task.agent == agent)
            .map(|task| task.id.clone())
            .collect();
        for id in lost {
            if self.version().has_instances() {
                self.is_unreachable(state, &id);
            } else {
                self.is_lost(state, &id);
            }
        }
        self.wake();
    }

    fn is_unreachable(&self, state: &mut State, id: &str) {
        let Some(task) = state.task_mut(id) else { return };
        if task.killed.is_some() {
            // It is gone for all that anybody can tell.
            return self.forget(state, id);
        }
        task.state = TaskState::Unreachable;
        task.unreachable = Some(crate::time::now());
        self.tell_status(state, id, "Agent is unreachable");
    }

    /// Before 1.4, what is lost is replaced at once.
    fn is_lost(&self, state: &mut State, id: &str) {
        let Some(index) = state.tasks.iter().position(|task| task.id == id) else { return };
        let mut task = state.tasks.remove(index);
        state.strays.push(task.clone());
        task.state = TaskState::Lost;
        self.conclude(state, &task, "Slave removed");
    }

    /// Mesos reaches an agent again.
    pub(crate) fn find(self: &Arc<Self>, state: &mut State, agent: usize) {
        state.reachable[agent] = true;
        let back: Vec<String> = state
            .tasks
            .iter()
            .filter(|task| task.agent == agent && task.state == TaskState::Unreachable)
            .map(|task| task.id.clone())
            .collect();
        for id in back {
            let Some(task) = state.task_mut(&id) else { continue };
            task.state =
                if task.started.is_some() { TaskState::Running } else { TaskState::Staging };
            task.unreachable = None;
            task.inactive = false;
            self.tell_status(state, &id, "Agent is reachable again");
        }
        // What Marathon has forgotten has no business there.
        for stray in state.strays.iter().filter(|task| task.agent == agent) {
            let Some(container) = stray.container.clone() else { continue };
            let docker = self.agents[agent].docker.clone();
            let grace = stray.definition.kill_grace();
            self.spawn(async move { stop(&docker, &container, grace).await });
        }
        state.offer_again();
        self.wake();
    }

    /// Replaces and forgets what was unreachable for as long as its app says.
    pub(super) fn forget_unreachable(&self, state: &mut State) {
        let now = crate::time::now();
        let mut forgotten = Vec::new();
        let mut inactive = Vec::new();
        for task in &mut state.tasks {
            let Some(since) = task.unreachable else { continue };
            let Some((replaced, expunged)) = task.definition.unreachable() else { continue };
            let passed = |seconds: f64| {
                now.duration_since(since)
                    >= SignedDuration::try_from_secs_f64(seconds).unwrap_or_default()
            };
            if passed(replaced) && !task.inactive {
                task.inactive = true;
                inactive.push(task.id.clone());
            }
            if passed(expunged) {
                forgotten.push(task.id.clone());
            }
        }
        for id in inactive {
            self.tell_status(state, &id, "");
        }
        for id in forgotten {
            self.forget(state, &id);
        }
    }

    /// Marathon knows nothing of a task any more, which may well go on.
    pub(crate) fn forget(&self, state: &mut State, id: &str) {
        let Some(index) = state.tasks.iter().position(|task| task.id == id) else { return };
        let task = state.tasks.remove(index);
        let agent = &self.agents[task.agent];
        if self.version().has_instances() {
            let condition = if task.inactive { "UnreachableInactive" } else { "Unreachable" };
            state.publish(Event::instance_changed(&task, agent, condition, self.version()));
        }
        state.strays.push(task);
        state.offer_again();
    }

    /// The containers of an agent, as its machine would take them along when it dies.
    pub(crate) async fn destroy_containers(&self, agent: usize) {
        let on = |task: &&super::Task| task.agent == agent;
        let containers: Vec<String> = {
            let state = self.state();
            let tasks = state.tasks.iter().filter(on).chain(state.strays.iter().filter(on));
            tasks.filter_map(|task| task.container.clone()).collect()
        };
        for container in containers {
            remove(&self.agents[agent].docker, &container).await;
        }
    }
}
