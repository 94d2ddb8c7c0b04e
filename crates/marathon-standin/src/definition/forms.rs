//! The forms in which networks, ports and files were written before 1.5, 1.0 and 0.15.

use serde_json::{Map, Value, json};

use super::fields::{Kind, mismatch};
use crate::refusal::Violation;
use crate::version::Version;

/// Fields that only older forms have and that have wrong types.
pub(super) fn mismatches(fields: &Map<String, Value>) -> Vec<Violation> {
    [("ports", Kind::List), ("uris", Kind::List), ("ipAddress", Kind::Object)]
        .into_iter()
        .filter_map(|(name, kind)| mismatch(&format!("/{name}"), kind, fields.get(name)?))
        .collect()
}

/// Writes what came in an older form in that of 1.5 and later.
///
/// # Errors
/// When both forms are mixed, or the old one asks for what is no longer there.
pub(super) fn to_new(
    fields: &mut Map<String, Value>,
    version: Version,
) -> Result<(), Vec<Violation>> {
    if !version.has_networks() {
        // Unknown to those versions, and so ignored.
        fields.remove("networks");
        if let Some(Value::Object(container)) = fields.get_mut("container") {
            container.remove("portMappings");
        }
    }
    files(fields, version)?;
    networks(fields, version)?;
    ports(fields, version);
    Ok(())
}

fn files(fields: &mut Map<String, Value>, version: Version) -> Result<(), Vec<Violation>> {
    if !version.has_fetch() {
        fields.remove("fetch");
    }
    let Some(Value::Array(uris)) = fields.remove("uris") else { return Ok(()) };
    if fields.contains_key("fetch") {
        let error = "Uris are deprecated, please specify fetch only";
        return Err(vec![Violation::new("/uris", error)]);
    }
    let extracts = |uri: &str| {
        [".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip"]
            .iter()
            .any(|ending| uri.ends_with(ending))
    };
    let fetch = uris.iter().filter_map(Value::as_str).map(
        |uri| json!({ "uri": uri, "extract": extracts(uri), "executable": false, "cache": false }),
    );
    fields.insert("fetch".to_owned(), fetch.collect());
    Ok(())
}

fn networks(fields: &mut Map<String, Value>, version: Version) -> Result<(), Vec<Violation>> {
    let address = fields.remove("ipAddress");
    let container = fields.get_mut("container").and_then(Value::as_object_mut);
    let docker = container.and_then(|container| {
        let docker = container.get_mut("docker")?.as_object_mut()?;
        let old = (docker.remove("network"), docker.remove("portMappings"));
        Some((container, old))
    });
    let name = address.as_ref().and_then(|address| address.get("networkName")).cloned();
    let mut mode = address.is_some().then_some("container");
    let mut mixed = false;
    if let Some((container, (network, mappings))) = docker {
        mode = match network.as_ref().and_then(Value::as_str) {
            Some("BRIDGE") => Some("container/bridge"),
            Some("USER") => Some("container"),
            Some("HOST") => Some("host"),
            Some("NONE") if version.has_networks() => {
                let error = "network NONE is no longer supported";
                return Err(vec![Violation::new("/container/docker/network", error)]);
            }
            _ => mode,
        };
        if let Some(mappings) = mappings.filter(Value::is_array) {
            mixed |= container.contains_key("portMappings");
            container.insert("portMappings".to_owned(), mappings);
        }
    }
    let Some(mode) = mode else { return Ok(()) };
    if mixed || fields.contains_key("networks") {
        let error =
            "must not mix networks with container.docker.network, portMappings or ipAddress";
        return Err(vec![Violation::new("/networks", error)]);
    }
    let mut network = json!({ "mode": mode });
    if let Some(name) = name.filter(|_| mode == "container") {
        network["name"] = name;
    }
    fields.insert("networks".to_owned(), json!([network]));
    Ok(())
}

fn ports(fields: &mut Map<String, Value>, version: Version) {
    if !version.has_port_definitions() {
        fields.remove("portDefinitions");
    }
    let Some(Value::Array(ports)) = fields.remove("ports") else { return };
    let is_host = fields.get("networks").is_none_or(|networks| networks[0]["mode"] == "host");
    if is_host && !fields.contains_key("portDefinitions") {
        let defined =
            ports.iter().map(|port| json!({ "port": port, "protocol": "tcp", "labels": {} }));
        fields.insert("portDefinitions".to_owned(), defined.collect());
    }
}

/// Writes networks, ports and files as versions before 1.5 tell them.
pub(super) fn to_old(fields: &mut Map<String, Value>, version: Version) {
    let networks = fields.remove("networks").unwrap_or_default();
    let mode = networks[0]["mode"].as_str().unwrap_or("host").to_owned();
    if let Some(Value::Object(container)) = fields.get_mut("container") {
        let mappings = container.remove("portMappings");
        if let Some(Value::Object(docker)) = container.get_mut("docker") {
            let network = match mode.as_str() {
                "container/bridge" => "BRIDGE",
                "container" => "USER",
                _ => "HOST",
            };
            docker.insert("network".to_owned(), network.into());
            if mode != "host" {
                docker.insert("portMappings".to_owned(), mappings.unwrap_or_else(|| json!([])));
            }
        }
    }
    let service_ports = service_ports(fields);
    fields.insert("ports".to_owned(), service_ports);
    if !version.has_port_definitions() {
        fields.remove("portDefinitions");
    }
    if mode == "container" {
        let address = json!({ "networkName": networks[0]["name"], "groups": [], "labels": {} });
        fields.insert("ipAddress".to_owned(), address);
    }
    let fetch = fields.get("fetch").and_then(Value::as_array).into_iter().flatten();
    let uris: Value = fetch.map(|file| file["uri"].clone()).collect();
    fields.insert("uris".to_owned(), uris);
    if !version.has_fetch() {
        fields.remove("fetch");
    }
}

fn service_ports(fields: &Map<String, Value>) -> Value {
    let docker = fields.get("container").and_then(|container| container.get("docker"));
    let mappings = docker.and_then(|docker| docker.get("portMappings")).and_then(Value::as_array);
    if let Some(mappings) = mappings {
        return mappings.iter().map(|mapping| mapping["servicePort"].clone()).collect();
    }
    let defined = fields.get("portDefinitions").and_then(Value::as_array).into_iter().flatten();
    defined.map(|port| port["port"].clone()).collect()
}
