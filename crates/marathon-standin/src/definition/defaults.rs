//! What an app has that was not said.

use serde_json::{Map, Value, json};

use crate::version::Version;

/// Fills in what is missing.
pub(super) fn fill(fields: &mut Map<String, Value>, version: Version) {
    let longest = if version.is_late() { 300 } else { 3600 };
    for (name, value) in [
        ("instances", json!(1)),
        ("cpus", json!(1)),
        ("mem", json!(128)),
        ("disk", json!(0)),
        ("gpus", json!(0)),
        ("executor", json!("")),
        ("env", json!({})),
        ("labels", json!({})),
        ("constraints", json!([])),
        ("fetch", json!([])),
        ("healthChecks", json!([])),
        ("dependencies", json!([])),
        ("requirePorts", json!(false)),
        ("backoffSeconds", json!(1)),
        ("backoffFactor", json!(1.15)),
        ("maxLaunchDelaySeconds", json!(longest)),
        ("networks", json!([{ "mode": "host" }])),
        ("upgradeStrategy", json!({})),
    ] {
        fields.entry(name).or_insert(value);
    }
    add(
        fields.get_mut("upgradeStrategy"),
        &[("minimumHealthCapacity", json!(1)), ("maximumOverCapacity", json!(1))],
    );
    if version.has_instances() {
        fields.entry("killSelection").or_insert(json!("YOUNGEST_FIRST"));
        let (inactive, expunge) = if version.forgets_unreachable() { (0, 0) } else { (300, 600) };
        let seconds = json!({ "inactiveAfterSeconds": inactive, "expungeAfterSeconds": expunge });
        fields.entry("unreachableStrategy").or_insert(seconds);
    }
    if version.has_roles() {
        fields.entry("role").or_insert(json!("*"));
    }
    if version.is_late() {
        fields.entry("acceptedResourceRoles").or_insert(json!(["*"]));
    }
    container(fields);
    ports(fields);
    health_checks(fields, version);
}

fn container(fields: &mut Map<String, Value>) {
    let mode =
        fields.get("networks").and_then(|n| n[0]["mode"].as_str()).unwrap_or("host").to_owned();
    let Some(Value::Object(container)) = fields.get_mut("container") else { return };
    let kind = if container.contains_key("docker") { "DOCKER" } else { "MESOS" };
    container.entry("type").or_insert(kind.into());
    container.entry("volumes").or_insert(json!([]));
    add(
        container.get_mut("docker"),
        &[
            ("forcePullImage", json!(false)),
            ("privileged", json!(false)),
            ("parameters", json!([])),
        ],
    );
    if mode != "host" {
        container.entry("portMappings").or_insert(json!([]));
    }
    for mapping in
        container.get_mut("portMappings").and_then(Value::as_array_mut).into_iter().flatten()
    {
        add(
            Some(mapping),
            &[
                ("containerPort", json!(0)),
                ("servicePort", json!(0)),
                ("protocol", json!("tcp")),
                ("labels", json!({})),
            ],
        );
        if mode == "container/bridge" {
            add(Some(mapping), &[("hostPort", json!(0))]);
        }
    }
}

/// Without a word of ports, a task in host mode has one.
fn ports(fields: &mut Map<String, Value>) {
    let is_host = fields.get("networks").is_some_and(|networks| networks[0]["mode"] == "host");
    if is_host {
        fields.entry("portDefinitions").or_insert(json!([{}]));
    }
    for port in
        fields.get_mut("portDefinitions").and_then(Value::as_array_mut).into_iter().flatten()
    {
        add(Some(port), &[("port", json!(0)), ("protocol", json!("tcp")), ("labels", json!({}))]);
    }
}

fn health_checks(fields: &mut Map<String, Value>, version: Version) {
    let has_ports = is_filled(fields.get("portDefinitions"))
        || is_filled(fields.get("container").and_then(|container| container.get("portMappings")));
    for check in fields.get_mut("healthChecks").and_then(Value::as_array_mut).into_iter().flatten()
    {
        add(
            Some(check),
            &[
                ("protocol", json!("HTTP")),
                ("gracePeriodSeconds", json!(300)),
                ("intervalSeconds", json!(60)),
                ("timeoutSeconds", json!(20)),
                ("maxConsecutiveFailures", json!(3)),
            ],
        );
        if version.has_instances() {
            add(Some(check), &[("delaySeconds", json!(15))]);
        }
        let protocol = check["protocol"].as_str().unwrap_or_default().to_owned();
        if protocol == "COMMAND" {
            continue;
        }
        if protocol.contains("HTTP") && check.get("path").is_none() {
            check["path"] = json!("/");
        }
        if matches!(protocol.as_str(), "HTTP" | "HTTPS") {
            add(Some(check), &[("ignoreHttp1xx", json!(false))]);
        }
        if protocol.starts_with("MESOS_") && version.has_networks() {
            add(Some(check), &[("ipProtocol", json!("IPv4"))]);
        }
        if has_ports && check.get("port").is_none() {
            add(Some(check), &[("portIndex", json!(0))]);
        }
    }
}

fn is_filled(list: Option<&Value>) -> bool {
    list.and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

fn add(object: Option<&mut Value>, missing: &[(&str, Value)]) {
    let Some(object) = object.and_then(Value::as_object_mut) else { return };
    for (name, value) in missing {
        object.entry(*name).or_insert_with(|| value.clone());
    }
}
