//! A task's container: made, started, followed until it ends, removed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as EngineError;
use bollard::models::{ContainerCreateBody, HostConfig, PortBinding};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, InspectContainerOptions,
    RemoveContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
    WaitContainerOptions,
};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{Task, TaskState, World, environment, parameters};

/// The label of every container of a stand-in; its value names the one that it is of.
pub(crate) const MARK: &str = "launcher.standin";
/// The label that tells the task.
pub(crate) const TASK: &str = "launcher.standin.task";
/// Seconds between SIGTERM and SIGKILL where the app does not say.
const GRACE: u32 = 3;
/// An engine that was away is asked again after that time.
const AGAIN: Duration = Duration::from_millis(200);

/// Runs a task to its end.
pub(super) async fn run(world: Arc<World>, id: String) {
    let Some(task) = world.state().task(&id).cloned() else { return };
    let docker = world.agents[task.agent].docker.clone();
    let container = match create(&world, &docker, &task).await {
        Ok(container) => container,
        Err(why) => {
            let state = if world.is_killed(&id) { TaskState::Killed } else { TaskState::Failed };
            return world.ended(&id, state, &why).await;
        }
    };
    if world.has_container(&id, &container) {
        if let Err(error) = docker.start_container(&container, None::<StartContainerOptions>).await
        {
            remove(&docker, &container).await;
            tracing::debug!(task = id, %error, "could not start a container");
            let why = format!("Container exited with status {}", status_of_run(&words(&error)));
            return world.ended(&id, TaskState::Failed, &why).await;
        }
        world.runs(&id, address(&docker, &container).await);
        // Whoever wanted it to end in the meantime found nothing that could be ended.
        if world.is_killed(&id) {
            stop(&docker, &container, task.definition.kill_grace()).await;
        }
        let code = end_of(&docker, &container).await;
        if world.options.remove_delay.is_zero() {
            remove(&docker, &container).await;
        } else {
            let delay = world.options.remove_delay;
            world.spawn(async move {
                tokio::time::sleep(delay).await;
                remove(&docker, &container).await;
            });
        }
        let (state, message) = how_it_ended(&world, &id, code);
        return world.ended(&id, state, &message).await;
    }
    remove(&docker, &container).await;
    world.ended(&id, TaskState::Killed, "Container killed").await;
}

fn how_it_ended(world: &World, id: &str, code: Option<i64>) -> (TaskState, String) {
    match code {
        _ if world.is_killed(id) => (TaskState::Killed, "Container killed".to_owned()),
        Some(0) => (TaskState::Finished, "Container exited with status 0".to_owned()),
        Some(code) => (TaskState::Failed, format!("Container exited with status {code}")),
        None => (TaskState::Failed, "Container is gone".to_owned()),
    }
}

/// With what `docker run` ends, which is all that Mesos tells of a container that could not be started.
fn status_of_run(words: &str) -> i64 {
    let says = |sign: &str| words.to_ascii_lowercase().contains(sign);
    if says("no such file or directory") || says("executable file not found") {
        127
    } else if says("permission denied") || says("exec format error") {
        126
    } else {
        125
    }
}

async fn create(world: &World, docker: &Docker, task: &Task) -> Result<String, String> {
    let image = image(world, task)?;
    let forced = task.definition.docker().is_some_and(|docker| docker["forcePullImage"] == true);
    if forced || docker.inspect_image(&image).await.is_err() {
        pull(docker, &image).await?;
    }
    let body = body(world, task, image)?;
    let name = format!("mesos-{}", crate::ids::uuid());
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let created = docker.create_container(Some(options), body).await;
    created
        .map(|created| created.id)
        .map_err(|error| format!("Failed to launch container: {}", words(&error)))
}

fn image(world: &World, task: &Task) -> Result<String, String> {
    if let Some(docker) = task.definition.docker() {
        return Ok(docker["image"].as_str().unwrap_or_default().to_owned());
    }
    world.options.command_image.clone().ok_or_else(|| {
        "Failed to launch container: the stand-in has no image for tasks without one".to_owned()
    })
}

async fn pull(docker: &Docker, image: &str) -> Result<(), String> {
    let options = CreateImageOptionsBuilder::new().from_image(image).build();
    let pulled = docker.create_image(Some(options), None, None).try_for_each(|_| async { Ok(()) });
    pulled.await.map_err(|error| {
        format!(
            "Failed to launch container: Failed to run 'docker pull {image}': exited with status 1; \
             stderr='{}'",
            words(&error)
        )
    })
}

fn body(world: &World, task: &Task, image: String) -> Result<ContainerCreateBody, String> {
    let definition = &task.definition;
    let agent = &world.agents[task.agent];
    let (entrypoint, cmd) = match definition.cmd() {
        Some(cmd) => {
            (Some(vec!["/bin/sh".to_owned()]), Some(vec!["-c".to_owned(), cmd.to_owned()]))
        }
        None => (None, Some(definition.args()).filter(|args| !args.is_empty())),
    };
    let labels =
        HashMap::from([(MARK.to_owned(), world.mark.clone()), (TASK.to_owned(), task.id.clone())]);
    let mut body = ContainerCreateBody {
        image: Some(image),
        entrypoint,
        cmd,
        user: definition.user().map(str::to_owned),
        env: Some(environment::environment(task, agent)),
        labels: Some(labels),
        host_config: Some(host_config(task)),
        ..ContainerCreateBody::default()
    };
    publish(&mut body, task, agent);
    let given = definition.docker().and_then(|docker| docker["parameters"].as_array());
    for parameter in given.into_iter().flatten() {
        let text = |key: &str| parameter[key].as_str().unwrap_or_default();
        parameters::apply(&mut body, text("key"), text("value"))?;
    }
    Ok(body)
}

fn host_config(task: &Task) -> HostConfig {
    let definition = &task.definition;
    let binds = definition.volumes().iter().filter_map(|volume| {
        let (host, container) = (volume["hostPath"].as_str()?, volume["containerPath"].as_str()?);
        let mode = volume["mode"].as_str().unwrap_or("RW").to_lowercase();
        Some(format!("{host}:{container}:{mode}"))
    });
    let network = match definition.network_mode() {
        "host" => "host",
        "container/bridge" => "bridge",
        _ => definition.network_name().unwrap_or("bridge"),
    };
    HostConfig {
        binds: Some(binds.collect()),
        network_mode: Some(network.to_owned()),
        // As Mesos' Docker containerizer asks for them.
        cpu_shares: Some((definition.cpus() * 1024.0).max(2.0) as i64),
        memory: Some((definition.mem().max(4.0) * 1024.0 * 1024.0) as i64),
        privileged: definition.docker().map(|docker| docker["privileged"] == true),
        ..HostConfig::default()
    }
}

/// Publishes the host ports of a container on its agent's address.
fn publish(body: &mut ContainerCreateBody, task: &Task, agent: &super::Agent) {
    let mut host_ports = task.ports.iter();
    let mut bindings = HashMap::new();
    let mut exposed = Vec::new();
    for port in task.definition.ports() {
        let Some(host) = port.host.and_then(|_| host_ports.next()) else { continue };
        let Some(container) = port.container else { continue };
        let inside = if container == 0 { *host } else { container };
        for protocol in port.protocol.split(',') {
            let key = format!("{inside}/{}", protocol.trim());
            exposed.push(key.clone());
            let binding = PortBinding {
                host_ip: Some(agent.options.address.to_string()),
                host_port: Some(host.to_string()),
            };
            bindings.insert(key, Some(vec![binding]));
        }
    }
    body.exposed_ports = Some(exposed);
    if let Some(config) = body.host_config.as_mut() {
        config.port_bindings = Some(bindings);
    }
}

async fn address(docker: &Docker, container: &str) -> Option<String> {
    let told = docker.inspect_container(container, None::<InspectContainerOptions>).await.ok()?;
    let networks = told.network_settings?.networks?;
    networks.into_values().filter_map(|network| network.ip_address).find(|ip| !ip.is_empty())
}

/// Ends a container; an engine that is away is asked until it is back.
pub(super) async fn stop(docker: &Docker, container: &str, grace: Option<u32>) {
    let seconds = i32::try_from(grace.unwrap_or(GRACE)).unwrap_or(i32::MAX);
    let options = StopContainerOptionsBuilder::new().t(seconds).build();
    while let Err(error) = docker.stop_container(container, Some(options.clone())).await {
        if matches!(error, EngineError::DockerResponseServerError { .. }) {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Removes a container, whatever it does.
pub(crate) async fn remove(docker: &Docker, container: &str) {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    if let Err(error) = docker.remove_container(container, Some(options)).await {
        tracing::debug!(container, %error, "could not remove a container");
    }
}

/// The exit status; none when the container is gone.
async fn end_of(docker: &Docker, container: &str) -> Option<i64> {
    loop {
        match docker.wait_container(container, None::<WaitContainerOptions>).next().await {
            Some(Ok(ended)) => return Some(ended.status_code),
            Some(Err(EngineError::DockerContainerWaitError { code, .. })) => return Some(code),
            Some(Err(EngineError::DockerResponseServerError { status_code: 404, .. })) => {
                return None;
            }
            _ => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// What the engine says, without the library's.
fn words(error: &EngineError) -> String {
    match error {
        EngineError::DockerResponseServerError { message, .. } => message.clone(),
        EngineError::DockerStreamError { error } => error.clone(),
        other => other.to_string(),
    }
}
