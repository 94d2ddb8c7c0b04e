//! What an app is: read from every form in which it may be sent, kept in that of 1.5 and later.

mod accept;
mod defaults;
mod fields;
mod forms;
mod render;
mod validate;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::refusal::Refusal;
use crate::version::Version;

/// An app's definition with all defaults filled in. Its `version` is kept beside it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition(Arc<Map<String, Value>>);

/// What was sent, in the form of 1.5 and later, without defaults.
#[derive(Debug, Clone)]
pub(crate) struct Sent(Map<String, Value>);

impl Sent {
    /// Reads the body of a call.
    ///
    /// # Errors
    /// When it is no JSON, no object, or has values of wrong types.
    pub(crate) fn read(body: &[u8], version: Version) -> Result<Self, Refusal> {
        Self::take(json(body)?, version)
    }

    /// The same, of a value that was read already.
    pub(crate) fn take(value: Value, version: Version) -> Result<Self, Refusal> {
        accept::accept(value, version).map(Self)
    }

    /// The app's id as it was sent.
    pub(crate) fn id(&self) -> Option<&str> {
        self.0.get("id").and_then(Value::as_str)
    }

    /// The version to go back to; none when nothing was said of one.
    ///
    /// # Errors
    /// When something else was sent with it.
    pub(crate) fn rollback(&self) -> Result<Option<&str>, Refusal> {
        let Some(version) = self.0.get("version").and_then(Value::as_str) else { return Ok(None) };
        if self.0.keys().any(|key| key != "version" && key != "id") {
            let error = "The 'version' field may only be combined with the 'id' field.";
            return Err(Refusal::Invalid(vec![crate::refusal::Violation::new("/version", error)]));
        }
        Ok(Some(version))
    }

    /// A new app of that id.
    ///
    /// # Errors
    /// When such an app cannot be.
    pub(crate) fn create(self, id: &str, version: Version) -> Result<Definition, Refusal> {
        Definition::complete(self.0, id, version)
    }

    /// What an app becomes when this is written over it; nested objects are replaced whole.
    ///
    /// # Errors
    /// When such an app cannot be.
    pub(crate) fn merge(self, old: &Definition, version: Version) -> Result<Definition, Refusal> {
        let mut fields = Map::clone(&old.0);
        // Ports of the one kind make no sense with networks of the other.
        if self.0.contains_key("networks") && self.0.get("networks") != fields.get("networks") {
            fields.remove("portDefinitions");
        }
        fields.extend(self.0);
        let id = old.id().to_owned();
        Definition::complete(fields, &id, version)
    }
}

/// Reads a body.
///
/// # Errors
/// When it is no JSON.
pub(crate) fn json(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Syntax(error.to_string()))
}

impl Definition {
    fn complete(
        mut fields: Map<String, Value>,
        id: &str,
        version: Version,
    ) -> Result<Self, Refusal> {
        fields.insert("id".to_owned(), id.into());
        fields.remove("version");
        defaults::fill(&mut fields, version);
        let definition = Self(Arc::new(fields));
        let wrong = validate::violations(&definition, version);
        if wrong.is_empty() { Ok(definition) } else { Err(Refusal::Invalid(wrong)) }
    }

    /// Whether another one differs in nothing but how many instances it has.
    pub(crate) fn same_config(&self, other: &Self) -> bool {
        let config = |definition: &Self| {
            let mut fields = Map::clone(&definition.0);
            fields.remove("instances");
            fields
        };
        config(self) == config(other)
    }

    /// The same with so many instances.
    pub(crate) fn scaled(&self, instances: usize) -> Self {
        let mut fields = Map::clone(&self.0);
        fields.insert("instances".to_owned(), instances.into());
        Self(Arc::new(fields))
    }

    /// The same with a service port from `next` wherever there is none.
    pub(crate) fn with_service_ports(&self, mut next: impl FnMut() -> u16) -> Self {
        let mut fields = Map::clone(&self.0);
        let mut assign = |ports: Option<&mut Value>, key: &str| {
            for port in ports.and_then(Value::as_array_mut).into_iter().flatten() {
                if port.get(key).and_then(Value::as_u64).unwrap_or_default() == 0 {
                    port[key] = next().into();
                }
            }
        };
        assign(fields.get_mut("container").and_then(|c| c.get_mut("portMappings")), "servicePort");
        assign(fields.get_mut("portDefinitions"), "port");
        Self(Arc::new(fields))
    }

    /// As a version tells it.
    pub(crate) fn rendered(&self, version: Version) -> Map<String, Value> {
        render::render(self, version)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    fn number(&self, key: &str) -> f64 {
        self.get(key).and_then(Value::as_f64).unwrap_or_default()
    }

    fn list(&self, key: &str) -> &[Value] {
        self.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }

    pub(crate) fn cmd(&self) -> Option<&str> {
        self.text("cmd")
    }

    pub(crate) fn args(&self) -> Vec<String> {
        texts(self.list("args"))
    }

    pub(crate) fn user(&self) -> Option<&str> {
        self.text("user")
    }

    /// Cores.
    pub(crate) fn cpus(&self) -> f64 {
        self.number("cpus")
    }

    /// MiB.
    pub(crate) fn mem(&self) -> f64 {
        self.number("mem")
    }

    /// MiB.
    pub(crate) fn disk(&self) -> f64 {
        self.number("disk")
    }

    pub(crate) fn gpus(&self) -> f64 {
        self.number("gpus")
    }

    pub(crate) fn instances(&self) -> usize {
        whole(self.get("instances"))
    }

    pub(crate) fn env(&self) -> Vec<(String, String)> {
        text_map(self.get("env"))
    }

    pub(crate) fn labels(&self) -> Vec<(String, String)> {
        text_map(self.get("labels"))
    }

    pub(crate) fn constraints(&self) -> Vec<Vec<String>> {
        let lists = self.list("constraints").iter();
        lists.map(|list| texts(list.as_array().map_or(&[], Vec::as_slice))).collect()
    }

    pub(crate) fn health_checks(&self) -> &[Value] {
        self.list("healthChecks")
    }

    pub(crate) fn dependencies(&self) -> Vec<String> {
        texts(self.list("dependencies"))
    }

    /// What of the container image shall run; none for a command on the agent itself.
    pub(crate) fn docker(&self) -> Option<&Value> {
        self.get("container")?.get("docker")
    }

    pub(crate) fn volumes(&self) -> &[Value] {
        let volumes = self.get("container").and_then(|container| container.get("volumes"));
        volumes.and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// `host`, `container/bridge` or `container`.
    pub(crate) fn network_mode(&self) -> &str {
        let network = self.list("networks").first();
        network.and_then(|network| network["mode"].as_str()).unwrap_or("host")
    }

    /// The name of the container network.
    pub(crate) fn network_name(&self) -> Option<&str> {
        self.list("networks").first()?.get("name")?.as_str()
    }

    /// The ports that every instance has, in their order.
    pub(crate) fn ports(&self) -> Vec<Port> {
        if self.network_mode() == "host" {
            let pinned = self.get("requirePorts") == Some(&Value::Bool(true));
            return self.list("portDefinitions").iter().map(|p| Port::defined(p, pinned)).collect();
        }
        let mappings = self.get("container").and_then(|container| container.get("portMappings"));
        mappings.and_then(Value::as_array).into_iter().flatten().map(Port::mapped).collect()
    }

    /// Backoff: the first delay, what it grows by, and the longest, in seconds.
    pub(crate) fn backoff(&self) -> (f64, f64, f64) {
        let number = |key| self.number(key);
        (number("backoffSeconds"), number("backoffFactor"), number("maxLaunchDelaySeconds"))
    }

    /// What shares of the instances a rolling restart keeps at least, and has in addition at most.
    pub(crate) fn upgrade(&self) -> (f64, f64) {
        let share = |key: &str| {
            self.get("upgradeStrategy")
                .and_then(|s| s.get(key))
                .and_then(Value::as_f64)
                .unwrap_or(1.0)
        };
        (share("minimumHealthCapacity"), share("maximumOverCapacity"))
    }

    /// Seconds until an unreachable instance is replaced, and until it is forgotten; none for never.
    pub(crate) fn unreachable(&self) -> Option<(f64, f64)> {
        let strategy = self.get("unreachableStrategy")?.as_object()?;
        let seconds = |key| strategy.get(key).and_then(Value::as_f64).unwrap_or_default();
        Some((seconds("inactiveAfterSeconds"), seconds("expungeAfterSeconds")))
    }

    /// Whether a scale-down ends the oldest first.
    pub(crate) fn kills_oldest_first(&self) -> bool {
        self.text("killSelection") == Some("OLDEST_FIRST")
    }

    /// Seconds between SIGTERM and SIGKILL, where the app says so.
    pub(crate) fn kill_grace(&self) -> Option<u32> {
        let seconds = self.get("taskKillGracePeriodSeconds")?.as_u64()?;
        u32::try_from(seconds).ok()
    }

    pub(crate) fn role(&self) -> &str {
        self.text("role").unwrap_or("*")
    }
}

/// A port of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// Inside of the container; none in host mode, 0 for the host's.
    pub(crate) container: Option<u16>,
    /// The host's port that it must be; 0 for any, none for none at all.
    pub(crate) host: Option<u16>,
    pub(crate) service: u16,
    pub(crate) name: Option<String>,
    /// `tcp`, `udp` or `udp,tcp`.
    pub(crate) protocol: String,
}

impl Port {
    fn defined(definition: &Value, pinned: bool) -> Self {
        let port = port(&definition["port"]).unwrap_or_default();
        let host = if pinned { port } else { 0 };
        Self { container: None, host: Some(host), service: port, ..Self::named(definition) }
    }

    fn mapped(mapping: &Value) -> Self {
        let container = port(&mapping["containerPort"]).or(Some(0));
        let service = port(&mapping["servicePort"]).unwrap_or_default();
        Self { container, host: port(&mapping["hostPort"]), service, ..Self::named(mapping) }
    }

    fn named(value: &Value) -> Self {
        Self {
            container: None,
            host: None,
            service: 0,
            name: value["name"].as_str().map(str::to_owned),
            protocol: value["protocol"].as_str().unwrap_or("tcp").to_owned(),
        }
    }
}

fn port(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|port| u16::try_from(port).ok())
}

pub(crate) fn whole(value: Option<&Value>) -> usize {
    let number = value.and_then(|v| v.as_u64().or_else(|| v.as_f64().map(|f| f.max(0.0) as u64)));
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default()
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn text_map(value: Option<&Value>) -> Vec<(String, String)> {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
