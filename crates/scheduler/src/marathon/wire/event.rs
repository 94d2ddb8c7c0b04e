//! Events, from the stream and from callbacks.

use serde::Deserialize;

use super::app::is_end;

/// An event, as far as it gives a reason to look.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::marathon) struct Event {
    pub(in crate::marathon) event_type: String,
    #[serde(default, alias = "appID", alias = "runSpecId")]
    app_id: Option<String>,
    #[serde(default)]
    task_id: Option<String>,
    /// A name, and before 0.5 a number of Mesos.
    #[serde(default)]
    task_status: Option<serde_json::Value>,
    #[serde(default)]
    plan: Option<Plan>,
}

#[derive(Debug, Deserialize)]
struct Plan {
    #[serde(default)]
    steps: serde_json::Value,
}

/// The types of events that change what is told of containers; the stream is asked for these alone
/// where it can be.
pub(in crate::marathon) const TYPES: [&str; 11] = [
    "event_stream_attached",
    "status_update_event",
    "instance_changed_event",
    "instance_health_changed_event",
    "health_status_changed_event",
    "unknown_instance_terminated_event",
    "unhealthy_instance_kill_event",
    "unhealthy_task_kill_event",
    "app_terminated_event",
    "deployment_success",
    "deployment_failed",
];

impl Event {
    /// The app that it is about, when it is about one.
    pub(in crate::marathon) fn app(&self) -> Option<&str> {
        self.app_id.as_deref()
    }

    /// The task that has ended, when it says so.
    pub(in crate::marathon) fn ended(&self) -> Option<&str> {
        let status = self.task_status.as_ref()?.as_str()?;
        self.task_id.as_deref().filter(|_| is_end(status))
    }

    /// Whether it concerns an app whose id begins with `prefix`. A deployment names its apps in its steps.
    pub(in crate::marathon) fn concerns(&self, prefix: &str) -> bool {
        match (&self.app_id, &self.plan) {
            (Some(app), _) => app.starts_with(prefix),
            (None, Some(plan)) => mentions(&plan.steps, prefix),
            (None, None) => false,
        }
    }
}

fn mentions(value: &serde_json::Value, prefix: &str) -> bool {
    match value {
        serde_json::Value::String(text) => text.starts_with(prefix),
        serde_json::Value::Array(items) => items.iter().any(|item| mentions(item, prefix)),
        serde_json::Value::Object(fields) => fields.values().any(|field| mentions(field, prefix)),
        _ => false,
    }
}
