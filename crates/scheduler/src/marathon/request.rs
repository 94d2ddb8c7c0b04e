//! The app that Marathon is asked for, in the dialect of its version.

use std::collections::BTreeMap;
use std::time::Duration;

use launcher_model::service::{HOST_NAME, Health, Placing, Probe};
use launcher_model::version::Version as Release;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::names::{Identity, Names};
use super::version::Version;
use crate::volumes::ON_ONE_HOST;
use crate::{Error, Result, labels};

/// What is said of every app, whatever the service.
#[derive(Debug, Clone)]
pub(super) struct Common {
    /// Processors of a container whose service names none.
    pub(super) cpus: f64,
    /// Memory in bytes of a container whose service names none.
    pub(super) memory: u64,
    /// The archive with logins for registries that agents fetch.
    pub(super) docker_config: Option<String>,
}

/// How long a container has between SIGTERM and SIGKILL. It is a part of the app, and changing that
/// would start all of its containers anew.
pub(super) const GRACE: Duration = Duration::from_secs(10);
/// The longest delay before what died is started again, in seconds, as on every engine.
const LONGEST_DELAY: u32 = 60;
/// Enough for any server.
const MAX_PROCESSES: u32 = 4096;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AppRequest {
    id: String,
    cpus: f64,
    mem: f64,
    disk: u32,
    instances: u16,
    container: ContainerRequest,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    networks: Vec<Network>,
    env: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    health_checks: Vec<HealthCheck>,
    upgrade_strategy: UpgradeStrategy,
    constraints: Vec<Vec<String>>,
    backoff_seconds: u32,
    backoff_factor: f64,
    max_launch_delay_seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    kill_selection: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreachable_strategy: Option<UnreachableStrategy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_kill_grace_period_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fetch: Vec<Fetched>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uris: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerRequest {
    #[serde(rename = "type")]
    kind: &'static str,
    docker: DockerRequest,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    port_mappings: Vec<PortMapping>,
    volumes: [(); 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DockerRequest {
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    port_mappings: Vec<PortMapping>,
    force_pull_image: bool,
    privileged: bool,
    parameters: Vec<Parameter>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PortMapping {
    container_port: u16,
    /// Any that is free.
    host_port: u16,
    /// Marathon gives one that nothing else in the cluster has; nobody asks for it.
    service_port: u16,
    protocol: &'static str,
}

#[derive(Serialize)]
struct Network {
    mode: &'static str,
}

#[derive(Serialize)]
struct Parameter {
    key: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthCheck {
    protocol: &'static str,
    command: Command,
    grace_period_seconds: u64,
    interval_seconds: u64,
    timeout_seconds: u64,
    max_consecutive_failures: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<u64>,
}

#[derive(Serialize)]
struct Command {
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpgradeStrategy {
    minimum_health_capacity: u32,
    maximum_over_capacity: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnreachableStrategy {
    inactive_after_seconds: u32,
    expunge_after_seconds: u32,
}

#[derive(Serialize)]
struct Fetched {
    uri: String,
    extract: bool,
    executable: bool,
    cache: bool,
}

/// The body of the call that creates an app.
///
/// # Errors
/// [`Error::Refused`] when the service asks for what cannot be had here.
pub(super) fn app(
    names: &Names,
    identity: &Identity,
    release: &Release,
    replicas: u16,
    variables: &[(String, SecretString)],
    common: &Common,
    dialect: Version,
) -> Result<Vec<u8>> {
    let resources = &release.spec.resources;
    let cpus = resources.cpus.map_or(common.cpus, |cpus| f64::from(cpus.milli()) / 1000.0);
    let memory = resources.memory.map_or(common.memory, |memory| memory.0);
    let archive = common.docker_config.iter();
    let request = AppRequest {
        id: names.app(identity),
        cpus,
        mem: mebibytes(memory),
        disk: 0,
        instances: replicas,
        container: container(names, identity, release, dialect)?,
        networks: if dialect.has_networks() {
            vec![Network { mode: "container/bridge" }]
        } else {
            Vec::new()
        },
        env: environment(release, variables),
        labels: names.labels(identity),
        health_checks: health_check(&release.spec.health, dialect).into_iter().collect(),
        // An app is never changed but in its number of containers, and that knows no strategy.
        upgrade_strategy: UpgradeStrategy { minimum_health_capacity: 1, maximum_over_capacity: 1 },
        constraints: constraints(&release.spec.placement, identity),
        backoff_seconds: 1,
        backoff_factor: 2.0,
        max_launch_delay_seconds: LONGEST_DELAY,
        kill_selection: dialect.has_strategies().then_some("YOUNGEST_FIRST"),
        unreachable_strategy: dialect.has_strategies().then(|| unreachable(dialect)),
        task_kill_grace_period_seconds: dialect.has_grace().then_some(GRACE.as_secs()),
        fetch: archive.clone().filter(|_| dialect.has_fetch()).map(|uri| fetched(uri)).collect(),
        uris: archive.filter(|_| !dialect.has_fetch()).cloned().collect(),
    };
    serde_json::to_vec(&request)
        .map_err(|error| Error::Refused { doing: "creating an app", why: error.to_string() })
}

fn mebibytes(bytes: u64) -> f64 {
    u32::try_from(bytes.div_ceil(1 << 20)).map_or(f64::from(u32::MAX), f64::from)
}

fn fetched(uri: &str) -> Fetched {
    Fetched { uri: uri.to_owned(), extract: true, executable: false, cache: false }
}

/// A container that is lost is replaced at once, and one that comes back is ended and not kept beside its
/// replacement: otherwise Marathon would end one of the two by its own choice.
fn unreachable(dialect: Version) -> UnreachableStrategy {
    if dialect.gives_up_at_once() {
        UnreachableStrategy { inactive_after_seconds: 0, expunge_after_seconds: 0 }
    } else {
        UnreachableStrategy { inactive_after_seconds: 5, expunge_after_seconds: 10 }
    }
}

fn container(
    names: &Names,
    identity: &Identity,
    release: &Release,
    dialect: Version,
) -> Result<ContainerRequest> {
    let port = release.spec.service.port;
    let mapping =
        PortMapping { container_port: port, host_port: 0, service_port: 0, protocol: "tcp" };
    let (old, new) =
        if dialect.has_networks() { (None, Some(mapping)) } else { (Some(mapping), None) };
    Ok(ContainerRequest {
        kind: "DOCKER",
        docker: DockerRequest {
            image: release.image.reference.to_string(),
            network: old.is_some().then_some("BRIDGE"),
            port_mappings: old.into_iter().collect(),
            // It is named by its digest: what an agent has of it is the same.
            force_pull_image: false,
            privileged: false,
            parameters: parameters(names, identity, release, dialect)?,
        },
        port_mappings: new.into_iter().collect(),
        volumes: [],
    })
}

/// Options of `docker run`: labels, so that what is ours is known on each host, too; what keeps a
/// container from doing harm; volumes.
fn parameters(
    names: &Names,
    identity: &Identity,
    release: &Release,
    dialect: Version,
) -> Result<Vec<Parameter>> {
    const ON_CONTAINERS: [&str; 4] =
        [labels::INSTALLATION, labels::SERVICE, labels::VERSION, labels::ROLE];
    let mut all: Vec<_> = names
        .labels(identity)
        .into_iter()
        .filter(|(label, _)| ON_CONTAINERS.contains(&label.as_str()))
        .map(|(label, value)| Parameter { key: "label", value: format!("{label}={value}") })
        .collect();
    if dialect.hardens() {
        all.push(Parameter { key: "security-opt", value: "no-new-privileges".to_owned() });
        all.push(Parameter { key: "pids-limit", value: MAX_PROCESSES.to_string() });
    }
    let spec = &release.spec;
    if !spec.volumes.is_empty() && !spec.placement.hosts.contains_key(HOST_NAME) {
        return Err(Error::Unplaceable(ON_ONE_HOST.to_owned()));
    }
    for (volume, path) in &spec.volumes {
        let name = names.installation().volume(&release.service, volume);
        all.push(Parameter { key: "volume", value: format!("{name}:{path}") });
    }
    Ok(all)
}

/// `variables`, and what every container is told unless they say otherwise.
fn environment(
    release: &Release,
    variables: &[(String, SecretString)],
) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([
        ("PORT".to_owned(), release.spec.service.port.to_string()),
        ("LAUNCHER_SERVICE".to_owned(), release.service.to_string()),
        ("LAUNCHER_VERSION".to_owned(), release.number.0.to_string()),
    ]);
    let given =
        variables.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
    all.extend(given);
    all
}

/// Where containers may be placed. An attribute's value is compared as a whole.
fn constraints(placing: &Placing, identity: &Identity) -> Vec<Vec<String>> {
    const HOSTNAME: &str = "hostname";
    let field = |label: &str| if label == HOST_NAME { HOSTNAME } else { label }.to_owned();
    let mut all: Vec<_> = placing
        .hosts
        .iter()
        .map(|(label, value)| vec![field(label), "CLUSTER".to_owned(), value.clone()])
        .collect();
    let spread = placing.spread.as_deref().map_or_else(|| HOSTNAME.to_owned(), field);
    // All of one host cannot be spread over hosts.
    if !placing.hosts.contains_key(HOST_NAME) {
        all.push(vec![spread, "GROUP_BY".to_owned()]);
    }
    if !identity.avoid.is_empty() {
        let hosts: Vec<_> = identity.avoid.iter().map(|host| regex::escape(host)).collect();
        all.push(vec![HOSTNAME.to_owned(), "UNLIKE".to_owned(), hosts.join("|")]);
    }
    all
}

/// A check by command is Mesos's. It only tells: what is to be done with an unhealthy container is not
/// decided by Marathon, which would end it with what is in flight.
fn health_check(health: &Health, dialect: Version) -> Option<HealthCheck> {
    let Probe::Exec(command) = health.probe() else { return None };
    Some(HealthCheck {
        protocol: "COMMAND",
        command: Command { value: shell_words(command) },
        grace_period_seconds: seconds(health.start_period.duration()),
        interval_seconds: seconds(health.interval.duration()),
        timeout_seconds: seconds(health.timeout.duration()),
        max_consecutive_failures: 0,
        delay_seconds: dialect.has_networks().then_some(0),
    })
}

/// Whole seconds, at least one.
fn seconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

/// A command for `/bin/sh -c` (POSIX, 2.2.2: all between single quotes is itself).
fn shell_words(command: &[String]) -> String {
    let quoted = command.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''")));
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
