//! Everything that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

use super::bus::Bus;
use super::callback::Callbacks;
use super::{App, Deployment, Task};
use crate::options::Options;

/// Service ports that Marathon gives (`--local_port_min`, `--local_port_max`).
pub(crate) const SERVICE_PORTS: std::ops::Range<u16> = 10_000..20_000;

/// What all instances of Marathon, and Mesos, know.
pub(crate) struct State {
    /// By their ids.
    pub(crate) apps: BTreeMap<String, App>,
    /// Those that have not ended, in the order in which they were launched.
    pub(crate) tasks: Vec<Task>,
    /// The oldest first.
    pub(crate) deployments: Vec<Deployment>,
    /// Groups that were made by themselves, not by an app in them.
    pub(crate) groups: BTreeSet<String>,
    /// For each of the agents, whether Mesos reaches it.
    pub(crate) reachable: Vec<bool>,
    /// For each of the agents, whether an operator has it take nothing new.
    pub(crate) deactivated: Vec<bool>,
    /// Which instance leads; none while that is being settled.
    pub(crate) leader: Option<usize>,
    /// For each instance, whether it is there.
    pub(crate) alive: Vec<bool>,
    /// Which master leads.
    pub(crate) master: Option<usize>,
    pub(crate) bus: Bus,
    /// Events that wait for another one that comes first.
    pub(super) held: Option<Vec<super::Event>>,
    pub(crate) callbacks: Callbacks,
    /// Until then every call is answered as a broken proxy would.
    pub(crate) broken_until: Option<Instant>,
    /// Calls of Marathon that were answered.
    pub(crate) calls: u64,
    /// What has ended, and when; the newest last.
    pub(crate) completed: Vec<(Task, Timestamp)>,
    /// What Marathon has forgotten while its agent was lost.
    pub(crate) strays: Vec<Task>,
    pub(crate) began: Timestamp,
    last_version: Timestamp,
}

impl State {
    pub(super) fn new(options: &Options, agents: usize) -> Self {
        Self {
            apps: BTreeMap::new(),
            tasks: Vec::new(),
            deployments: Vec::new(),
            groups: BTreeSet::new(),
            reachable: vec![true; agents],
            deactivated: vec![false; agents],
            leader: Some(0),
            alive: vec![true; options.instances],
            master: Some(0),
            bus: Bus::new(options.version),
            held: None,
            callbacks: Callbacks::default(),
            broken_until: None,
            calls: 0,
            completed: Vec::new(),
            strays: Vec::new(),
            began: crate::time::now(),
            last_version: Timestamp::UNIX_EPOCH,
        }
    }

    /// Now, but newer than any version before.
    pub(crate) fn next_version(&mut self) -> Timestamp {
        let after = self.last_version + SignedDuration::from_millis(1);
        self.last_version = crate::time::now().max(after);
        self.last_version
    }

    /// A service port that no app has.
    pub(crate) fn free_service_port(&self, taken: &[u16]) -> u16 {
        let used: BTreeSet<u16> = self
            .apps
            .values()
            .flat_map(|app| app.definition.ports())
            .map(|port| port.service)
            .chain(taken.iter().copied())
            .collect();
        let mut port = rand::rng().random_range(SERVICE_PORTS);
        while used.contains(&port) {
            port = if port + 1 == SERVICE_PORTS.end { SERVICE_PORTS.start } else { port + 1 };
        }
        port
    }

    /// Whether Mesos offers what an agent has.
    pub(crate) fn offers(&self, agent: usize) -> bool {
        self.reachable[agent] && !self.deactivated[agent]
    }

    pub(crate) fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.id == id)
    }

    pub(crate) fn task_mut(&mut self, id: &str) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.id == id)
    }

    pub(crate) fn tasks_of<'a>(&'a self, app: &'a str) -> impl Iterator<Item = &'a Task> + 'a {
        self.tasks.iter().filter(move |task| task.app == app)
    }

    /// The deployments that touch an app.
    pub(crate) fn deployments_of<'a>(
        &'a self,
        app: &'a str,
    ) -> impl Iterator<Item = &'a Deployment> + 'a {
        self.deployments.iter().filter(move |deployment| deployment.touches(app))
    }

    /// What was held back for want of a place is offered again.
    pub(crate) fn offer_again(&mut self) {
        for app in self.apps.values_mut() {
            app.queue.next_offers = None;
        }
    }
}
