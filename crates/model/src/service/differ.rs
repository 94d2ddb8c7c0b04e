//! What differs between two states of a service's settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Basics, ServiceSpec};

/// One setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// The setting, such as `service.replicas`.
    pub path: String,
    /// Its value before; nothing when it was not set.
    pub before: Option<String>,
    /// Its value after; nothing when it is not set any more.
    pub after: Option<String>,
}

/// Says what differs, by path. Of a service that was not there, that is what must be said of every one,
/// and what is not as it is when nothing is said.
#[must_use]
pub fn differences(before: Option<&ServiceSpec>, after: &ServiceSpec) -> Vec<Difference> {
    let Some(before) = before else { return settings(after) };
    let (before, after) = (flat(before), flat(after));
    let paths: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    changed
        .map(|path| Difference {
            path: path.clone(),
            before: before.get(path).cloned(),
            after: after.get(path).cloned(),
        })
        .collect()
}

/// What is set, without what would be the same if it were not.
fn settings(spec: &ServiceSpec) -> Vec<Difference> {
    let Basics { name, port, .. } = &spec.service;
    let unsaid = flat(&ServiceSpec::new(name.clone(), *port));
    let said = |path: &str, value: &String| {
        matches!(path, "service.name" | "service.port") || unsaid.get(path) != Some(value)
    };
    flat(spec)
        .into_iter()
        .filter(|(path, value)| said(path, value))
        .map(|(path, value)| Difference { path, before: None, after: Some(value) })
        .collect()
}

/// Every value of the settings by its path, as text.
fn flat(spec: &ServiceSpec) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    if let Ok(tree) = serde_json::to_value(spec) {
        collect(String::new(), &tree, &mut values);
    }
    values.remove("redirects");
    let redirects = spec.redirects.iter().enumerate();
    values.extend(redirects.map(|(i, to)| (format!("redirects.{}", i + 1), to.to_string())));
    values
}

fn collect(path: String, value: &serde_json::Value, values: &mut BTreeMap<String, String>) {
    match value {
        serde_json::Value::Null => {}
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(path, value, values);
            }
        }
        serde_json::Value::String(text) => {
            values.insert(path, text.clone());
        }
        other => {
            values.insert(path, other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::read;

    #[test]
    fn of_a_new_service_the_defaults_are_not_told() {
        let told = |text: &str| {
            let told = differences(None, &read("a", text).unwrap());
            assert!(told.iter().all(|one| one.before.is_none()));
            let told = told.into_iter().map(|one| (one.path, one.after.unwrap_or_default()));
            told.map(|(path, value)| format!("{path} {value}")).collect::<Vec<_>>()
        };
        let least = "service = { name = \"shop\", port = 80 }\n";
        assert_eq!(told(least), ["service.name shop", "service.port 80"]);
        let more = "[service]\nname = \"shop\"\nport = 80\nreplicas = 3\n[health]\npath = \"/up\"\n\
            interval = \"2s\"\ntimeout = \"5s\"\n[env]\nA = \"1\"\n[keep]\nrunning = 2\n";
        assert_eq!(
            told(more),
            [
                "env.A 1",
                "health.path /up",
                "health.timeout 5s",
                "service.name shop",
                "service.port 80",
                "service.replicas 3"
            ]
        );
    }

    #[test]
    fn rules_are_told_one_by_one() {
        let least = "service = { name = \"shop\", port = 80, hosts = [\"www.a.test\"] }\n";
        let rules = "paths.\"/api\" = { service = \"api\", strip = true }\n\
            [[redirects]]\nfrom = \"/a\"\nto = \"/b\"\n\
            [[redirects]]\nhost = \"www.a.test\"\nto = \"https://a.test/*\"\nstatus = 301\n\
            [headers.response.set]\nX-A = \"1\"\n";
        let (before, after) = (read("a", least), read("b", &format!("{least}{rules}")));
        let told = differences(Some(&before.unwrap()), &after.unwrap());
        let told: Vec<_> = told
            .iter()
            .map(|one| format!("{} {}", one.path, one.after.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(
            told,
            [
                "headers.response.set.X-A 1",
                "paths./api.service api",
                "paths./api.strip true",
                "redirects.1 /a to /b (308)",
                "redirects.2 www.a.test/* to https://a.test/* (301)",
            ]
        );
    }

    #[test]
    fn only_what_differs_is_told() {
        let one =
            read("a", "service = { name = \"shop\", port = 80 }\nenv = { A = \"1\", B = \"2\" }");
        let two =
            read("b", "service = { name = \"shop\", port = 81 }\nenv = { B = \"2\", C = \"3\" }");
        let told = differences(Some(&one.unwrap()), &two.unwrap());
        let told: Vec<_> = told
            .iter()
            .map(|d| (d.path.as_str(), d.before.as_deref(), d.after.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("env.A", Some("1"), None),
                ("env.C", None, Some("3")),
                ("service.port", Some("80"), Some("81")),
            ]
        );
    }
}
