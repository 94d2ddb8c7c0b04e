//! What an app cannot be.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::Definition;
use crate::refusal::Violation;
use crate::version::Version;

const SEGMENT: &str =
    r"^(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])$";
static SEGMENTS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SEGMENT).ok());
const OPERATORS: [&str; 7] = ["UNIQUE", "CLUSTER", "GROUP_BY", "LIKE", "UNLIKE", "MAX_PER", "IS"];

/// All that is wrong with an app.
pub(super) fn violations(app: &Definition, version: Version) -> Vec<Violation> {
    let mut wrong = Wrong(Vec::new());
    id(app.id(), version, &mut wrong);
    command(app, &mut wrong);
    numbers(app, &mut wrong);
    container(app, &mut wrong);
    networks(app, &mut wrong);
    constraints(app, &mut wrong);
    health_checks(app, version, &mut wrong);
    unreachable(app, &mut wrong);
    wrong.0
}

struct Wrong(Vec<Violation>);

impl Wrong {
    fn when(&mut self, bad: bool, path: impl Into<String>, error: impl Into<String>) {
        if bad {
            self.0.push(Violation::new(path, error));
        }
    }
}

fn id(id: &str, version: Version, wrong: &mut Wrong) {
    let fits = |segment: &str| SEGMENTS.as_ref().is_some_and(|regex| regex.is_match(segment));
    let bad = !id.starts_with('/') || !id[1..].split('/').all(fits);
    wrong.when(bad, "/id", format!("must fully match regular expression '{SEGMENT}'"));
    let last = id.rsplit('/').next().unwrap_or_default();
    let reserved = version.is_late() && matches!(last, "restart" | "tasks" | "versions");
    wrong.when(reserved, "/id", format!("must not end with any of the reserved words: {last}"));
}

fn command(app: &Definition, wrong: &mut Wrong) {
    let image = app.docker().is_some();
    let (cmd, args) = (app.cmd(), app.get("args").is_some());
    let bad = (cmd.is_some() && args) || (cmd.is_none() && !args && !image);
    let error = "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.";
    wrong.when(bad, "/", error);
    wrong.when(cmd.is_some_and(|cmd| cmd.len() < 2), "/cmd", "must be longer than one character");
}

fn numbers(app: &Definition, wrong: &mut Wrong) {
    for name in ["cpus", "mem", "disk", "gpus", "instances", "backoffSeconds"] {
        wrong.when(
            app.number(name) < 0.0,
            format!("/{name}"),
            "got a negative number, expected 0 or more",
        );
    }
    let whole = app.number("instances").fract() == 0.0;
    wrong.when(!whole, "/instances", "must be a whole number");
    wrong.when(app.number("backoffFactor") < 1.0, "/backoffFactor", "is less than 1");
    for (name, value) in app.get("upgradeStrategy").and_then(Value::as_object).into_iter().flatten()
    {
        let share = value.as_f64().unwrap_or(-1.0);
        let path = format!("/upgradeStrategy/{name}");
        wrong.when(share > 1.0, path.clone(), "is greater than 1");
        wrong.when(share < 0.0, path, "is less than 0");
    }
}

fn container(app: &Definition, wrong: &mut Wrong) {
    let Some(docker) = app.docker() else { return };
    let image = docker["image"].as_str().unwrap_or_default();
    wrong.when(image.is_empty(), "/container/docker/image", "must not be empty");
    for (index, parameter) in docker["parameters"].as_array().into_iter().flatten().enumerate() {
        let bad = !parameter["key"].is_string() || !parameter["value"].is_string();
        let path = format!("/container/docker/parameters({index})");
        wrong.when(bad, path, "must have a key and a value");
    }
}

fn networks(app: &Definition, wrong: &mut Wrong) {
    for (index, network) in app.list("networks").iter().enumerate() {
        let mode = network["mode"].as_str().unwrap_or_default();
        let known = matches!(mode, "host" | "container/bridge" | "container");
        let path = format!("/networks({index})");
        wrong.when(
            !known,
            format!("{path}/mode"),
            "is not one of host, container/bridge, container",
        );
        let named = network.get("name").is_some() && mode != "container";
        wrong.when(named, format!("{path}/name"), "is only for mode container");
    }
    let mappings = app.get("container").and_then(|container| container.get("portMappings"));
    let mapped = mappings.and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let is_host = app.network_mode() == "host";
    let path = "/container/portMappings";
    wrong.when(is_host && mapped, path, "must be empty when host networking is used");
    let defined = !app.list("portDefinitions").is_empty();
    let error = "must be empty when container or bridge networking is used";
    wrong.when(!is_host && defined, "/portDefinitions", error);
}

fn constraints(app: &Definition, wrong: &mut Wrong) {
    for (index, constraint) in app.constraints().iter().enumerate() {
        let operator = constraint.get(1).map(String::as_str).unwrap_or_default();
        let value = constraint.get(2);
        let path = format!("/constraints({index})");
        wrong.when(!OPERATORS.contains(&operator), path.clone(), "Missing or unknown operator");
        match operator {
            "UNIQUE" => wrong.when(value.is_some(), path, "Value specified but not used"),
            "LIKE" | "UNLIKE" => {
                let bad = value.is_none_or(|value| Regex::new(value).is_err());
                wrong.when(bad, path, "A regular expression value must be provided");
            }
            "MAX_PER" => {
                let bad = value.is_none_or(|value| value.parse::<u32>().is_err());
                wrong.when(bad, path, "A number value must be provided");
            }
            "IS" => wrong.when(value.is_none(), path, "A value must be provided"),
            _ => {}
        }
    }
}

fn health_checks(app: &Definition, version: Version, wrong: &mut Wrong) {
    let ports = app.ports().len() as u64;
    let mut by_mesos = 0;
    for (index, check) in app.health_checks().iter().enumerate() {
        let path = format!("/healthChecks({index})");
        let protocol = check["protocol"].as_str().unwrap_or_default();
        let known = match protocol {
            "HTTP" | "HTTPS" | "TCP" | "COMMAND" => true,
            "MESOS_HTTP" | "MESOS_HTTPS" | "MESOS_TCP" => version.has_instances(),
            _ => false,
        };
        wrong.when(!known, format!("{path}/protocol"), "unknown protocol");
        if protocol == "COMMAND" {
            let bad = !check["command"]["value"].is_string();
            wrong.when(bad, format!("{path}/command"), "must be set for a COMMAND check");
        } else if check.get("port").is_none() {
            let bad = check["portIndex"].as_u64().is_none_or(|port| port >= ports);
            let error = format!(
                "Health check port indices must address an element of the ports array or \
                 container port mappings, of which there are {ports}."
            );
            wrong.when(bad, format!("{path}/portIndex"), error);
        }
        by_mesos += usize::from(protocol == "COMMAND" || protocol.starts_with("MESOS_"));
    }
    wrong.when(
        by_mesos > 1,
        "/healthChecks",
        "AppDefinition can contain at most one Mesos health check",
    );
}

fn unreachable(app: &Definition, wrong: &mut Wrong) {
    let Some(strategy) = app.get("unreachableStrategy") else { return };
    let known = strategy == "disabled" || strategy.is_object();
    wrong.when(!known, "/unreachableStrategy", "must be an object or \"disabled\"");
    let bad = app.unreachable().is_some_and(|(inactive, expunge)| inactive > expunge);
    let error = "inactiveAfterSeconds must be less than or equal to expungeAfterSeconds";
    wrong.when(bad, "/unreachableStrategy", error);
}
