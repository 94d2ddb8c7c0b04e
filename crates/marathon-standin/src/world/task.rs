//! Tasks: what runs, or is about to.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Agent;
use crate::definition::Definition;
use crate::ids::InstanceId;
use crate::time::written;
use crate::version::Version;

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskState {
    Staging,
    Starting,
    Running,
    Killing,
    /// Its agent is lost.
    Unreachable,
    Finished,
    Failed,
    Killed,
    /// Its agent was lost, before 1.4.
    Lost,
}

impl TaskState {
    /// As Mesos writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Staging => "TASK_STAGING",
            Self::Starting => "TASK_STARTING",
            Self::Running => "TASK_RUNNING",
            Self::Killing => "TASK_KILLING",
            Self::Unreachable => "TASK_UNREACHABLE",
            Self::Finished => "TASK_FINISHED",
            Self::Failed => "TASK_FAILED",
            Self::Killed => "TASK_KILLED",
            Self::Lost => "TASK_LOST",
        }
    }

    /// As events of instances write it.
    pub(crate) fn condition(self) -> &'static str {
        match self {
            Self::Staging => "Staging",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Killing => "Killing",
            Self::Unreachable => "Unreachable",
            Self::Finished => "Finished",
            Self::Failed => "Failed",
            Self::Killed => "Killed",
            Self::Lost => "Dropped",
        }
    }
}

/// What one health check has found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    pub(crate) first_success: Option<Timestamp>,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) last_failure: Option<Timestamp>,
    pub(crate) last_cause: Option<String>,
    pub(crate) failures: u32,
}

impl Health {
    /// Whether the last success is newer than the last failure; none when there was no result.
    pub(crate) fn alive(&self) -> Option<bool> {
        match (self.last_success, self.last_failure) {
            (None, None) => None,
            (success, failure) => Some(success > failure),
        }
    }
}

/// What is to become of a task that is being killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Killed {
    /// Another one takes its place.
    Replaced,
    /// There is one less.
    Gone,
}

/// A task.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) instance: InstanceId,
    pub(crate) incarnation: u32,
    pub(crate) app: String,
    pub(crate) version: Timestamp,
    pub(crate) definition: Definition,
    /// Its place among the agents.
    pub(crate) agent: usize,
    /// The host's, in the order of the app's ports that have one.
    pub(crate) ports: Vec<u16>,
    pub(crate) state: TaskState,
    pub(crate) staged: Timestamp,
    pub(crate) started: Option<Timestamp>,
    pub(crate) container: Option<String>,
    pub(crate) ip: Option<String>,
    /// One for each of the app's checks.
    pub(crate) health: Vec<Health>,
    pub(crate) killed: Option<Killed>,
    /// Since when its agent is lost.
    pub(crate) unreachable: Option<Timestamp>,
    /// Its agent is lost for so long that another one takes its place.
    pub(crate) inactive: bool,
}

impl Task {
    /// Whether it counts as one of those that the app shall have.
    pub(crate) fn is_active(&self) -> bool {
        match self.state {
            TaskState::Staging | TaskState::Starting | TaskState::Running => true,
            TaskState::Unreachable => !self.inactive,
            _ => false,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.state == TaskState::Running
    }

    /// Whether all checks say so; none while one of them has not said anything.
    pub(crate) fn healthy(&self) -> Option<bool> {
        let alive: Option<Vec<bool>> = self.health.iter().map(Health::alive).collect();
        alive.filter(|alive| !alive.is_empty()).map(|alive| alive.into_iter().all(|alive| alive))
    }

    /// Whether a deployment may go on: it runs, and is healthy if anybody asks.
    pub(crate) fn serves(&self) -> bool {
        self.is_running() && (self.health.is_empty() || self.healthy() == Some(true))
    }

    /// What [`crate::ids`] says of its instance.
    pub(crate) fn instance_id(&self, version: Version) -> String {
        self.instance.written(version)
    }

    pub(crate) fn ip_addresses(&self) -> Value {
        let addresses = self.ip.iter();
        addresses.map(|ip| json!({ "ipAddress": ip, "protocol": "IPv4" })).collect()
    }

    /// As the API tells it, without service ports.
    pub(crate) fn told(&self, agent: &Agent, dialect: Version) -> Value {
        let mut task = json!({
            "id": self.id,
            "appId": self.app,
            "host": agent.options.hostname,
            "ports": self.ports,
            "stagedAt": written(self.staged),
            "version": written(self.version),
        });
        let is_legacy = !dialect.has_task_state();
        if let Some(started) = self.started {
            task["startedAt"] = written(started).into();
        } else if is_legacy {
            task["startedAt"] = Value::Null;
        }
        if dialect.has_task_state() {
            task["state"] = self.state.name().into();
            task["slaveId"] = agent.id.clone().into();
            task["ipAddresses"] = self.ip_addresses();
        }
        if dialect.is_late() || dialect.has_task_state() && !dialect.has_networks() {
            task["localVolumes"] = json!([]);
        }
        if dialect.has_roles() {
            task["role"] = self.definition.role().into();
        }
        let results = self.health_results(dialect);
        // 1.5 to 1.7 leave it out where there are no checks.
        if dialect.is_late() || !dialect.has_networks() || !self.health.is_empty() {
            task["healthCheckResults"] = results;
        }
        task
    }

    fn health_results(&self, dialect: Version) -> Value {
        let known = self.health.iter().filter(|health| health.alive().is_some());
        known.map(|health| self.health_result(health, dialect)).collect()
    }

    fn health_result(&self, health: &Health, dialect: Version) -> Value {
        let mut result = json!({
            "alive": health.alive() == Some(true),
            "consecutiveFailures": health.failures,
        });
        let times = [
            ("firstSuccess", health.first_success.map(written)),
            ("lastSuccess", health.last_success.map(written)),
            ("lastFailure", health.last_failure.map(written)),
            ("lastFailureCause", health.last_cause.clone()),
        ];
        for (name, value) in times {
            match value {
                Some(value) => result[name] = value.into(),
                None if !dialect.has_instances() => result[name] = Value::Null,
                None => {}
            }
        }
        if dialect.has_instances() {
            result["instanceId"] = self.instance_id(dialect).into();
        } else {
            result["taskId"] = self.id.clone().into();
        }
        result
    }
}
