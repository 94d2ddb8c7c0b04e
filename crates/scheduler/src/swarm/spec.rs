//! What the Swarm is told to run.

use std::time::Duration;

use bollard::models::{
    EndpointPortConfig, EndpointPortConfigProtocolEnum, EndpointPortConfigPublishModeEnum,
    EndpointSpec, EndpointSpecModeEnum, HealthConfig, Limit, Node, ResourceObject, ServiceSpec,
    ServiceSpecMode, ServiceSpecModeReplicated, TaskSpec, TaskSpecContainerSpec,
    TaskSpecContainerSpecPrivileges, TaskSpecContainerSpecSecrets, TaskSpecLogDriver,
    TaskSpecPlacement, TaskSpecPlacementPreferences, TaskSpecPlacementSpread, TaskSpecResources,
    TaskSpecRestartPolicy, TaskSpecRestartPolicyConditionEnum as Condition,
};
use launcher_model::service::{HOST_NAME, Placing, Resources, ServiceSpec as Settings};
use launcher_model::version::Version;
use secrecy::SecretString;

use super::names::{Purpose, service_labels, service_name};
use super::secrets::Files;
use super::{Inner, Secrets, volumes};
use crate::Result;
use crate::docker::body::{MAX_PROCESSES, environment, exec_check, log_driver, no_check};

/// How long the Swarm waits before it replaces what has ended.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// What is run, with what it is given.
pub(super) struct Order<'a> {
    pub(super) version: &'a Version,
    pub(super) variables: &'a [(String, SecretString)],
    pub(super) purpose: Purpose,
    pub(super) replicas: i64,
    /// Replaces what the image says.
    pub(super) command: Option<&'a [String]>,
    pub(super) constraints: Vec<String>,
    pub(super) files: &'a Files,
}

impl Inner {
    /// The service that carries out an order.
    pub(super) fn spec(&self, order: &Order<'_>) -> ServiceSpec {
        let Order { version, purpose, .. } = order;
        let name = service_name(&self.installation, &version.service, version.number, purpose);
        let labels = service_labels(&self.installation, &name, version, purpose);
        let serves = matches!(purpose, Purpose::Serve(_));
        let placement = TaskSpecPlacement {
            constraints: Some(order.constraints.clone()),
            preferences: preferences(&version.spec.placement),
            ..TaskSpecPlacement::default()
        };
        let (log_driver, log_options) = log_driver(version);
        let task = TaskSpec {
            container_spec: Some(TaskSpecContainerSpec {
                labels: Some(labels.clone()),
                ..self.container_spec(order, serves)
            }),
            resources: Some(resources(&version.spec.resources)),
            restart_policy: Some(restart_policy(serves)),
            placement: Some(placement),
            log_driver: Some(TaskSpecLogDriver {
                name: Some(log_driver.to_owned()),
                options: Some(log_options),
            }),
            ..TaskSpec::default()
        };
        let replicated = ServiceSpecModeReplicated { replicas: Some(order.replicas) };
        ServiceSpec {
            name: Some(name),
            labels: Some(labels),
            task_template: Some(task),
            mode: Some(ServiceSpecMode {
                replicated: Some(replicated),
                ..ServiceSpecMode::default()
            }),
            endpoint_spec: serves.then(|| endpoint(version.spec.service.port)),
            ..ServiceSpec::default()
        }
    }

    fn container_spec(&self, order: &Order<'_>, serves: bool) -> TaskSpecContainerSpec {
        let Order { version, variables, files, .. } = order;
        let environment = match self.secrets {
            Secrets::Both => environment(version, variables),
            Secrets::Files => environment(version, &files.instead_of(variables)),
        };
        let grace = if serves { self.grace } else { Duration::ZERO };
        TaskSpecContainerSpec {
            image: Some(version.image.reference.to_string()),
            command: order.command.map(<[String]>::to_vec),
            env: Some(environment),
            privileges: Some(TaskSpecContainerSpecPrivileges {
                no_new_privileges: Some(true),
                ..TaskSpecContainerSpecPrivileges::default()
            }),
            health_check: Some(check(version, serves)),
            mounts: self.installation.mounts(version),
            stop_grace_period: Some(nanoseconds(grace)),
            secrets: Some(files.references())
                .filter(|all: &Vec<TaskSpecContainerSpecSecrets>| !all.is_empty()),
            ..TaskSpecContainerSpec::default()
        }
    }
}

/// How the engine checks a container. A check that an image brings along would have its containers replaced,
/// and nobody has asked for that.
pub(super) fn check(version: &Version, serves: bool) -> HealthConfig {
    let check = Some(&version.spec.health).filter(|_| serves).and_then(exec_check);
    check.unwrap_or_else(no_check)
}

/// What a host must have: what `[placement]` asks for, the volumes, and a name that is not to be avoided.
pub(super) fn constraints<'a>(
    spec: &Settings,
    nodes: &[Node],
    avoid: impl Iterator<Item = &'a String>,
) -> Result<Vec<String>> {
    let is = |host: &str| format!("node.hostname=={host}");
    let wanted = spec.placement.hosts.iter().map(|(label, value)| match label.as_str() {
        HOST_NAME => is(value),
        label => format!("node.labels.{label}=={value}"),
    });
    let mut all: Vec<String> = wanted.collect();
    // Another host may be given the label one day.
    let home = volumes::home(spec, nodes)?.map(|host| is(&host));
    all.extend(home.filter(|home| !all.contains(home)));
    all.extend(avoid.map(|host| format!("node.hostname!={host}")));
    Ok(all)
}

fn preferences(placing: &Placing) -> Option<Vec<TaskSpecPlacementPreferences>> {
    let label = placing.spread.as_ref()?;
    let spread =
        TaskSpecPlacementSpread { spread_descriptor: Some(format!("node.labels.{label}")) };
    Some(vec![TaskSpecPlacementPreferences { spread: Some(spread) }])
}

/// What is promised to a container is also the most that it gets, as on a single engine.
fn resources(resources: &Resources) -> TaskSpecResources {
    let nano_cpus = resources.cpus.map(|cpus| i64::from(cpus.milli()) * 1_000_000);
    let memory_bytes = resources.memory.map(|bytes| i64::try_from(bytes.0).unwrap_or(i64::MAX));
    TaskSpecResources {
        limits: Some(Limit { nano_cpus, memory_bytes, pids: Some(MAX_PROCESSES) }),
        reservations: Some(ResourceObject { nano_cpus, memory_bytes, generic_resources: None }),
        ..TaskSpecResources::default()
    }
}

/// What takes requests never ends; a command runs once. A job of the Swarm's will not do for that: one that
/// has failed is run again when another manager begins to lead.
fn restart_policy(serves: bool) -> TaskSpecRestartPolicy {
    TaskSpecRestartPolicy {
        condition: Some(if serves { Condition::ANY } else { Condition::NONE }),
        delay: serves.then(|| nanoseconds(RESTART_DELAY)),
        ..TaskSpecRestartPolicy::default()
    }
}

/// One port of the host for each container, which the engine chooses. The Swarm's own routing would spread
/// requests over containers by itself, past every weight and drain.
fn endpoint(port: u16) -> EndpointSpec {
    EndpointSpec {
        mode: Some(EndpointSpecModeEnum::DNSRR),
        ports: Some(vec![EndpointPortConfig {
            protocol: Some(EndpointPortConfigProtocolEnum::TCP),
            target_port: Some(i64::from(port)),
            publish_mode: Some(EndpointPortConfigPublishModeEnum::HOST),
            ..EndpointPortConfig::default()
        }]),
    }
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}
