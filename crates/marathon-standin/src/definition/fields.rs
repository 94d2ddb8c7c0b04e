//! The fields of an app: their types, and since when they are there.

use serde_json::Value;

use crate::refusal::Violation;
use crate::version::Version;

/// What a field's value has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Number,
    Truth,
    List,
    Object,
    /// Several forms, which whoever uses it looks at.
    Any,
}

/// A field at the top of an app.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Which versions read it, and tell it.
    pub(super) there: fn(Version) -> bool,
}

const fn field(name: &'static str, kind: Kind, there: fn(Version) -> bool) -> Field {
    Field { name, kind, there }
}

const fn always(_: Version) -> bool {
    true
}

/// In the form of 1.5 and later; what only older forms have is in [`super::forms`].
pub(super) const FIELDS: &[Field] = &[
    field("id", Kind::Text, always),
    field("cmd", Kind::Text, always),
    field("args", Kind::List, always),
    field("user", Kind::Text, always),
    field("env", Kind::Object, always),
    field("instances", Kind::Number, always),
    field("cpus", Kind::Number, always),
    field("mem", Kind::Number, always),
    field("disk", Kind::Number, always),
    field("gpus", Kind::Number, Version::has_task_state),
    field("executor", Kind::Text, always),
    field("constraints", Kind::List, always),
    field("fetch", Kind::List, always),
    field("portDefinitions", Kind::List, always),
    field("requirePorts", Kind::Truth, always),
    field("backoffSeconds", Kind::Number, always),
    field("backoffFactor", Kind::Number, always),
    field("maxLaunchDelaySeconds", Kind::Number, always),
    field("container", Kind::Object, always),
    field("networks", Kind::List, always),
    field("healthChecks", Kind::List, always),
    field("readinessChecks", Kind::List, Version::has_port_definitions),
    field("dependencies", Kind::List, always),
    field("upgradeStrategy", Kind::Object, always),
    field("labels", Kind::Object, always),
    field("acceptedResourceRoles", Kind::List, Version::has_event_stream),
    field("residency", Kind::Object, Version::has_port_definitions),
    field("secrets", Kind::Object, Version::has_task_state),
    field("taskKillGracePeriodSeconds", Kind::Number, Version::has_task_state),
    field("killSelection", Kind::Text, Version::has_instances),
    field("unreachableStrategy", Kind::Any, Version::has_instances),
    field("tty", Kind::Truth, Version::has_networks),
    field("role", Kind::Text, Version::has_roles),
    field("resourceLimits", Kind::Object, Version::has_resource_limits),
    field("version", Kind::Text, always),
];

/// What is wrong with a value of that kind.
pub(super) fn mismatch(path: &str, kind: Kind, value: &Value) -> Option<Violation> {
    let (fits, expected) = match kind {
        Kind::Text => (value.is_string(), "error.expected.jsstring"),
        Kind::Number => (value.is_number(), "error.expected.jsnumber"),
        Kind::Truth => (value.is_boolean(), "error.expected.jsboolean"),
        Kind::List => (value.is_array(), "error.expected.jsarray"),
        Kind::Object => (value.is_object(), "error.expected.jsobject"),
        Kind::Any => (true, ""),
    };
    (!fits).then(|| Violation::new(path, expected))
}
