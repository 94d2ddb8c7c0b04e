//! Choosing an agent for an instance, by resources and constraints.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rand::seq::SliceRandom as _;
use regex::Regex;

use super::{Agent, Event, State, Task, TaskState, World};
use crate::definition::Definition;
use crate::ids::InstanceId;

/// Why an offer may be declined, in the order in which it is looked at.
pub(crate) const REASONS: [&str; 10] = [
    "UnfulfilledRole",
    "UnfulfilledConstraint",
    "NoCorrespondingReservationFound",
    "AgentMaintenance",
    "InsufficientCpus",
    "InsufficientMemory",
    "InsufficientDisk",
    "InsufficientGpus",
    "InsufficientPorts",
    "DeclinedScarceResources",
];
const ROLE: usize = 0;
const CONSTRAINT: usize = 1;
const CPUS: usize = 4;
const MEMORY: usize = 5;
const DISK: usize = 6;
const GPUS: usize = 7;
const PORTS: usize = 8;

/// What sums of decimal fractions may be off by.
const ROUNDING: f64 = 1e-9;

impl World {
    /// Launches one more instance of an app, if an agent has room for it.
    pub(super) fn launch_one(self: &Arc<Self>, state: &mut State, id: &str) -> bool {
        let Some(app) = state.apps.get(id) else { return false };
        let definition = app.definition.clone();
        let mut fitting = Vec::new();
        let mut looked_at = Vec::new();
        for (index, agent) in self.agents.iter().enumerate().filter(|(i, _)| state.offers(*i)) {
            let verdict = self.verdict(state, &definition, index, agent);
            looked_at.push(verdict.as_ref().err().copied());
            if let Ok(ports) = verdict {
                fitting.push((index, ports));
            }
        }
        // Few of the same app first, then few of any.
        let load = |index: &usize| {
            let on = |task: &&Task| task.agent == *index;
            (state.tasks_of(id).filter(on).count(), state.tasks.iter().filter(on).count())
        };
        let chosen = fitting.into_iter().min_by_key(|(index, _)| load(index));
        self.note_offers(state, id, looked_at, chosen.is_some());
        let Some((agent, ports)) = chosen else { return false };
        self.place(state, id, agent, ports);
        true
    }

    fn note_offers(&self, state: &mut State, id: &str, last: Vec<Option<usize>>, used: bool) {
        let Some(app) = state.apps.get_mut(id) else { return };
        let offers = &mut app.queue.offers;
        let now = crate::time::now();
        offers.processed += last.len();
        offers.unused += last.len() - usize::from(used);
        if used {
            offers.last_used = Some(now);
        } else if !last.is_empty() {
            offers.last_unused = Some(now);
        }
        for reason in last.iter().flatten() {
            offers.declined[*reason] += 1;
        }
        offers.last = last;
    }

    fn place(self: &Arc<Self>, state: &mut State, id: &str, agent: usize, ports: Vec<u16>) {
        let Some(app) = state.apps.get_mut(id) else { return };
        let (instance, earlier) =
            app.queue.instances.pop().unwrap_or_else(|| (InstanceId::new(id), 0));
        let task = Task {
            id: instance.task(self.version(), earlier + 1),
            instance,
            incarnation: earlier + 1,
            app: id.to_owned(),
            version: app.version,
            health: vec![super::task::Health::default(); app.definition.health_checks().len()],
            definition: app.definition.clone(),
            agent,
            ports,
            state: TaskState::Staging,
            staged: crate::time::now(),
            started: None,
            container: None,
            ip: None,
            killed: None,
            unreachable: None,
            inactive: false,
        };
        if self.version().is_late() {
            let agent = &self.agents[agent];
            let event = Event::instance_changed(&task, agent, "Provisioned", self.version());
            state.publish(event);
        }
        let task_id = task.id.clone();
        state.tasks.push(task);
        self.tell_status(state, &task_id, "");
        self.spawn(super::container::run(Arc::clone(self), task_id));
    }

    /// The host ports that an agent would give, or the reason for which it is declined.
    fn verdict(
        &self,
        state: &State,
        app: &Definition,
        index: usize,
        agent: &Agent,
    ) -> Result<Vec<u16>, usize> {
        let roles = app.get("acceptedResourceRoles").and_then(|roles| roles.as_array());
        if roles.is_some_and(|roles| !roles.is_empty() && !roles.iter().any(|role| role == "*")) {
            return Err(ROLE);
        }
        let others: Vec<&Task> = state
            .tasks_of(app.id())
            .filter(|task| task.is_active() || task.killed.is_some())
            .collect();
        if !app.constraints().iter().all(|constraint| self.allows(constraint, agent, &others)) {
            return Err(CONSTRAINT);
        }
        let used = used(state, index);
        let options = &agent.options;
        for (reason, wanted, free) in [
            (CPUS, app.cpus(), options.cpus - used.cpus),
            (MEMORY, app.mem(), options.mem - used.mem),
            (DISK, app.disk(), options.disk - used.disk),
            (GPUS, app.gpus(), 0.0),
        ] {
            if wanted > free + ROUNDING {
                return Err(reason);
            }
        }
        free_ports(app, agent, &used.ports).ok_or(PORTS)
    }

    fn allows(&self, constraint: &[String], agent: &Agent, others: &[&Task]) -> bool {
        let [field, operator, rest @ ..] = constraint else { return true };
        let wanted = rest.first().map(String::as_str);
        let Some(value) = agent.field(field) else { return operator == "UNLIKE" };
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        for other in others {
            if let Some(value) = self.agents[other.agent].field(field) {
                *groups.entry(value).or_default() += 1;
            }
        }
        let here = groups.get(value).copied().unwrap_or_default();
        let number = wanted.and_then(|wanted| wanted.parse::<usize>().ok());
        match operator.as_str() {
            "UNIQUE" => here == 0,
            "CLUSTER" => match wanted {
                Some(wanted) => value == wanted,
                None => groups.is_empty() || here > 0,
            },
            "GROUP_BY" => {
                let expected = number.unwrap_or_default().max(groups.len());
                let least = groups.values().min().copied().unwrap_or_default();
                here <= if groups.len() < expected { 0 } else { least }
            }
            "LIKE" => wanted.is_some_and(|wanted| is_like(wanted, value)),
            "UNLIKE" => !wanted.is_some_and(|wanted| is_like(wanted, value)),
            "MAX_PER" => number.is_some_and(|most| here < most),
            "IS" => wanted == Some(value),
            _ => false,
        }
    }
}

fn is_like(pattern: &str, value: &str) -> bool {
    Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(value))
}

/// What an agent has promised.
#[derive(Debug, Clone, Default)]
pub(crate) struct Used {
    pub(crate) cpus: f64,
    pub(crate) mem: f64,
    pub(crate) disk: f64,
    pub(crate) ports: Vec<u16>,
}

/// What an agent has promised to the tasks on it.
pub(crate) fn used(state: &State, agent: usize) -> Used {
    let mut used = Used::default();
    for task in state.tasks.iter().filter(|task| task.agent == agent) {
        used.cpus += task.definition.cpus();
        used.mem += task.definition.mem();
        used.disk += task.definition.disk();
        used.ports.extend(&task.ports);
    }
    used
}

/// Ports that no task has, and nothing else on this machine, in the order of the app's.
fn free_ports(app: &Definition, agent: &Agent, used: &[u16]) -> Option<Vec<u16>> {
    let mut candidates: Vec<u16> = agent.options.ports.clone().collect();
    candidates.shuffle(&mut rand::rng());
    let mut chosen: Vec<u16> = Vec::new();
    for wanted in app.ports().iter().filter_map(|port| port.host) {
        let port = if wanted != 0 {
            let free = agent.options.ports.contains(&wanted)
                && !used.contains(&wanted)
                && !chosen.contains(&wanted);
            free.then_some(wanted)?
        } else {
            let is_free = |port: &u16| {
                !used.contains(port) && !chosen.contains(port) && is_unused(agent, *port)
            };
            candidates.iter().copied().find(is_free)?
        };
        chosen.push(port);
    }
    Some(chosen)
}

/// Mesos' agents do not share their ports with anybody; here others may be on the same machine.
fn is_unused(agent: &Agent, port: u16) -> bool {
    match TcpListener::bind(SocketAddr::new(agent.options.address, port)) {
        Ok(_) => true,
        Err(error) => error.kind() != std::io::ErrorKind::AddrInUse,
    }
}
