//! What a lab is made of.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{Error, Result};

/// As many addresses as the hosts of one lab have.
const MOST_HOSTS: usize = 200;

/// As long as the name of a host may be.
const LONGEST_NAME: usize = 32;

/// What a lab is made of. By default: three hosts, each for itself.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its hosts, in the order of their addresses.
    pub hosts: Vec<HostOptions>,
    /// How their engines are joined into a Swarm, if they are.
    pub swarm: Option<SwarmOptions>,
}

/// What one host is like.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Its name: lower-case letters, digits and dashes.
    pub name: String,
    /// Settings of its engine, as `daemon.json` has them, beside those that the lab makes itself.
    pub settings: Map<String, Value>,
}

/// How a Swarm is set up.
#[derive(Debug, Clone)]
pub struct SwarmOptions {
    /// So many of the hosts, the first ones, are managers.
    pub managers: usize,
    /// How often a node says that it is there; one that is silent three times as long is down. Without it,
    /// the engine's own 5 s.
    pub heartbeat: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self::hosts(3)
    }
}

impl Options {
    /// So many hosts, `host-1` and so on, each for itself.
    #[must_use]
    pub fn hosts(count: usize) -> Self {
        let hosts = (1..=count).map(|number| HostOptions::new(format!("host-{number}")));
        Self { hosts: hosts.collect(), swarm: None }
    }

    /// Joined into a Swarm.
    #[must_use]
    pub fn swarm(mut self, swarm: SwarmOptions) -> Self {
        self.swarm = Some(swarm);
        self
    }

    /// Checks what could not be set up.
    ///
    /// # Errors
    /// [`Error::Options`].
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |why: String| Err(Error::Options(why));
        let count = self.hosts.len();
        if count == 0 || count > MOST_HOSTS {
            return refuse(format!("a lab has 1 to {MOST_HOSTS} hosts, not {count}"));
        }
        for (index, host) in self.hosts.iter().enumerate() {
            let name = &host.name;
            if !is_host_name(name) {
                return refuse(format!(
                    "{name:?} cannot be a host's name: use up to {LONGEST_NAME} lower-case letters, digits \
                     and dashes, the first a letter"
                ));
            }
            if self.hosts[..index].iter().any(|other| other.name == *name) {
                return refuse(format!("two hosts are called {name}"));
            }
        }
        match &self.swarm {
            Some(swarm) if swarm.managers == 0 || swarm.managers > count => refuse(format!(
                "a Swarm of {count} hosts has 1 to {count} managers, not {}",
                swarm.managers
            )),
            _ => Ok(()),
        }
    }
}

fn is_host_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

impl HostOptions {
    /// One of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), settings: Map::new() }
    }

    /// Its engine has this label too.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        let labels = self.settings.entry("labels").or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(labels) = labels {
            labels.push(Value::String(format!("{name}={value}")));
        }
        self
    }

    /// Its engine has this setting, as `daemon.json` has it.
    #[must_use]
    pub fn setting(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }
}

impl Default for SwarmOptions {
    fn default() -> Self {
        Self { managers: 1, heartbeat: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(options: &Options) -> String {
        options.check().expect_err("it is refused").to_string()
    }

    #[test]
    fn what_cannot_be_set_up_is_refused_with_the_reason() {
        assert_eq!(
            refusal(&Options::hosts(0)),
            "the lab cannot be set up: a lab has 1 to 200 hosts, not 0"
        );
        let managers = SwarmOptions { managers: 4, ..SwarmOptions::default() };
        assert_eq!(
            refusal(&Options::hosts(3).swarm(managers)),
            "the lab cannot be set up: a Swarm of 3 hosts has 1 to 3 managers, not 4"
        );
        let twice =
            Options { hosts: vec![HostOptions::new("a"), HostOptions::new("a")], swarm: None };
        assert_eq!(refusal(&twice), "the lab cannot be set up: two hosts are called a");
        for name in ["", "1st", "../x", "North", "a b", "a-"] {
            let options = Options { hosts: vec![HostOptions::new(name)], swarm: None };
            assert!(refusal(&options).contains("cannot be a host's name"), "{name}");
        }
    }

    #[test]
    fn labels_are_settings_of_the_engine() {
        let host = HostOptions::new("north").label("disk", "ssd").label("zone", "a");
        assert_eq!(host.settings["labels"], serde_json::json!(["disk=ssd", "zone=a"]));
    }
}
