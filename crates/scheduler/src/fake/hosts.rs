//! The hosts of the fake engine, and which of them a container is placed on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use launcher_model::container::{Container, ContainerPhase, Host, Promised};
use launcher_model::plan::containers::ContainerStep;
use launcher_model::version::Version;

use super::world::{Held, State};
use crate::{Error, Result};

/// Its hosts: one, unless a test says otherwise.
pub(super) struct Hosts(Vec<Host>);

impl Default for Hosts {
    fn default() -> Self {
        Self::named(["fake"])
    }
}

impl Hosts {
    pub(super) fn named<const N: usize>(names: [&str; N]) -> Self {
        let host = |name: &str| Host {
            name: name.to_owned(),
            address: "127.0.0.1".to_owned(),
            engine: "Fake 1".to_owned(),
            cpus: 2,
            memory: 4 << 30,
            running: 0,
            promised: Promised::default(),
            labels: BTreeMap::new(),
            closed: false,
            usable: true,
            trouble: None,
        };
        Self(names.into_iter().map(host).collect())
    }

    pub(super) fn are_many(&self) -> bool {
        self.0.len() > 1
    }

    pub(super) fn label(&mut self, host: &str, label: &str, value: &str) {
        if let Some(host) = self.find(host) {
            host.labels.insert(label.to_owned(), value.to_owned());
        }
    }

    pub(super) fn set_closed(&mut self, host: &str, closed: bool) -> Result<()> {
        if !self.are_many() {
            let what = "place containers on another host";
            return Err(Error::Unsupported { engine: "the fake", what });
        }
        let doing = "closing or opening a host";
        let unknown = || Error::Refused { doing, why: format!("there is no host {host}") };
        self.find(host).ok_or_else(unknown)?.closed = closed;
        Ok(())
    }

    /// The hosts, as they are told.
    pub(super) fn seen(&self, containers: &BTreeMap<String, Held>) -> Vec<Host> {
        let seen = self.0.iter().map(|host| {
            let on_it = containers.values().filter(|held| held.container.host == host.name);
            let running: Vec<_> = on_it.filter(|held| held.container.is_running()).collect();
            let promised = running.iter().fold(Promised::default(), |sum, held| Promised {
                milli_cpus: sum.milli_cpus + held.promised.milli_cpus,
                memory: sum.memory + held.promised.memory,
            });
            let running = running.len().try_into().unwrap_or(u32::MAX);
            Host { running, promised, ..host.clone() }
        });
        seen.collect()
    }

    fn find(&mut self, name: &str) -> Option<&mut Host> {
        self.0.iter_mut().find(|host| host.name == name)
    }
}

impl State {
    /// Places those of these containers that have no host: where there is least to do.
    pub(super) fn place_those_that_wait(&mut self, ids: &[String], avoid: &BTreeSet<String>) {
        for id in ids {
            let hosts = self.hosts.seen(&self.containers);
            let placed =
                |name: &str| self.containers.values().filter(|h| h.container.host == name).count();
            let may = |host: &&Host| host.usable && !host.closed && !avoid.contains(&host.name);
            let best = hosts.iter().filter(may).min_by_key(|host| placed(&host.name));
            let best = best.map(|host| host.name.clone());
            let Some(held) = self.containers.get_mut(id) else { continue };
            let container = &mut held.container;
            if !matches!(container.phase, ContainerPhase::Waiting { .. }) {
                continue;
            }
            match best {
                Some(host) => {
                    container.host = host;
                    container.phase = ContainerPhase::Created;
                }
                None => {
                    let why = format!("no host may be used ({} hosts looked at)", hosts.len());
                    container.phase = ContainerPhase::Waiting { why: Some(why) };
                }
            }
        }
    }

    pub(super) fn lose_host(&mut self, name: &str) {
        if let Some(host) = self.hosts.find(name) {
            host.usable = false;
            host.trouble = Some("it cannot be reached".to_owned());
        }
        for held in self.containers.values_mut().filter(|held| held.container.host == name) {
            held.container.address = None;
            held.container.phase = ContainerPhase::Lost { since: Timestamp::now() };
        }
    }
}

/// What fills the places anew whose containers are on hosts to avoid, or lost with theirs.
pub(super) fn moves(
    replicas: u16,
    observed: &[Container],
    avoid: &BTreeSet<String>,
) -> Vec<ContainerStep> {
    let newest = |slot: u16| {
        let filled = observed.iter().filter(move |container| container.slot == slot);
        filled.max_by_key(|container| container.attempt)
    };
    let is_to_move = |container: &&Container| match container.phase {
        ContainerPhase::Running { .. } => avoid.contains(&container.host),
        ContainerPhase::Lost { .. } => true,
        _ => false,
    };
    let moving = (1..=replicas).filter_map(newest).filter(is_to_move);
    let create = |container: &Container| ContainerStep::Create {
        slot: container.slot,
        attempt: container.attempt + 1,
        failures: 0,
    };
    moving.map(create).collect()
}

/// What a container of a version is promised.
pub(super) fn promised(version: &Version) -> Promised {
    let resources = &version.spec.resources;
    Promised {
        milli_cpus: resources.cpus.map_or(0, |cpus| u64::from(cpus.milli())),
        memory: resources.memory.map_or(0, |memory| memory.0),
    }
}
