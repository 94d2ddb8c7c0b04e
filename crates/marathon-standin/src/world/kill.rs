//! Ending tasks.

use super::container::stop;
use super::task::Killed;
use super::{State, TaskState, World};

impl World {
    /// Ends a task with its grace period. One whose agent is lost is forgotten.
    pub(crate) fn kill(&self, state: &mut State, id: &str, killed: Killed) {
        let Some(task) = state.task_mut(id) else { return };
        if task.killed.is_some() {
            // Who asked first does not decide what becomes of its place; who asks for less does.
            if killed == Killed::Gone {
                task.killed = Some(killed);
            }
            return;
        }
        task.killed = Some(killed);
        if task.state == TaskState::Unreachable {
            self.forget(state, id);
            return;
        }
        task.state = TaskState::Killing;
        let (agent, container) = (task.agent, task.container.clone());
        let grace = task.definition.kill_grace();
        if self.version().has_task_state() {
            self.tell_status(state, id, "");
        }
        if let Some(container) = container {
            let docker = self.agents[agent].docker.clone();
            self.spawn(async move { stop(&docker, &container, grace).await });
        }
        self.wake();
    }
}
