//! The hosts with all that is known of them, for those who ask.

use std::collections::BTreeMap;

use launcher_model::container::{Container, ContainerPhase, Host, Promised};
use launcher_model::host::{Closure, HostNotes, HostState};
use launcher_model::plan::environment::Checked;
use launcher_model::{ServiceName, VersionNumber};
use launcher_store::KeptHost;

use super::state;
use crate::{Control, Error, Inner, Result};

/// A host, and what is known of it.
#[derive(Debug, Clone)]
pub struct HostView {
    /// As the engine tells it, with what is promised to our containers where it keeps no count.
    pub host: Host,
    /// How it is.
    pub state: HostState,
    /// That it takes nothing new, where somebody has said so here.
    pub closure: Option<Closure>,
    /// What other systems say of it.
    pub notes: HostNotes,
    /// Our containers that run on it, by service and version.
    pub containers: Vec<OnHost>,
}

/// The containers of one version on one host.
#[derive(Debug, Clone)]
pub struct OnHost {
    /// Whose.
    pub service: ServiceName,
    /// Whose.
    pub version: VersionNumber,
    /// Those that run.
    pub running: Vec<Container>,
    /// Why those that are to take their places have no host yet.
    pub waits: Option<String>,
}

impl Control {
    /// The hosts.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn hosts(&self) -> Result<Vec<HostView>> {
        let inner = &self.inner;
        let kept = inner.store.kept_hosts().await?;
        let hosts = inner.scheduler.hosts().await?;
        let observed = inner.observed_everywhere();
        let mut views = Vec::with_capacity(hosts.len());
        for host in hosts {
            views.push(inner.view(host, &kept, &observed).await?);
        }
        Ok(views)
    }

    /// One host.
    ///
    /// # Errors
    /// When there is none of that name, or the engine does not answer.
    pub async fn host(&self, name: &str) -> Result<HostView> {
        let all = self.hosts().await?;
        let found = all.into_iter().find(|view| view.host.name == name);
        found.ok_or_else(|| Error::NoHost(name.to_owned()))
    }
}

type ByVersion = BTreeMap<(ServiceName, VersionNumber), Vec<Container>>;

impl Inner {
    /// The containers of every service, as they were last observed, by version.
    fn observed_everywhere(&self) -> ByVersion {
        let mut all = ByVersion::new();
        for observed in self.slots().iter().filter_map(|slot| slot.observed()) {
            for Checked { container, .. } in observed.iter() {
                let whose = (container.service.clone(), container.version);
                all.entry(whose).or_default().push(container.clone());
            }
        }
        all
    }

    async fn view(
        &self,
        mut host: Host,
        kept: &[KeptHost],
        observed: &ByVersion,
    ) -> Result<HostView> {
        let kept = kept.iter().find(|kept| kept.name == host.name).cloned().unwrap_or_default();
        let containers: Vec<_> = observed
            .iter()
            .filter_map(|((service, version), all)| on_host(&host.name, service, *version, all))
            .collect();
        if host.promised == Promised::default() {
            host.promised = self.promised(&containers).await?;
        }
        let running = containers.iter().map(|on_host| on_host.running.len()).sum();
        let closing = kept.closure.as_ref().map(|closure| closure.closing);
        let state = state(&host, closing, running);
        Ok(HostView { state, host, closure: kept.closure, notes: kept.notes, containers })
    }

    /// What is promised to these containers.
    async fn promised(&self, containers: &[OnHost]) -> Result<Promised> {
        let mut sum = Promised::default();
        for on_host in containers {
            let Some(slot) = self.slot(&on_host.service) else { continue };
            let Some(version) = self.version(&slot, on_host.version).await? else { continue };
            let resources = &version.spec.resources;
            let count = on_host.running.len() as u64;
            sum.milli_cpus += count * resources.cpus.map_or(0, |cpus| u64::from(cpus.milli()));
            sum.memory += count * resources.memory.map_or(0, |memory| memory.0);
        }
        Ok(sum)
    }
}

/// Those of a version's containers that run on a host, if there are some.
fn on_host(
    host: &str,
    service: &ServiceName,
    version: VersionNumber,
    all: &[Container],
) -> Option<OnHost> {
    let on_it = |one: &&Container| one.is_running() && one.host == host;
    let running: Vec<_> = all.iter().filter(on_it).cloned().collect();
    if running.is_empty() {
        return None;
    }
    let waits = all.iter().find_map(|one| match &one.phase {
        ContainerPhase::Waiting { why } => why.clone(),
        _ => None,
    });
    Some(OnHost { service: service.clone(), version, running, waits })
}
