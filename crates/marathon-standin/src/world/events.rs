//! The events and their fields.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::deployment::event_step;
use super::{Agent, Deployment, Task, TaskState};
use crate::time::written;
use crate::version::Version;

/// An event without its `eventType` and `timestamp`.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(super) kind: &'static str,
    pub(super) body: Value,
}

impl Event {
    fn new(kind: &'static str, body: Value) -> Self {
        Self { kind, body }
    }

    pub(crate) fn attached(address: &str) -> Self {
        Self::new("event_stream_attached", json!({ "remoteAddress": address }))
    }

    pub(crate) fn detached(address: &str) -> Self {
        Self::new("event_stream_detached", json!({ "remoteAddress": address }))
    }

    pub(crate) fn subscribed(client: &str, url: &str) -> Self {
        Self::new("subscribe_event", json!({ "clientIp": client, "callbackUrl": url }))
    }

    pub(crate) fn unsubscribed(client: &str, url: &str) -> Self {
        Self::new("unsubscribe_event", json!({ "clientIp": client, "callbackUrl": url }))
    }

    /// The event as a call answers with it.
    pub(crate) fn told(&self) -> Value {
        let mut body = self.body.clone();
        body["eventType"] = self.kind.into();
        body["timestamp"] = written(crate::time::now()).into();
        body
    }

    pub(crate) fn posted(client: &str, uri: &str, app: &Value) -> Self {
        let body = json!({ "clientIp": client, "uri": uri, "appDefinition": app });
        Self::new("api_post_event", body)
    }

    pub(super) fn group_changed(version: Timestamp) -> Self {
        Self::new("group_change_success", json!({ "groupId": "/", "version": written(version) }))
    }

    pub(super) fn group_refused(version: Timestamp, reason: &str) -> Self {
        let body = json!({ "groupId": "/", "version": written(version), "reason": reason });
        Self::new("group_change_failed", body)
    }

    pub(super) fn step(kind: &'static str, deployment: &Deployment, dialect: Version) -> Self {
        let current = event_step(deployment.current_step(), dialect);
        Self::new(kind, json!({ "plan": deployment.plan(dialect), "currentStep": current }))
    }

    pub(super) fn deployed(deployment: &Deployment, dialect: Version) -> Self {
        let body = json!({ "id": deployment.id, "plan": deployment.plan(dialect) });
        Self::new("deployment_success", body)
    }

    pub(super) fn not_deployed(deployment: &Deployment, reason: &str, dialect: Version) -> Self {
        let mut body = json!({ "id": deployment.id, "plan": deployment.plan(dialect) });
        if dialect.tells_why_failed() {
            body["reason"] = reason.into();
        }
        Self::new("deployment_failed", body)
    }

    pub(super) fn health_check_added(app: &str, check: &Value, version: Timestamp) -> Self {
        let body = json!({ "appId": app, "healthCheck": check, "version": written(version) });
        Self::new("add_health_check_event", body)
    }

    pub(super) fn health_check_removed(app: &str) -> Self {
        Self::new("remove_health_check_event", json!({ "appId": app }))
    }

    pub(super) fn app_terminated(app: &str) -> Self {
        Self::new("app_terminated_event", json!({ "appId": app }))
    }

    /// What Mesos says of a task.
    pub(super) fn status(task: &Task, agent: &Agent, message: &str, dialect: Version) -> Self {
        let mut body = json!({
            "slaveId": agent.id,
            "taskId": task.id,
            "taskStatus": task.state.name(),
            "message": message,
            "appId": task.app,
            "host": agent.options.hostname,
            "ports": task.ports,
            "version": written(task.version),
        });
        if dialect.has_version_info() {
            body["ipAddresses"] = task.ip_addresses();
        }
        Self::new("status_update_event", body)
    }

    pub(super) fn instance_changed(
        task: &Task,
        agent: &Agent,
        condition: &str,
        dialect: Version,
    ) -> Self {
        let body = json!({
            "instanceId": task.instance_id(dialect),
            "condition": condition,
            "runSpecId": task.app,
            "agentId": agent.id,
            "host": agent.options.hostname,
            "runSpecVersion": written(task.version),
        });
        Self::new("instance_changed_event", body)
    }

    pub(super) fn unknown_ended(task: &Task, dialect: Version) -> Self {
        let body = json!({
            "instanceId": task.instance_id(dialect),
            "runSpecId": task.app,
            "condition": TaskState::Killed.condition(),
        });
        Self::new("unknown_instance_terminated_event", body)
    }

    pub(super) fn check_failed(task: &Task, check: &Value, dialect: Version) -> Self {
        // From 1.4 on, what is called `taskId` is the id of an instance.
        let id = if dialect.has_instances() { task.instance_id(dialect) } else { task.id.clone() };
        let body = json!({ "appId": task.app, "healthCheck": check, "taskId": id });
        Self::new("failed_health_check_event", body)
    }

    pub(super) fn check_changed(task: &Task, alive: bool, dialect: Version) -> Self {
        let mut body =
            json!({ "appId": task.app, "version": written(task.version), "alive": alive });
        if dialect.has_instances() {
            body["instanceId"] = task.instance_id(dialect).into();
        } else {
            body["taskId"] = task.id.clone().into();
        }
        Self::new("health_status_changed_event", body)
    }

    pub(super) fn health_changed(task: &Task, healthy: Option<bool>, dialect: Version) -> Self {
        let body = json!({
            "instanceId": task.instance_id(dialect),
            "runSpecId": task.app,
            "healthy": healthy,
            "runSpecVersion": written(task.version),
        });
        Self::new("instance_health_changed_event", body)
    }

    pub(super) fn unhealthy_killed(
        task: &Task,
        agent: &Agent,
        why: &str,
        dialect: Version,
    ) -> Self {
        let mut body = json!({
            "appId": task.app,
            "taskId": task.id,
            "version": written(task.version),
            "reason": why,
            "host": agent.options.hostname,
            "slaveId": agent.id,
        });
        if dialect.has_instances() {
            body["instanceId"] = task.instance_id(dialect).into();
            return Self::new("unhealthy_instance_kill_event", body);
        }
        Self::new("unhealthy_task_kill_event", body)
    }

    /// Marathon is a framework of this master.
    pub(super) fn registered(framework: &str, master: &str) -> Self {
        let body = json!({ "frameworkId": framework, "master": master });
        Self::new("scheduler_registered_event", body)
    }
}
