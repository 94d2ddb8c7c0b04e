//! What there is: containers and the host, as the engine tells them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum as Status, ContainerSummary,
    EndpointSettings, HealthStatusEnum, PortBinding,
};
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use launcher_model::container::{Container, ContainerPhase, ExecCheck, Host, Promised};
use launcher_model::{ServiceName, VersionNumber};

use super::Engine;
use super::connection::{Call, is_missing, is_trouble};
use super::known::Print;
use crate::identity::{Identity, Part, SERVE};
use crate::{Error, Result, labels};

/// Where a port is published.
fn socket(binding: &PortBinding) -> Option<SocketAddr> {
    let ip = binding.host_ip.as_deref()?.parse().ok()?;
    Some(SocketAddr::new(ip, binding.host_port.as_deref()?.parse().ok()?))
}

impl Engine {
    /// The containers that take requests: a service's, or all of this installation. The engine is asked for
    /// no more than may have changed since the last time.
    pub(super) async fn observe(&self, service: Option<&ServiceName>) -> Result<Vec<Container>> {
        let Some(service) = service else { return self.observe_all().await };
        if let Some(known) = self.known.containers(service) {
            return Ok(known);
        }
        let mark = self.known.mark();
        let call = self.connection.call("looking at containers").await?;
        let listed = self.list(&call, Some(service), None, Some(SERVE)).await?;
        let prints = listed.iter().map(Print::of).collect();
        let containers = self.look_at(&call, listed).await?;
        self.known.keep(service, &containers, prints, mark);
        Ok(containers)
    }

    /// The same of one version, as it is at this moment.
    pub(super) async fn observe_version(
        &self,
        service: &ServiceName,
        version: VersionNumber,
    ) -> Result<Vec<Container>> {
        let call = self.connection.call("looking at containers").await?;
        let listed = self.list(&call, Some(service), Some(version), Some(SERVE)).await?;
        self.look_at(&call, listed).await
    }

    /// Lists all, and looks closer at those services whose list has changed.
    async fn observe_all(&self) -> Result<Vec<Container>> {
        let mark = self.known.mark();
        let call = self.connection.call("looking at containers").await?;
        let listed = self.list(&call, None, None, Some(SERVE)).await?;
        let mut by_service: BTreeMap<ServiceName, Vec<ContainerSummary>> = BTreeMap::new();
        for found in listed {
            let name = found.labels.as_ref().and_then(|labels| labels.get(labels::SERVICE));
            if let Some(service) = name.and_then(|name| ServiceName::new(name.as_str()).ok()) {
                by_service.entry(service).or_default().push(found);
            }
        }
        let services: BTreeSet<ServiceName> = by_service.keys().cloned().collect();
        let (mut all, mut changed, mut unsure) = (Vec::new(), Vec::new(), Vec::new());
        for (service, listed) in by_service {
            let prints: BTreeSet<Print> = listed.iter().map(Print::of).collect();
            match self.known.confirmed(&service, &prints) {
                Some(known) => all.extend(known),
                None => {
                    changed.push((service, prints));
                    unsure.extend(listed);
                }
            }
        }
        let looked_at = self.look_at(&call, unsure).await?;
        for (service, prints) in changed {
            let of_it = looked_at.iter().filter(|container| container.service == service);
            self.known.keep(&service, &of_it.cloned().collect::<Vec<_>>(), prints, mark);
        }
        self.known.listed(&services, mark);
        all.extend(looked_at);
        sort(&mut all);
        Ok(all)
    }

    /// Looks closer at what was listed, in the order of services, versions and places.
    async fn look_at(&self, call: &Call, listed: Vec<ContainerSummary>) -> Result<Vec<Container>> {
        let mut containers: Vec<_> = stream::iter(listed.into_iter().filter_map(|found| found.id))
            .map(|id| self.look(call, id))
            .buffer_unordered(self.concurrency)
            .try_filter_map(async |container| Ok(container))
            .try_collect()
            .await?;
        sort(&mut containers);
        Ok(containers)
    }

    /// Containers of ours, running or not, as the engine lists them.
    pub(super) async fn list(
        &self,
        call: &Call,
        service: Option<&ServiceName>,
        version: Option<VersionNumber>,
        role: Option<&str>,
    ) -> Result<Vec<ContainerSummary>> {
        let mut wanted = vec![format!("{}={}", labels::INSTALLATION, self.installation.as_str())];
        wanted.extend(service.map(|service| format!("{}={service}", labels::SERVICE)));
        wanted.extend(version.map(|version| format!("{}={}", labels::VERSION, version.0)));
        wanted.extend(role.map(|role| format!("{}={role}", labels::ROLE)));
        let filters = HashMap::from([("label", wanted)]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let mut listed =
            call.api.list_containers(Some(options)).await.map_err(|error| call.fail(error))?;
        listed.retain(|found| !is_of_a_swarm(found));
        Ok(listed)
    }

    /// The id of the youngest container of an environment that was given a variable with this value.
    pub(crate) async fn with_variable(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        variable: &str,
    ) -> Result<Option<String>> {
        let call = self.connection.call("looking for a container").await?;
        let listed = self.list(&call, Some(service), Some(version), Some(SERVE)).await?;
        for id in listed.into_iter().filter_map(|found| found.id) {
            let told = match call.api.inspect_container(&id, None::<InspectContainerOptions>).await
            {
                Ok(told) => told,
                Err(error) if is_missing(&error) => continue,
                Err(error) => return Err(call.fail(error)),
            };
            let variables = told.config.and_then(|config| config.env).unwrap_or_default();
            if variables.iter().any(|given| given == variable) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// A container that was there a moment ago; none when it is gone, or its labels are not ours after all.
    pub(super) async fn look(&self, call: &Call, id: String) -> Result<Option<Container>> {
        match call.api.inspect_container(&id, None::<InspectContainerOptions>).await {
            Ok(told) => {
                let container = self.read(told, &call.host);
                if container.is_none() {
                    tracing::warn!(%id, "a container with this installation's label is not understood");
                }
                Ok(container)
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(call.fail(error)),
        }
    }

    /// A container of ours by id or name, or [`Error::NoContainer`].
    pub(super) async fn own(
        &self,
        call: &Call,
        container: &str,
    ) -> Result<ContainerInspectResponse> {
        let missing = || Error::NoContainer(container.to_owned());
        // It becomes part of a path.
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if container.is_empty() || !container.bytes().all(plain) {
            return Err(missing());
        }
        match call.api.inspect_container(container, None::<InspectContainerOptions>).await {
            Ok(told) if self.is_ours(&told) => Ok(told),
            Ok(_) => Err(missing()),
            Err(error) if is_missing(&error) => Err(missing()),
            Err(error) => Err(call.fail(error)),
        }
    }

    /// Whether a container bears this installation's label.
    pub(super) fn is_ours(&self, told: &ContainerInspectResponse) -> bool {
        labels_of(told).and_then(|labels| labels.get(labels::INSTALLATION)).map(String::as_str)
            == Some(self.installation.as_str())
    }

    fn read(&self, told: ContainerInspectResponse, host: &Arc<str>) -> Option<Container> {
        let Identity { service, version, part } = Identity::serving(labels_of(&told)?)?;
        let Part::Serve { slot, attempt, failures, port } = part else { return None };
        let state = told.state?;
        let (networks, ports) =
            told.network_settings.map(|settings| (settings.networks, settings.ports)).unzip();
        let (networks, ports) = (networks.flatten(), ports.flatten());
        let published = ports.and_then(|mut ports| ports.remove(&format!("{port}/tcp"))?);
        let published = published.and_then(|bindings| bindings.iter().find_map(socket));
        let address = Some(networks.unwrap_or_default())
            .filter(|_| state.running == Some(true))
            .and_then(|networks| self.address(networks))
            .map(|ip| SocketAddr::new(ip, port));
        Some(Container {
            id: told.id?,
            name: told.name?.trim_start_matches('/').to_owned(),
            service,
            version,
            slot,
            attempt,
            failures,
            created: told.created.as_deref().and_then(time).unwrap_or(Timestamp::UNIX_EPOCH),
            host: host.to_string(),
            address,
            published,
            phase: phase(&state),
        })
    }

    /// The container's address on the network that it was made for.
    fn address(&self, mut networks: HashMap<String, EndpointSettings>) -> Option<IpAddr> {
        let ours = networks.remove(self.network.as_deref().unwrap_or("bridge"));
        let endpoint = ours.or_else(|| networks.into_values().next())?;
        let version_4 = endpoint.ip_address.and_then(|ip| ip.parse().ok());
        version_4.or_else(|| endpoint.global_ipv6_address.and_then(|ip| ip.parse().ok()))
    }

    /// The engine's machine.
    pub(super) async fn host(&self) -> Result<Host> {
        let (_call, info) = self.connection.open("asking the engine about itself").await?;
        let count = |number: Option<i64>| number.and_then(|n| n.try_into().ok()).unwrap_or(0);
        Ok(Host {
            name: info.name.unwrap_or_default(),
            address: self.connection.address().to_owned(),
            engine: format!("Docker {}", info.server_version.unwrap_or_default()),
            cpus: count(info.ncpu),
            memory: info.mem_total.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0),
            running: count(info.containers_running),
            promised: Promised::default(),
            labels: engine_labels(info.labels.unwrap_or_default()),
            closed: false,
            usable: true,
            trouble: None,
        })
    }
}

/// Whether a Swarm has placed it, which sees to it itself. It has labels of ours too, when this engine is one
/// of that Swarm's.
fn is_of_a_swarm(found: &ContainerSummary) -> bool {
    found.labels.as_ref().is_some_and(|labels| labels.contains_key("com.docker.swarm.task.id"))
}

/// By services, versions and places.
fn sort(containers: &mut [Container]) {
    let order = |c: &Container| (c.version, c.slot, c.attempt);
    containers.sort_by(|a, b| a.service.cmp(&b.service).then_with(|| order(a).cmp(&order(b))));
}

/// The labels that an engine was started with, `key=value` each.
fn engine_labels(labels: Vec<String>) -> BTreeMap<String, String> {
    let pair = |label: String| {
        let (key, value) = label.split_once('=').unwrap_or((&label, ""));
        (key.to_owned(), value.to_owned())
    };
    labels.into_iter().map(pair).collect()
}

pub(super) fn labels_of(told: &ContainerInspectResponse) -> Option<&HashMap<String, String>> {
    told.config.as_ref()?.labels.as_ref()
}

fn phase(state: &ContainerState) -> ContainerPhase {
    let started = state.started_at.as_deref().and_then(time);
    // The engine clears its error with the next start that succeeds. What was its own trouble says
    // nothing of the container.
    let refused = state.error.as_deref().filter(|error| !error.is_empty() && !is_trouble(error));
    match (state.status, refused, started) {
        (Some(Status::RUNNING | Status::PAUSED | Status::STOPPING), _, Some(since)) => {
            ContainerPhase::Running { since, exec_check: exec_check(state) }
        }
        (_, Some(why), _) => ContainerPhase::Unstartable { why: plain_words(why).to_owned() },
        (_, None, None) => ContainerPhase::Created,
        (_, None, Some(started)) => ContainerPhase::Exited {
            code: state.exit_code.unwrap_or(0),
            out_of_memory: state.oom_killed.unwrap_or(false),
            started,
            finished: state.finished_at.as_deref().and_then(time).unwrap_or(started),
        },
    }
}

fn exec_check(state: &ContainerState) -> Option<ExecCheck> {
    let health = state.health.as_ref()?;
    let status =
        health.status.filter(|s| !matches!(s, HealthStatusEnum::NONE | HealthStatusEnum::EMPTY))?;
    let last = health.log.as_ref().and_then(|log| log.last());
    let output = last.and_then(|check| check.output.as_deref()).unwrap_or_default();
    Some(ExecCheck {
        healthy: status == HealthStatusEnum::HEALTHY,
        output: output.trim().to_owned(),
    })
}

/// A time as the engine writes it; none for the zero value that stands for "never".
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|time| *time > Timestamp::UNIX_EPOCH)
}

/// What went wrong, without the names of the layers that passed it on.
pub(crate) fn plain_words(error: &str) -> &str {
    let error =
        error.rsplit_once("unable to start container process: ").map_or(error, |(_, why)| why);
    error.strip_suffix(": unknown").unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layers_of_an_error_are_left_out() {
        let error = "failed to create shim task: OCI runtime create failed: runc create failed: unable \
            to start container process: exec: \"/no\": stat /no: no such file or directory: unknown";
        assert_eq!(plain_words(error), "exec: \"/no\": stat /no: no such file or directory");
        assert_eq!(plain_words("port is taken"), "port is taken");
    }

    #[test]
    fn a_state_is_read_as_the_engine_means_it() {
        let told = |status, error: &str, started: &str| ContainerState {
            status: Some(status),
            error: Some(error.to_owned()),
            started_at: Some(started.to_owned()),
            finished_at: Some("2026-01-01T00:00:01.5Z".to_owned()),
            exit_code: Some(3),
            ..ContainerState::default()
        };
        let never = "0001-01-01T00:00:00Z";
        let once = "2026-01-01T00:00:00.123456789Z";
        assert_eq!(phase(&told(Status::CREATED, "", never)), ContainerPhase::Created);
        for started in [never, once] {
            let phase = phase(&told(Status::CREATED, "no", started));
            assert!(matches!(phase, ContainerPhase::Unstartable { why } if why == "no"));
        }
        let killed = "failed to start shim: mkdir /run/containerd/x: file exists: unknown";
        assert_eq!(phase(&told(Status::CREATED, killed, never)), ContainerPhase::Created);
        let running = phase(&told(Status::RUNNING, "", once));
        assert!(matches!(running, ContainerPhase::Running { exec_check: None, .. }));
        for status in [Status::EXITED, Status::DEAD, Status::REMOVING] {
            let exited = phase(&told(status, "", once));
            assert!(matches!(exited, ContainerPhase::Exited { code: 3, .. }), "{status}");
        }
    }
}
