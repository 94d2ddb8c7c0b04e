//! An agent.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use bollard::models::{ContainerMemoryStats, ContainerStatsResponse};
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::world::{Task, World, used};

/// What the command executor is promised beside its task: cores, and MiB.
const EXECUTOR: (f64, f64) = (0.1, 32.0);
const MIB: f64 = 1024.0 * 1024.0;
const NANOSECONDS: f64 = 1e9;

/// One of the agents.
#[derive(Clone)]
pub(crate) struct AgentDoor {
    pub(crate) world: Arc<World>,
    /// Its place among the agents.
    pub(crate) index: usize,
}

/// The API as one agent serves it, also while no master reaches it.
pub(crate) fn router(agent: AgentDoor) -> Router {
    let own = Router::new()
        .route("/monitor/statistics", get(statistics))
        .route("/containers", get(containers))
        .route("/health", get(|| async { StatusCode::OK }));
    Router::new()
        .nest("/slave(1)", own.clone())
        .merge(own)
        .route("/metrics/snapshot", get(metrics))
        .with_state(agent)
}

impl AgentDoor {
    /// The tasks that have a container here, also those that Marathon has forgotten.
    fn tasks(&self) -> Vec<Task> {
        let state = self.world.state();
        let all = state.tasks.iter().chain(&state.strays);
        all.filter(|task| task.agent == self.index && task.started.is_some()).cloned().collect()
    }

    async fn told(&self) -> Vec<(Task, Value)> {
        let mut told = Vec::new();
        for task in self.tasks() {
            let Some(container) = &task.container else { continue };
            let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
            let docker = &self.world.agents[self.index].docker;
            if let Some(Ok(stats)) = docker.stats(container, Some(options)).next().await {
                let measured = measured(&task, &stats);
                told.push((task, measured));
            }
        }
        told
    }

    fn entry(&self, task: &Task, statistics: &Value) -> Value {
        let id = &task.id;
        json!({
            "executor_id": id,
            "executor_name": format!("Command Executor (Task: {id}) (Command: NO EXECUTABLE)"),
            "framework_id": self.world.framework(),
            "source": id,
            "statistics": statistics,
        })
    }
}

async fn statistics(State(agent): State<AgentDoor>) -> Json<Value> {
    let told = agent.told().await;
    Json(told.iter().map(|(task, statistics)| agent.entry(task, statistics)).collect())
}

async fn containers(State(agent): State<AgentDoor>) -> Json<Value> {
    let told = agent.told().await;
    let entries = told.iter().map(|(task, statistics)| {
        let mut entry = agent.entry(task, statistics);
        let id = json!({ "value": task.container });
        let addresses = json!([{ "ip_addresses": [{ "ip_address": task.ip }] }]);
        entry["container_id"] = task.container.clone().into();
        entry["status"] = json!({ "container_id": id, "network_infos": addresses });
        entry
    });
    Json(entries.collect())
}

/// What the engine has measured, in Mesos' words.
fn measured(task: &Task, stats: &ContainerStatsResponse) -> Value {
    let cpu = stats.cpu_stats.clone().unwrap_or_default();
    let usage = cpu.cpu_usage.unwrap_or_default();
    let throttling = cpu.throttling_data.unwrap_or_default();
    let seconds = |nanoseconds: Option<u64>| nanoseconds.unwrap_or_default() as f64 / NANOSECONDS;
    let memory = stats.memory_stats.clone().unwrap_or_default();
    let limit = ((task.definition.mem() + EXECUTOR.1) * MIB) as u64;
    let mut told = json!({
        "timestamp": crate::time::epoch_seconds(crate::time::now()),
        "cpus_user_time_secs": seconds(usage.usage_in_usermode),
        "cpus_system_time_secs": seconds(usage.usage_in_kernelmode),
        "cpus_soft_limit": task.definition.cpus() + EXECUTOR.0,
        "cpus_nr_periods": throttling.periods.unwrap_or_default(),
        "cpus_nr_throttled": throttling.throttled_periods.unwrap_or_default(),
        "cpus_throttled_time_secs": seconds(throttling.throttled_time),
        "mem_total_bytes": memory.usage.unwrap_or_default(),
        "mem_rss_bytes": kind_of(&memory, "anon", "rss"),
        "mem_cache_bytes": kind_of(&memory, "file", "cache"),
        "mem_limit_bytes": limit,
        "mem_soft_limit_bytes": limit,
    });
    if let Some(processes) = stats.pids_stats.as_ref().and_then(|pids| pids.current) {
        told["processes"] = processes.into();
    }
    for network in stats.networks.iter().flat_map(|networks| networks.values()) {
        for (name, value) in [
            ("net_rx_bytes", network.rx_bytes),
            ("net_tx_bytes", network.tx_bytes),
            ("net_rx_packets", network.rx_packets),
            ("net_tx_packets", network.tx_packets),
        ] {
            let sum = told[name].as_u64().unwrap_or_default() + value.unwrap_or_default();
            told[name] = sum.into();
        }
    }
    told
}

/// Bytes of a kind, which cgroups of version 2 name otherwise than those of version 1.
fn kind_of(memory: &ContainerMemoryStats, v2: &str, v1: &str) -> u64 {
    let stats = memory.stats.as_ref();
    stats.and_then(|stats| stats.get(v2).or_else(|| stats.get(v1))).copied().unwrap_or_default()
}

async fn metrics(State(agent): State<AgentDoor>) -> Json<Value> {
    let state = agent.world.state();
    let used = used(&state, agent.index);
    let options = &agent.world.agents[agent.index].options;
    let running =
        state.tasks.iter().filter(|task| task.agent == agent.index && task.is_running()).count();
    Json(json!({
        "slave/registered": f64::from(u8::from(state.reachable[agent.index])),
        "slave/tasks_running": running as f64,
        "slave/cpus_total": options.cpus,
        "slave/cpus_used": used.cpus,
        "slave/mem_total": options.mem,
        "slave/mem_used": used.mem,
        "slave/disk_total": options.disk,
        "slave/disk_used": used.disk,
    }))
}
