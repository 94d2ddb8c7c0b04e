//! What the engine is told to create.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, PortBinding, RestartPolicy,
    RestartPolicyNameEnum,
};
use launcher_model::service::{Health, Probe, Resources};
use launcher_model::version::Version;
use secrecy::{ExposeSecret, SecretString};

use super::Engine;
use crate::identity::{Identity, Part};

/// Enough for any server; a container that forks without end stops there instead of taking the host down.
pub(crate) const MAX_PROCESSES: i64 = 4096;
/// What keeps containers' logs.
const LOG_DRIVER: &str = "json-file";
/// What sends them to a Fluentd.
const SENDING_DRIVER: &str = "fluentd";
/// A log keeps so many files of so many bytes each; the oldest is dropped.
const LOG_FILES: &str = "3";
const LOG_FILE_SIZE: &str = "10m";
/// The engine takes no shorter time in a health check than this.
const SHORTEST: Duration = Duration::from_millis(1);

impl Engine {
    /// The container that `identity` says. With a `command`, that runs in it and not what the image says.
    pub(super) fn body(
        &self,
        identity: &Identity,
        version: &Version,
        variables: &[(String, SecretString)],
        command: Option<&[String]>,
    ) -> ContainerCreateBody {
        let serves = matches!(identity.part, Part::Serve { .. });
        let exec_check = Some(&version.spec.health).filter(|_| serves).and_then(exec_check);
        let port = format!("{}/tcp", version.spec.service.port);
        let published = self.publish.filter(|_| serves).map(|address| (port, address));
        ContainerCreateBody {
            exposed_ports: published.as_ref().map(|(port, _)| vec![port.clone()]),
            image: Some(version.image.reference.to_string()),
            entrypoint: command.map(<[String]>::to_vec),
            env: Some(environment(version, variables)),
            labels: Some(self.installation.labels(identity)),
            // A check that an image brings along would cost, and nobody would ask for its outcome.
            healthcheck: Some(exec_check.unwrap_or_else(no_check)),
            host_config: Some(HostConfig {
                port_bindings: published
                    .map(|(port, address)| [(port, Some(vec![any_port(address)]))].into()),
                mounts: self.installation.mounts(version),
                log_config: Some(log_config(version)),
                ..self.host_config(&version.spec.resources)
            }),
            ..ContainerCreateBody::default()
        }
    }

    /// Limits, and what keeps a container from doing harm.
    pub(super) fn host_config(&self, resources: &Resources) -> HostConfig {
        let memory = resources.memory.map(|bytes| i64::try_from(bytes.0).unwrap_or(i64::MAX));
        HostConfig {
            nano_cpus: resources.cpus.map(|cpus| i64::from(cpus.milli()) * 1_000_000),
            memory,
            // Without swap, so that what is over the limit is seen as such and not as slowness.
            memory_swap: memory,
            pids_limit: Some(MAX_PROCESSES),
            network_mode: self.network.clone(),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            log_config: Some(HostConfigLogConfig {
                typ: Some(LOG_DRIVER.to_owned()),
                config: Some(kept()),
            }),
            // A container that the engine restarts by itself comes back under another address, which
            // only the control plane can tell the edges. So all replacement is the control plane's.
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::NO),
                maximum_retry_count: None,
            }),
            ..HostConfig::default()
        }
    }
}

fn log_config(version: &Version) -> HostConfigLogConfig {
    let (driver, options) = log_driver(version);
    HostConfigLogConfig { typ: Some(driver.to_owned()), config: Some(options) }
}

/// What keeps or sends the log of a version's containers, and its options. With a driver that sends them,
/// engines since 20.10 keep a copy, which is where logs are read ("dual logging",
/// <https://docs.docker.com/engine/logging/dual-logging/>).
pub(crate) fn log_driver(version: &Version) -> (&'static str, HashMap<String, String>) {
    let Some(address) = version.spec.log_server() else { return (LOG_DRIVER, kept()) };
    let options = options([
        ("fluentd-address", address.to_owned()),
        ("tag", version.spec.log_tag(version.number)),
        // A container starts, runs and ends whether or not a Fluentd is there.
        ("fluentd-async", "true".to_owned()),
        ("fluentd-request-ack", "true".to_owned()),
        ("fluentd-sub-second-precision", "true".to_owned()),
        ("cache-max-size", LOG_FILE_SIZE.to_owned()),
        ("cache-max-file", LOG_FILES.to_owned()),
    ]);
    (SENDING_DRIVER, options)
}

/// How much of a log is kept.
fn kept() -> HashMap<String, String> {
    options([("max-size", LOG_FILE_SIZE.to_owned()), ("max-file", LOG_FILES.to_owned())])
}

fn options<const N: usize>(options: [(&str, String); N]) -> HashMap<String, String> {
    options.map(|(option, value)| (option.to_owned(), value)).into()
}

/// A port of this address; the engine chooses which.
fn any_port(address: IpAddr) -> PortBinding {
    PortBinding { host_ip: Some(address.to_string()), host_port: None }
}

/// `variables`, and what every container is told unless they say otherwise.
pub(crate) fn environment(version: &Version, variables: &[(String, SecretString)]) -> Vec<String> {
    let defaults = [
        ("PORT", version.spec.service.port.to_string()),
        ("LAUNCHER_SERVICE", version.service.to_string()),
        ("LAUNCHER_VERSION", version.number.0.to_string()),
    ];
    let missing = defaults
        .into_iter()
        .filter(|(default, _)| variables.iter().all(|(name, _)| name != default))
        .map(|(name, value)| format!("{name}={value}"));
    let given = variables.iter().map(|(name, value)| format!("{name}={}", value.expose_secret()));
    missing.chain(given).collect()
}

pub(crate) fn exec_check(health: &Health) -> Option<HealthConfig> {
    let Probe::Exec(command) = health.probe() else { return None };
    let nanoseconds =
        |time: Duration| Some(i64::try_from(time.max(SHORTEST).as_nanos()).unwrap_or(i64::MAX));
    let interval = nanoseconds(health.interval.duration());
    Some(HealthConfig {
        test: Some(
            std::iter::once("CMD").map(str::to_owned).chain(command.iter().cloned()).collect(),
        ),
        interval,
        timeout: nanoseconds(health.timeout.duration()),
        retries: Some(i64::from(health.unhealthy_after.max(1))),
        start_period: nanoseconds(health.start_period.duration()),
        // Engines since 25 check a starting container only every 5 s when nothing is said.
        start_interval: interval,
    })
}

/// Says that the engine checks nothing.
pub(crate) fn no_check() -> HealthConfig {
    HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }
}
