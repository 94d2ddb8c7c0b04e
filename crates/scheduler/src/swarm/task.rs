//! What one task says.

use std::collections::HashMap;

use bollard::models::{ContainerStatus, Task, TaskState};
use jiff::Timestamp;

use super::names::CHECK;
use crate::docker::observe::time;

/// Where it is.
pub(super) fn state(task: &Task) -> TaskState {
    task.status.as_ref().and_then(|status| status.state).unwrap_or(TaskState::NEW)
}

/// When it came there.
pub(super) fn stamp(task: &Task) -> Option<Timestamp> {
    task.status.as_ref()?.timestamp.as_deref().and_then(time)
}

/// When it was made.
pub(super) fn made(task: &Task) -> Timestamp {
    task.created_at.as_deref().and_then(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whether nothing of it runs any more, or ever will.
pub(super) fn ended(task: &Task) -> bool {
    matches!(
        state(task),
        TaskState::COMPLETE
            | TaskState::SHUTDOWN
            | TaskState::FAILED
            | TaskState::REJECTED
            | TaskState::REMOVE
            | TaskState::ORPHANED
    )
}

/// Whether it ended by itself, or could not begin; what nobody had asked of it.
pub(super) fn has_failed(task: &Task) -> bool {
    matches!(state(task), TaskState::COMPLETE | TaskState::FAILED | TaskState::REJECTED)
}

/// Whether the Swarm wants it to run, or to come to run.
pub(super) fn wanted(task: &Task) -> bool {
    !matches!(
        task.desired_state,
        Some(
            TaskState::SHUTDOWN
                | TaskState::REMOVE
                | TaskState::FAILED
                | TaskState::REJECTED
                | TaskState::ORPHANED
        )
    )
}

/// Whether it goes with its service, or with its place.
pub(super) fn is_removed(task: &Task) -> bool {
    task.desired_state == Some(TaskState::REMOVE)
}

/// What the Swarm says went wrong.
pub(super) fn trouble(task: &Task) -> Option<&str> {
    task.status.as_ref()?.err.as_deref().filter(|words| !words.is_empty())
}

/// Whether its program was begun.
pub(super) fn was_started(task: &Task) -> bool {
    let message = task.status.as_ref().and_then(|status| status.message.as_deref());
    matches!(message, Some("started" | "finished" | "shutdown"))
}

/// Its container, once there is one.
pub(super) fn container(task: &Task) -> Option<&str> {
    status(task)?.container_id.as_deref().filter(|id| !id.is_empty())
}

/// The exit status of its program.
pub(super) fn exit_code(task: &Task) -> Option<i64> {
    status(task)?.exit_code
}

fn status(task: &Task) -> Option<&ContainerStatus> {
    task.status.as_ref()?.container_status.as_ref()
}

/// The labels of its container.
pub(super) fn labels(task: &Task) -> Option<&HashMap<String, String>> {
    task.spec.as_ref()?.container_spec.as_ref()?.labels.as_ref()
}

/// What it is known by: its container's id, or its own as long as it has none.
pub(super) fn id(task: &Task) -> Option<&str> {
    container(task).or(task.id.as_deref())
}

/// Whether the engine checks it with a command.
pub(super) fn has_check(task: &Task) -> bool {
    labels(task).is_some_and(|labels| labels.contains_key(CHECK))
}

#[cfg(test)]
pub(super) mod sample {
    use bollard::models::{Task, TaskSpec, TaskSpecContainerSpec, TaskState, TaskStatus};

    /// A task of the service `s` that has come to where it is at the moment it was made.
    pub(in super::super) fn task(id: &str, slot: i64, state: TaskState, at: &str) -> Task {
        let spec = TaskSpecContainerSpec::default();
        Task {
            id: Some(id.to_owned()),
            service_id: Some("s".to_owned()),
            slot: Some(slot),
            created_at: Some(at.to_owned()),
            desired_state: Some(TaskState::RUNNING),
            spec: Some(TaskSpec { container_spec: Some(spec), ..TaskSpec::default() }),
            status: Some(TaskStatus {
                state: Some(state),
                timestamp: Some(at.to_owned()),
                ..TaskStatus::default()
            }),
            ..Task::default()
        }
    }
}
