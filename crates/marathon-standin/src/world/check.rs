//! Health checks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bollard::exec::{CreateExecOptions, StartExecResults};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::net::TcpStream;

use super::task::Killed;
use super::{Event, State, Task, TaskState, World};

/// What a check has found: nothing, or why it failed.
type Outcome = Result<(), String>;

impl World {
    /// Checks a task that runs until it ends.
    pub(super) fn watch_health(self: &Arc<Self>, state: &State, id: &str) {
        let Some(task) = state.task(id) else { return };
        for index in 0..task.definition.health_checks().len() {
            let watch = watch(Arc::clone(self), task.clone(), index);
            self.spawn(watch);
        }
    }

    /// Whether a check of that task makes sense; none when the task is gone.
    fn may_check(&self, id: &str) -> Option<bool> {
        let state = self.state();
        let task = state.task(id)?;
        Some(task.state == TaskState::Running && state.leader.is_some())
    }

    fn note(&self, task: &Task, index: usize, outcome: Outcome) {
        let mut state = self.state();
        let state = &mut *state;
        let Some(there) = state.task_mut(&task.id).filter(|task| task.is_running()) else { return };
        let check = &task.definition.health_checks()[index];
        let (was_alive, was_healthy) = (there.health[index].alive(), there.healthy());
        let Some(failed) = record(there, index, check, outcome) else { return };
        let there = there.clone();
        let dialect = self.version();
        if failed.is_some() {
            state.publish(Event::check_failed(&there, check, dialect));
        }
        let alive = there.health[index].alive();
        if alive != was_alive {
            state.publish(Event::check_changed(&there, alive == Some(true), dialect));
        }
        if dialect.has_instances() && there.healthy() != was_healthy {
            state.publish(Event::health_changed(&there, there.healthy(), dialect));
        }
        if let Some(why) = failed {
            self.kill_unhealthy(state, &there, index, check, &why);
        }
        self.wake();
    }

    fn kill_unhealthy(
        &self,
        state: &mut State,
        task: &Task,
        index: usize,
        check: &Value,
        why: &str,
    ) {
        let most = seconds(check, "maxConsecutiveFailures", 3.0) as u32;
        if most == 0 || task.health[index].failures < most {
            return;
        }
        let agent = &self.agents[task.agent];
        state.publish(Event::unhealthy_killed(task, agent, why, self.version()));
        self.kill(state, &task.id, Killed::Replaced);
    }
}

/// Writes a result down. Nothing for a failure that is too early to count, else why it failed if it did.
fn record(
    task: &mut Task,
    index: usize,
    check: &Value,
    outcome: Outcome,
) -> Option<Option<String>> {
    let now = crate::time::now();
    let started = task.started.unwrap_or(task.staged);
    let health = &mut task.health[index];
    let Err(why) = outcome else {
        health.first_success = health.first_success.or(Some(now));
        health.last_success = Some(now);
        health.failures = 0;
        return Some(None);
    };
    let grace = seconds(check, "gracePeriodSeconds", 300.0);
    let in_grace = now.duration_since(started).as_secs_f64() < grace;
    if in_grace && health.first_success.is_none() {
        return None;
    }
    health.last_failure = Some(now);
    health.last_cause = Some(why.clone());
    health.failures += 1;
    Some(Some(why))
}

async fn watch(world: Arc<World>, task: Task, index: usize) {
    let check = task.definition.health_checks()[index].clone();
    let protocol = check["protocol"].as_str().unwrap_or("HTTP").to_owned();
    if is_by_mesos(&protocol) {
        tokio::time::sleep(duration(&check, "delaySeconds", 15.0)).await;
    }
    while let Some(may) = world.may_check(&task.id) {
        if may {
            let Some(now) = world.state().task(&task.id).cloned() else { return };
            let timeout = duration(&check, "timeoutSeconds", 20.0);
            let outcome =
                tokio::time::timeout(timeout, look(&world, &now, &check, &protocol)).await;
            let outcome = outcome.unwrap_or_else(|_| Err(format!("no answer within {timeout:?}")));
            world.note(&now, index, outcome);
        }
        tokio::time::sleep(duration(&check, "intervalSeconds", 60.0)).await;
    }
}

fn is_by_mesos(protocol: &str) -> bool {
    protocol == "COMMAND" || protocol.starts_with("MESOS_")
}

async fn look(world: &World, task: &Task, check: &Value, protocol: &str) -> Outcome {
    match protocol.trim_start_matches("MESOS_") {
        "COMMAND" => command(world, task, check).await,
        "TCP" => {
            let (host, port) = target(world, task, check)?;
            let connected = TcpStream::connect((host.as_str(), port)).await;
            connected.map(drop).map_err(|error| error.to_string())
        }
        scheme => {
            let (host, port) = target(world, task, check)?;
            let path = check["path"].as_str().unwrap_or("/").trim_start_matches('/');
            let scheme = scheme.to_lowercase();
            http(world, &format!("{scheme}://{}/{path}", authority(&host, port))).await
        }
    }
}

fn authority(host: &str, port: u16) -> String {
    match host.parse() {
        Ok(ip) => SocketAddr::new(ip, port).to_string(),
        Err(_) => format!("{host}:{port}"),
    }
}

/// Where a task is checked: on its host's port, or in its container where that has none.
fn target(world: &World, task: &Task, check: &Value) -> Result<(String, u16), String> {
    let host = world.agents[task.agent].options.address.to_string();
    let own = |port: &Value| port.as_u64().and_then(|port| u16::try_from(port).ok());
    if let Some(port) = own(&check["port"]) {
        return Ok((host, port));
    }
    let index = usize::from(own(&check["portIndex"]).unwrap_or_default());
    let ports = task.definition.ports();
    let port = ports.get(index).ok_or("the check names a port that the task does not have")?;
    if port.host.is_some() {
        let place = ports[..index].iter().filter(|port| port.host.is_some()).count();
        let port = task.ports.get(place).ok_or("the task has no such host port")?;
        return Ok((host, *port));
    }
    let ip = task.ip.clone().ok_or("the task has no address")?;
    Ok((ip, port.container.unwrap_or_default()))
}

async fn http(world: &World, url: &str) -> Outcome {
    let answer = world.client.get(url).send().await.map_err(|error| error.to_string())?;
    let status = answer.status();
    if (200..400).contains(&status.as_u16()) { Ok(()) } else { Err(status.to_string()) }
}

async fn command(world: &World, task: &Task, check: &Value) -> Outcome {
    let docker = &world.agents[task.agent].docker;
    let container = task.container.as_deref().ok_or("the task has no container")?;
    let value = check["command"]["value"].as_str().unwrap_or_default().to_owned();
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), value]),
        ..CreateExecOptions::default()
    };
    let text = |error: bollard::errors::Error| error.to_string();
    let id = docker.create_exec(container, options).await.map_err(text)?.id;
    if let StartExecResults::Attached { mut output, .. } =
        docker.start_exec(&id, None).await.map_err(text)?
    {
        while output.next().await.is_some() {}
    }
    let code = docker.inspect_exec(&id).await.map_err(text)?.exit_code;
    if code == Some(0) {
        return Ok(());
    }
    Err(format!("Command returned {}", code.map_or("nothing".to_owned(), |code| code.to_string())))
}

fn seconds(check: &Value, key: &str, default: f64) -> f64 {
    check.get(key).and_then(Value::as_f64).unwrap_or(default)
}

fn duration(check: &Value, key: &str, default: f64) -> Duration {
    Duration::try_from_secs_f64(seconds(check, key, default)).unwrap_or_default()
}
