//! The Swarm's hosts.

use std::time::{Duration, Instant};

use bollard::models::{
    Node, NodeSpecAvailabilityEnum as Availability, NodeState, Reachability, Task, TaskState,
};
use launcher_model::container::{Host, Promised};

use super::{Swarm, read, task};
use crate::{Error, Result};

/// What all hosts have promised, to anybody, is looked at no more often than this.
const COUNTED: Duration = Duration::from_secs(10);

/// Everybody's tasks, as they were counted last.
#[derive(Debug, Default)]
pub(super) struct Counted {
    tasks: Vec<Task>,
    at: Option<Instant>,
}

impl Swarm {
    pub(super) async fn hosts(&self) -> Result<Vec<Host>> {
        let picture = self.picture().await?;
        let mut counted = self.0.counted.lock().await;
        let touched = self.0.keeper.touched_at();
        if counted.at.is_none_or(|at| at.elapsed() >= COUNTED || at <= touched) {
            let at = Some(Instant::now());
            *counted = Counted { tasks: self.everybodys_tasks().await?, at };
        }
        let mut hosts: Vec<Host> =
            picture.nodes.iter().map(|node| host(node, &counted.tasks)).collect();
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(hosts)
    }

    /// Pauses a host, or takes it into use again. One that its people drain stays drained until it is opened.
    pub(super) async fn set_closed(&self, host: &str, closed: bool) -> Result<()> {
        let picture = self.picture_since(Instant::now()).await?;
        let named = |node: &&Node| read::host_name(node) == host;
        let all: Vec<&Node> = picture.nodes.iter().filter(named).collect();
        let refused = |why: String| Error::Refused { doing: "changing a host", why };
        let id = match all.as_slice() {
            [node] => node.id.as_deref().unwrap_or_default(),
            [] => return Err(refused(format!("the Swarm has no host {host}"))),
            _ => {
                let why = format!(
                    "the Swarm has several hosts {host}: give them names of their own, or remove those that are gone with `docker node rm`"
                );
                return Err(refused(why));
            }
        };
        self.update_node(id, |spec| {
            spec.availability = Some(match (closed, spec.availability) {
                (false, _) => Availability::ACTIVE,
                (true, Some(Availability::DRAIN)) => Availability::DRAIN,
                (true, _) => Availability::PAUSE,
            });
        })
        .await
    }
}

fn host(node: &Node, tasks: &[Task]) -> Host {
    let description = node.description.clone().unwrap_or_default();
    let engine = description.engine.and_then(|engine| engine.engine_version);
    let resources = description.resources.unwrap_or_default();
    let availability = node.spec.as_ref().and_then(|spec| spec.availability);
    let labels = node.spec.as_ref().and_then(|spec| spec.labels.clone());
    let here = || tasks.iter().filter(|task| node.id.is_some() && task.node_id == node.id);
    let running = here().filter(|task| task::state(task) == TaskState::RUNNING).count();
    let trouble = trouble(node);
    Host {
        name: read::host_name(node).to_owned(),
        address: read::host_address(node).map(|ip| ip.to_string()).unwrap_or_default(),
        engine: format!("Docker {}", engine.unwrap_or_default()),
        cpus: whole(resources.nano_cpus.map(|nano| nano / 1_000_000_000)),
        memory: whole(resources.memory_bytes),
        running: running.try_into().unwrap_or(u32::MAX),
        promised: promised(here()),
        labels: labels.unwrap_or_default().into_iter().collect(),
        closed: matches!(availability, Some(Availability::PAUSE | Availability::DRAIN)),
        usable: trouble.is_none(),
        trouble: trouble.or_else(|| unreachable_manager(node)),
    }
}

/// What the tasks that hold a host's resources have been promised.
fn promised<'a>(tasks: impl Iterator<Item = &'a Task>) -> Promised {
    tasks.filter(|task| !task::ended(task)).fold(Promised::default(), |sum, task| {
        let resources = task.spec.as_ref().and_then(|spec| spec.resources.as_ref());
        let wanted = resources.and_then(|resources| resources.reservations.as_ref());
        let nano = wanted.and_then(|wanted| wanted.nano_cpus);
        let memory = wanted.and_then(|wanted| wanted.memory_bytes);
        Promised {
            milli_cpus: sum.milli_cpus + whole::<u64>(nano.map(|nano| nano / 1_000_000)),
            memory: sum.memory + whole::<u64>(memory),
        }
    })
}

fn whole<T: TryFrom<i64> + Default>(number: Option<i64>) -> T {
    number.and_then(|number| T::try_from(number).ok()).unwrap_or_default()
}

/// Why nothing can be placed on a host, whatever people say of it.
fn trouble(node: &Node) -> Option<String> {
    let status = node.status.clone().unwrap_or_default();
    let said = status.message.filter(|message| !message.is_empty());
    let because = said.map(|message| format!(": {message}")).unwrap_or_default();
    match status.state {
        Some(NodeState::DOWN) => Some(format!("the managers cannot reach it{because}")),
        Some(NodeState::DISCONNECTED) => Some(format!("it has left the Swarm{because}")),
        Some(NodeState::READY) => None,
        Some(NodeState::UNKNOWN) | None => Some("the managers have not heard of it yet".to_owned()),
    }
}

/// A manager that the others miss runs containers all the same, but one fewer decides.
fn unreachable_manager(node: &Node) -> Option<String> {
    let reachability = node.manager_status.as_ref().and_then(|status| status.reachability);
    (reachability == Some(Reachability::UNREACHABLE)).then(|| "unreachable manager".to_owned())
}
