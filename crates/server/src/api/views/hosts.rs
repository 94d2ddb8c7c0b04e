//! Hosts.

use std::collections::BTreeMap;
use std::net::IpAddr;

use launcher_control::OnHost;
use launcher_model::container::{Host, Promised};
use launcher_model::host::{Closure, HostNotes, HostState};
use launcher_model::{ServiceName, VersionNumber};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A host, and what is known of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HostView {
    /// As the engine tells it. What is promised is counted from our containers where the engine keeps no
    /// count.
    #[serde(flatten)]
    pub host: Host,
    /// How it is.
    pub state: HostState,
    /// That it takes nothing new, where somebody has said so here.
    #[serde(default)]
    pub closure: Option<Closure>,
    /// What is not promised to containers.
    pub free: Promised,
    /// What other systems say of it.
    #[serde(default)]
    pub notes: HostNotes,
    /// Our containers that run on it.
    pub containers: Vec<OnHostView>,
}

/// The containers of one version on one host.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OnHostView {
    /// Whose.
    pub service: ServiceName,
    /// Whose.
    pub version: VersionNumber,
    /// How many run.
    pub running: usize,
    /// Why those that are to take their places have no host yet.
    #[serde(default)]
    pub waits: Option<String>,
}

impl HostView {
    pub(crate) fn new(view: launcher_control::HostView) -> Self {
        let launcher_control::HostView { host, state, closure, notes, containers } = view;
        let Promised { milli_cpus, memory } = host.promised;
        let free = Promised {
            milli_cpus: (u64::from(host.cpus) * 1000).saturating_sub(milli_cpus),
            memory: host.memory.saturating_sub(memory),
        };
        let containers = containers.into_iter().map(OnHostView::new).collect();
        Self { host, state, closure, free, notes, containers }
    }

    /// Its labels: the engine's, and those of other systems that the engine has not.
    #[must_use]
    pub fn all_labels(&self) -> BTreeMap<&str, &str> {
        all_labels(&self.host, &self.notes)
    }
}

impl OnHostView {
    fn new(on_host: OnHost) -> Self {
        let OnHost { service, version, running, waits } = on_host;
        Self { service, version, running: running.len(), waits }
    }
}

/// A host's labels: the engine's, and those of other systems that the engine has not.
pub(crate) fn all_labels<'h>(host: &'h Host, notes: &'h HostNotes) -> BTreeMap<&'h str, &'h str> {
    let both = notes.labels.iter().chain(&host.labels);
    both.map(|(label, value)| (label.as_str(), value.as_str())).collect()
}

/// The name or number by which other machines reach a host; nothing when its engine is only spoken with from
/// the machine itself.
pub(crate) fn host_address(host: &Host) -> Option<&str> {
    let address = match host.address.split_once("://") {
        None => host.address.as_str(),
        Some(("unix", _)) => return None,
        Some((_, rest)) => {
            let authority = rest.split('/').next().unwrap_or_default();
            let bare = authority.rsplit_once(':').map_or(authority, |(bare, _port)| bare);
            bare.trim_start_matches('[').trim_end_matches(']')
        }
    };
    let is_here = address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    (!address.is_empty() && !is_here).then_some(address)
}

/// A host's state in the API's word.
pub(crate) fn state_word(state: HostState) -> &'static str {
    match state {
        HostState::Ready => "ready",
        HostState::Closed => "closed",
        HostState::Draining => "draining",
        HostState::Drained => "drained",
        HostState::Down => "down",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_an_address_that_other_machines_can_use_or_none() {
        let host: Host = serde_json::from_value(serde_json::json!({
            "name": "a", "address": "", "engine": "", "cpus": 1, "memory": 1, "running": 0, "usable": true,
        }))
        .unwrap();
        for (address, reached) in [
            ("10.0.0.5", Some("10.0.0.5")),
            ("a.example.com", Some("a.example.com")),
            ("fd00::5", Some("fd00::5")),
            ("tcp://10.0.0.5:2375", Some("10.0.0.5")),
            ("tcp://[fd00::5]:2375/", Some("fd00::5")),
            ("unix:///var/run/docker.sock", None),
            ("127.0.0.1", None),
            ("", None),
        ] {
            let host = Host { address: address.to_owned(), ..host.clone() };
            assert_eq!(host_address(&host), reached, "{address}");
        }
    }
}
