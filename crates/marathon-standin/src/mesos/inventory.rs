//! Agents, tasks and what is promised, as Mesos tells them.

use serde_json::{Value, json};

use crate::time::epoch_seconds;
use crate::world::{State, Task, TaskState, Used, World, used};

/// What a master looks at.
pub(super) struct Inventory<'a> {
    pub(super) world: &'a World,
    /// `host:port` of each of the agents.
    pub(super) agents: &'a [String],
    pub(super) webui: &'a str,
}

/// The states that are counted.
const COUNTED: [&str; 10] = [
    "TASK_STAGING",
    "TASK_STARTING",
    "TASK_RUNNING",
    "TASK_KILLING",
    "TASK_FINISHED",
    "TASK_KILLED",
    "TASK_FAILED",
    "TASK_LOST",
    "TASK_ERROR",
    "TASK_UNREACHABLE",
];

impl Inventory<'_> {
    /// How many agents are reached, and how many are not.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.world.state();
        let reachable = state.reachable.iter().filter(|reachable| **reachable).count();
        (reachable, state.reachable.len() - reachable)
    }

    /// The agents that are reached; `full` also in the long form of `/slaves`.
    pub(super) fn slaves(&self, full: bool) -> Vec<Value> {
        let state = self.world.state();
        let reachable = (0..self.world.agents.len()).filter(|index| state.reachable[*index]);
        reachable.map(|index| self.slave(&state, index, full)).collect()
    }

    fn slave(&self, state: &State, index: usize, full: bool) -> Value {
        let agent = &self.world.agents[index];
        let authority = &self.agents[index];
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        let total = self.total(index);
        let used = resources(&used(state, index));
        let mut slave = json!({
            "id": agent.id,
            "hostname": agent.options.hostname,
            "port": port,
            "attributes": agent.options.attributes,
            "pid": format!("slave(1)@{authority}"),
            "registered_time": epoch_seconds(state.began),
            "resources": total,
            "used_resources": used,
            "offered_resources": resources(&Used::default()),
            "reserved_resources": {},
            "unreserved_resources": total,
            "active": !state.deactivated[index],
            "deactivated": state.deactivated[index],
            "version": "1.11.0",
            "capabilities": [
                "MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "RESOURCE_PROVIDER",
                "RESIZE_VOLUME", "AGENT_OPERATION_FEEDBACK", "AGENT_DRAINING", "TASK_RESOURCE_LIMITS",
            ],
        });
        if full {
            slave["reserved_resources_full"] = json!({});
            slave["unreserved_resources_full"] = full_form(&total);
            slave["used_resources_full"] = full_form(&used);
            slave["offered_resources_full"] = json!([]);
        }
        slave
    }

    fn total(&self, index: usize) -> Value {
        let options = &self.world.agents[index].options;
        json!({
            "cpus": options.cpus,
            "mem": options.mem,
            "disk": options.disk,
            "gpus": 0.0,
            "ports": format!("[{}-{}]", options.ports.start(), options.ports.end()),
        })
    }

    /// The agents with how many tasks of each state they have.
    pub(super) fn counted_slaves(&self) -> Vec<Value> {
        let mut slaves = self.slaves(false);
        let state = self.world.state();
        for slave in &mut slaves {
            let agent = self.world.agents.iter().position(|agent| slave["id"] == agent.id.as_str());
            count(&state, slave, |task| Some(task.agent) == agent);
            slave["framework_ids"] = json!([self.world.framework()]);
        }
        slaves
    }

    /// Marathon.
    pub(super) fn framework(&self) -> Value {
        let mut framework = self.plain_framework();
        let state = self.world.state();
        let is_lost = |task: &&Task| task.state == TaskState::Unreachable;
        let tell = |task: &Task| self.task(task);
        framework["tasks"] = state.tasks.iter().filter(|task| !is_lost(task)).map(tell).collect();
        framework["unreachable_tasks"] = state.tasks.iter().filter(is_lost).map(tell).collect();
        framework["completed_tasks"] =
            state.completed.iter().map(|(task, _)| self.task(task)).collect();
        framework["resources"] = framework["used_resources"].clone();
        framework["registered_time"] = epoch_seconds(state.began).into();
        framework["unregistered_time"] = 0.0.into();
        framework["failover_timeout"] = 604_800.0.into();
        framework["checkpoint"] = true.into();
        framework["user"] = "root".into();
        framework["principal"] = "marathon".into();
        framework["roles"] = json!(["*"]);
        framework["offers"] = json!([]);
        framework["executors"] = json!([]);
        framework
    }

    /// Marathon with how many tasks of each state it has.
    pub(super) fn counted_framework(&self) -> Value {
        let mut framework = self.plain_framework();
        let state = self.world.state();
        count(&state, &mut framework, |_| true);
        framework["slave_ids"] = self.world.agents.iter().map(|agent| agent.id.as_str()).collect();
        framework
    }

    fn plain_framework(&self) -> Value {
        let state = self.world.state();
        let connected = state.leader.is_some();
        let mut all = Used::default();
        for index in 0..self.world.agents.len() {
            let Used { cpus, mem, disk, ports } = used(&state, index);
            all.cpus += cpus;
            all.mem += mem;
            all.disk += disk;
            all.ports.extend(ports);
        }
        let used = resources(&all);
        json!({
            "id": self.world.framework(),
            "name": "marathon",
            "used_resources": used,
            "offered_resources": resources(&Used::default()),
            "capabilities": ["MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "REGION_AWARE"],
            "hostname": self.world.options.listen,
            "webui_url": self.webui,
            "active": connected,
            "connected": connected,
            "recovered": false,
        })
    }

    /// Every task that has not ended.
    pub(super) fn tasks(&self) -> Vec<Value> {
        self.world.state().tasks.iter().map(|task| self.task(task)).collect()
    }

    fn task(&self, task: &Task) -> Value {
        let name: Vec<&str> = task.app.trim_matches('/').rsplit('/').collect();
        let promised = Used {
            cpus: task.definition.cpus(),
            mem: task.definition.mem(),
            disk: task.definition.disk(),
            ports: task.ports.clone(),
        };
        let labels = task.definition.labels().into_iter();
        let labels = labels.map(|(key, value)| json!({ "key": key, "value": value }));
        json!({
            "id": task.id,
            "name": name.join("."),
            "framework_id": self.world.framework(),
            "executor_id": "",
            "slave_id": self.world.agents[task.agent].id,
            "state": task.state.name(),
            "resources": resources(&promised),
            "role": task.definition.role(),
            "statuses": statuses(task),
            "labels": labels.collect::<Vec<_>>(),
            "discovery": discovery(task, &name.join(".")),
        })
    }

    /// All of it in numbers.
    pub(super) fn metrics(&self, elected: bool) -> Value {
        let (reachable, lost) = self.counts();
        let state = self.world.state();
        let uptime = crate::time::now().duration_since(state.began).as_secs_f64();
        let tasks =
            |name: &str| state.tasks.iter().filter(|task| task.state.name() == name).count() as f64;
        let mut metrics = json!({
            "master/elected": f64::from(u8::from(elected)),
            "master/uptime_secs": uptime,
            "master/slaves_active": reachable as f64,
            "master/slaves_connected": reachable as f64,
            "master/slaves_inactive": 0.0,
            "master/slaves_disconnected": 0.0,
            "master/slaves_unreachable": lost as f64,
            "master/tasks_running": tasks("TASK_RUNNING"),
            "master/tasks_staging": tasks("TASK_STAGING"),
            "master/tasks_killing": tasks("TASK_KILLING"),
            "master/tasks_unreachable": tasks("TASK_UNREACHABLE"),
        });
        let mut sums = [("cpus", 0.0, 0.0), ("mem", 0.0, 0.0), ("disk", 0.0, 0.0)];
        for (index, agent) in
            self.world.agents.iter().enumerate().filter(|(i, _)| state.reachable[*i])
        {
            let used = used(&state, index);
            let options = &agent.options;
            let pairs =
                [(options.cpus, used.cpus), (options.mem, used.mem), (options.disk, used.disk)];
            for ((_, total, taken), (more, promised)) in sums.iter_mut().zip(pairs) {
                *total += more;
                *taken += promised;
            }
        }
        for (name, total, taken) in sums {
            metrics[format!("master/{name}_total")] = total.into();
            metrics[format!("master/{name}_used")] = taken.into();
            metrics[format!("master/{name}_percent")] =
                if total > 0.0 { taken / total } else { 0.0 }.into();
        }
        metrics
    }
}

fn count(state: &State, into: &mut Value, which: impl Fn(&Task) -> bool) {
    for name in COUNTED {
        let ended = state.completed.iter().map(|(task, _)| task);
        let tasks = state.tasks.iter().chain(ended).filter(|task| which(task));
        into[name] = tasks.filter(|task| task.state.name() == name).count().into();
    }
}

fn statuses(task: &Task) -> Value {
    let mut statuses = Vec::new();
    if let Some(started) = task.started {
        let mut status = json!({
            "state": "TASK_RUNNING",
            "timestamp": epoch_seconds(started),
            "container_status": { "network_infos": [{ "ip_addresses": [{ "ip_address": task.ip }] }] },
        });
        if let Some(healthy) = task.healthy() {
            status["healthy"] = healthy.into();
        }
        statuses.push(status);
    }
    statuses.into()
}

fn discovery(task: &Task, name: &str) -> Value {
    let definitions = task.definition.ports();
    let named = definitions.iter().filter(|port| port.host.is_some()).zip(&task.ports);
    let ports = named.map(|(port, number)| {
        let mut told = json!({ "number": number, "protocol": port.protocol });
        if let Some(name) = &port.name {
            told["name"] = name.as_str().into();
        }
        told
    });
    json!({
        "visibility": "FRAMEWORK",
        "name": name,
        "ports": { "ports": ports.collect::<Vec<_>>() },
    })
}

/// Numbers are always there, ports only when there are some.
fn resources(used: &Used) -> Value {
    let mut told = json!({ "cpus": used.cpus, "mem": used.mem, "disk": used.disk, "gpus": 0.0 });
    let ranges = ranges(&used.ports);
    if !ranges.is_empty() {
        let ranges: Vec<String> = ranges.iter().map(|(a, b)| format!("{a}-{b}")).collect();
        told["ports"] = format!("[{}]", ranges.join(", ")).into();
    }
    told
}

fn ranges(ports: &[u16]) -> Vec<(u16, u16)> {
    let mut sorted = ports.to_vec();
    sorted.sort_unstable();
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for port in sorted {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == port => *last = port,
            _ => ranges.push((port, port)),
        }
    }
    ranges
}

/// One object for each resource.
fn full_form(told: &Value) -> Value {
    let entries = told.as_object().into_iter().flatten().filter_map(|(name, value)| {
        if let Some(number) = value.as_f64().filter(|number| *number > 0.0) {
            let scalar = json!({ "value": number });
            return Some(json!({ "name": name, "type": "SCALAR", "scalar": scalar, "role": "*" }));
        }
        let text = value.as_str()?.trim_matches(['[', ']']);
        let range = text.split(", ").filter_map(|range| {
            let (begin, end) = range.split_once('-')?;
            Some(json!({ "begin": begin.parse::<u16>().ok()?, "end": end.parse::<u16>().ok()? }))
        });
        let ranges = json!({ "range": range.collect::<Vec<_>>() });
        Some(json!({ "name": name, "type": "RANGES", "ranges": ranges, "role": "*" }))
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_written_as_ranges_and_not_at_all_when_there_are_none() {
        let used = Used { ports: vec![31_005, 31_001, 31_000], ..Used::default() };
        assert_eq!(resources(&used)["ports"], "[31000-31001, 31005-31005]");
        assert!(resources(&Used::default()).get("ports").is_none());
        let full = full_form(&resources(&used));
        assert_eq!(full[0]["ranges"]["range"][0], json!({ "begin": 31_000, "end": 31_001 }));
    }
}
