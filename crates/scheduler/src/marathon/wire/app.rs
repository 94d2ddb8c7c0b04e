//! Apps and their tasks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{count, or_default, ports, time};

/// `GET /v2/apps`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::marathon) struct Apps {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) apps: Vec<App>,
}

/// `GET /v2/apps/{id}`.
#[derive(Debug, Deserialize)]
pub(in crate::marathon) struct OneApp {
    pub(in crate::marathon) app: App,
}

/// `GET /v2/apps/{id}/tasks` and `GET /v2/tasks`.
#[cfg(test)]
#[derive(Debug, Default, Deserialize)]
pub(in crate::marathon) struct Tasks {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) tasks: Vec<Task>,
}

/// An app, with what is embedded.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::marathon) struct App {
    pub(in crate::marathon) id: String,
    #[serde(default, deserialize_with = "count")]
    pub(in crate::marathon) instances: u32,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) cpus: f64,
    /// In MiB.
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) mem: f64,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) health_checks: Vec<serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) deployments: Vec<Identified>,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) tasks: Vec<Task>,
    #[serde(default)]
    pub(in crate::marathon) last_task_failure: Option<TaskFailure>,
    #[serde(default, deserialize_with = "count")]
    pub(in crate::marathon) tasks_running: u32,
    #[serde(default, deserialize_with = "time")]
    pub(in crate::marathon) version: Option<Timestamp>,
}

/// What is known by an id alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(in crate::marathon) struct Identified {
    pub(in crate::marathon) id: String,
}

/// One container of an app.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::marathon) struct Task {
    pub(in crate::marathon) id: String,
    /// The agent's name, as it is registered.
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) host: String,
    /// Ports of the host, in the order of the app's.
    #[serde(default, deserialize_with = "ports")]
    pub(in crate::marathon) ports: Vec<u16>,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) slave_id: String,
    /// Since 1.3.
    #[serde(default)]
    pub(in crate::marathon) state: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub(in crate::marathon) staged_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    pub(in crate::marathon) started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) health_check_results: Vec<Option<HealthResult>>,
}

/// What one health check says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::marathon) struct HealthResult {
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) alive: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) last_failure_cause: String,
}

/// The last end of one of an app's tasks that was a failure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::marathon) struct TaskFailure {
    pub(in crate::marathon) task_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) host: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) message: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(in crate::marathon) state: String,
    #[serde(default, deserialize_with = "time")]
    pub(in crate::marathon) timestamp: Option<Timestamp>,
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::marathon) enum Doing {
    /// It is not there yet.
    Starting,
    /// It runs.
    Running,
    /// It has been told to end.
    Ending,
    /// Its agent cannot be reached.
    Unreachable,
    /// It has ended; Marathon may list it for a moment more.
    Ended,
}

/// Whether a state of Mesos is an end.
pub(in crate::marathon) fn is_end(state: &str) -> bool {
    const ENDS: [&str; 9] = [
        "TASK_FINISHED",
        "TASK_FAILED",
        "TASK_KILLED",
        "TASK_ERROR",
        "TASK_GONE",
        "TASK_GONE_BY_OPERATOR",
        "TASK_DROPPED",
        "TASK_UNKNOWN",
        "TASK_LOST",
    ];
    ENDS.contains(&state)
}

impl Task {
    /// What it does, by its state, and before 1.3 by whether it was started.
    pub(in crate::marathon) fn doing(&self) -> Doing {
        match self.state.as_deref() {
            Some("TASK_RUNNING") => Doing::Running,
            Some("TASK_KILLING") => Doing::Ending,
            Some("TASK_UNREACHABLE") => Doing::Unreachable,
            Some(state) if is_end(state) => Doing::Ended,
            Some(_) => Doing::Starting,
            None if self.started_at.is_some() => Doing::Running,
            None => Doing::Starting,
        }
    }

    /// Whether it holds a place: it is there, or comes.
    pub(in crate::marathon) fn is_there(&self) -> bool {
        self.doing() != Doing::Ended
    }
}
