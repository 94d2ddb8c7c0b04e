//! From tasks to containers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use bollard::models::{Node, NodeState, Service, Task, TaskState};
use launcher_model::container::{Container, ContainerPhase, ExecCheck};
use launcher_model::{ServiceName, VersionNumber};

use super::Picture;
use super::ensure::label;
use super::memory::Memory;
use super::names::NAME;
use super::places::places;
use super::task::{self, ended, made, stamp, state, wanted};
use super::why;
use crate::docker::observe::plain_words;
use crate::identity::{RUN, SERVE};
use crate::labels;

/// The containers of a service's second attempt have higher numbers than all of its first one's.
const ATTEMPTS: u32 = 10_000;

/// The containers that take requests, in the order of their places.
pub(super) fn containers(
    services: &[Service],
    tasks: &[Task],
    nodes: &[Node],
    memory: &Memory,
) -> Vec<Container> {
    let mut by_service: HashMap<&str, Vec<&Task>> = HashMap::new();
    for task in tasks {
        by_service.entry(task.service_id.as_deref().unwrap_or_default()).or_default().push(task);
    }
    let mut containers: Vec<Container> = by_service
        .into_iter()
        .flat_map(|(id, tasks)| {
            let service = services.iter().find(|service| service.id.as_deref() == Some(id));
            Reader { service, nodes, memory }.read(tasks)
        })
        .collect();
    containers.sort_by(|a, b| {
        let order = |c: &Container| (c.version, c.slot, c.attempt, c.created);
        a.service.cmp(&b.service).then_with(|| order(a).cmp(&order(b)))
    });
    containers
}

/// Whose services have no container that takes requests: those that are stopped, and release commands of
/// environments that came to nothing. A person's command goes with its listener.
pub(super) fn without_containers(picture: &Picture) -> BTreeSet<(ServiceName, VersionNumber)> {
    let shown: BTreeSet<_> =
        picture.containers.iter().map(|c| (c.service.clone(), c.version)).collect();
    let environment = |service: &Service| {
        let of = |name| label(service, name);
        let number = of(labels::VERSION)?.parse().ok()?;
        Some((ServiceName::new(of(labels::SERVICE)?).ok()?, VersionNumber(number)))
    };
    let lasting = picture.services.iter().filter(|one| label(one, labels::ROLE) != Some(RUN));
    lasting.filter_map(environment).filter(|one| !shown.contains(one)).collect()
}

/// How many tasks a service shall have.
pub(super) fn replicas(service: &Service) -> i64 {
    let mode = service.spec.as_ref().and_then(|spec| spec.mode.as_ref());
    mode.and_then(|mode| mode.replicated.as_ref()).and_then(|mode| mode.replicas).unwrap_or(0)
}

/// Reads the tasks of one service, which may be gone.
struct Reader<'a> {
    service: Option<&'a Service>,
    nodes: &'a [Node],
    memory: &'a Memory,
}

impl Reader<'_> {
    fn read(&self, mut tasks: Vec<&Task>) -> Vec<Container> {
        tasks.sort_by_key(|task| made(task));
        let replicas = self.service.map_or(0, replicas);
        let live = tasks.iter().filter(|task| wanted(task) && !ended(task));
        let live: BTreeSet<i64> = live.filter_map(|task| task.slot).collect();
        let places = places(&live, replicas);
        let mut by_slot: BTreeMap<i64, Vec<&Task>> = BTreeMap::new();
        for task in tasks {
            by_slot.entry(task.slot.unwrap_or(0)).or_default().push(task);
        }
        by_slot
            .into_iter()
            .flat_map(|(slot, tasks)| {
                let shown = shown(tasks, places.contains_key(&slot) || slot <= replicas);
                let place = places.get(&slot).copied();
                let place = place.unwrap_or_else(|| u16::try_from(slot).unwrap_or(u16::MAX));
                shown.into_iter().filter_map(move |task| self.container(task, place))
            })
            .collect()
    }

    fn container(&self, task: &Task, slot: u16) -> Option<Container> {
        let labels = task::labels(task)?;
        let text = |label| labels.get(label).map(String::as_str);
        if text(labels::ROLE) != Some(SERVE) {
            return None;
        }
        let known = self.memory.of(task)?;
        let node = self.nodes.iter().find(|node| node.id.is_some() && node.id == task.node_id);
        if known.lost.is_some() && task::is_removed(task) {
            // It ends when its host is back; nobody waits for that.
            return None;
        }
        let attempt = text(labels::ATTEMPT).and_then(|text| text.parse::<u32>().ok()).unwrap_or(1);
        let offset = attempt.saturating_sub(1).saturating_mul(ATTEMPTS);
        let phase = match known.lost {
            Some(since) if !ended(task) && node.is_some() => ContainerPhase::Lost { since },
            _ => phase(task, known.started),
        };
        let serves = matches!(phase, ContainerPhase::Running { .. }) && wanted(task);
        Some(Container {
            id: task::id(task)?.to_owned(),
            name: name(task, labels),
            service: ServiceName::new(text(labels::SERVICE)?).ok()?,
            version: VersionNumber(text(labels::VERSION)?.parse().ok()?),
            slot,
            attempt: offset.saturating_add(known.attempt.min(ATTEMPTS - 1)),
            failures: known.failures,
            created: made(task),
            host: node.map(host_name).unwrap_or_default().to_owned(),
            address: node.filter(|_| serves).and_then(|node| address(task, node)),
            published: None,
            phase,
        })
    }
}

/// Which tasks of a slot are shown: those that have not ended, and of the others the last, unless it was ended
/// on purpose. `needed` is whether the slot shall be filled at all.
fn shown(tasks: Vec<&Task>, needed: bool) -> Vec<&Task> {
    let last = tasks
        .iter()
        .rposition(|task| ended(task))
        .filter(|last| needed && task::has_failed(tasks[*last]) && !task::is_removed(tasks[*last]));
    let keep = |(index, task): (usize, &Task)| !ended(task) || last == Some(index);
    tasks
        .into_iter()
        .enumerate()
        .filter(|(index, task)| keep((*index, task)))
        .map(|(_, t)| t)
        .collect()
}

/// A container's name on its host is the service's, the slot and the task's id.
fn name(task: &Task, labels: &HashMap<String, String>) -> String {
    let service = labels.get(NAME).map(String::as_str).unwrap_or_default();
    let (slot, id) = (task.slot.unwrap_or(0), task.id.as_deref().unwrap_or_default());
    format!("{service}.{slot}.{id}")
}

/// What a host is called.
pub(super) fn host_name(node: &Node) -> &str {
    let description = node.description.as_ref();
    description.and_then(|description| description.hostname.as_deref()).unwrap_or_default()
}

/// Whether the managers have given a host up.
pub(super) fn is_down(node: &Node) -> bool {
    node.status.as_ref().and_then(|status| status.state) == Some(NodeState::DOWN)
}

/// Where a host is reached. A manager that was told no address of its own says of itself that it is
/// everywhere; where the other managers find it is then the better answer.
pub(super) fn host_address(node: &Node) -> Option<IpAddr> {
    let told = node.status.as_ref().and_then(|status| status.addr.as_deref());
    let told = told.and_then(|text| text.parse::<IpAddr>().ok());
    let manager = node.manager_status.as_ref().and_then(|status| status.addr.as_deref());
    let manager = manager.and_then(|text| text.parse::<SocketAddr>().ok()).map(|addr| addr.ip());
    told.filter(|ip| !ip.is_unspecified() && !ip.is_loopback()).or(manager).or(told)
}

/// The port of the host that leads to the container's. The Swarm tells each of them twice.
fn address(task: &Task, node: &Node) -> Option<SocketAddr> {
    let wanted: i64 = task::labels(task)?.get(labels::PORT)?.parse().ok()?;
    let ports = task.status.as_ref()?.port_status.as_ref()?.ports.as_ref()?;
    let port = ports.iter().find(|port| port.target_port == Some(wanted))?.published_port?;
    Some(SocketAddr::new(host_address(node)?, u16::try_from(port).ok()?))
}

fn phase(task: &Task, started: Option<jiff::Timestamp>) -> ContainerPhase {
    let at = stamp(task).unwrap_or_else(|| made(task));
    let running = |healthy| ContainerPhase::Running {
        since: started.unwrap_or(at),
        exec_check: task::has_check(task).then(|| ExecCheck { healthy, output: String::new() }),
    };
    match state(task) {
        TaskState::NEW | TaskState::ALLOCATED | TaskState::PENDING => {
            ContainerPhase::Waiting { why: why::waits(task) }
        }
        // The Swarm calls running what has passed its check.
        TaskState::STARTING if task::has_check(task) && task::container(task).is_some() => {
            running(false)
        }
        TaskState::ASSIGNED
        | TaskState::ACCEPTED
        | TaskState::PREPARING
        | TaskState::READY
        | TaskState::STARTING => ContainerPhase::Created,
        TaskState::RUNNING => running(true),
        TaskState::ORPHANED => ContainerPhase::Lost { since: at },
        TaskState::FAILED if !task::was_started(task) => unstartable(task),
        TaskState::REJECTED => unstartable(task),
        TaskState::COMPLETE | TaskState::FAILED | TaskState::SHUTDOWN | TaskState::REMOVE => {
            ContainerPhase::Exited {
                code: task::exit_code(task).unwrap_or(0),
                // The Swarm does not tell.
                out_of_memory: false,
                started: started.unwrap_or_else(|| made(task)).min(at),
                finished: at,
            }
        }
    }
}

fn unstartable(task: &Task) -> ContainerPhase {
    let words = task::trouble(task).unwrap_or("the host gives no reason");
    ContainerPhase::Unstartable { why: plain_words(words).to_owned() }
}
