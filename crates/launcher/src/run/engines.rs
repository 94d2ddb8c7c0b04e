//! The engines that the server works with: what places containers, and what makes images.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use launcher_registry::Authority;
use launcher_scheduler::docker::residents::Residents;
use launcher_scheduler::docker::{self, Docker};
use launcher_scheduler::marathon::Marathon;
use launcher_scheduler::swarm::{self, NamingKey, Swarm};
use launcher_scheduler::{LogKeeper, Moving, Scheduler};
use launcher_store::vault::Vault;

use super::config::{Config, SchedulerName};

/// What places containers, and the Docker Engine that images are made on, which may be the same.
pub(super) struct Engines {
    /// Places containers.
    pub(super) scheduler: Arc<dyn Scheduler>,
    /// Makes images.
    pub(super) docker: Docker,
}

/// Makes them as the configuration says. Nothing is asked of an engine yet.
pub(super) fn connect(
    config: &Config,
    installation: &str,
    vault: &Vault,
    keeper: Arc<dyn LogKeeper>,
) -> Result<Engines> {
    let settings = docker::Config { keeper: Some(keeper), ..docker_settings(config, installation) };
    let docker = Docker::connect(settings)?;
    let place = |name| scheduler(name, config, installation, vault, &docker);
    let scheduler = match config.moving_from {
        None => place(config.scheduler)?,
        Some(from) => Arc::new(Moving::new(place(from)?, place(config.scheduler)?)),
    };
    Ok(Engines { scheduler, docker })
}

fn scheduler(
    name: SchedulerName,
    config: &Config,
    installation: &str,
    vault: &Vault,
    docker: &Docker,
) -> Result<Arc<dyn Scheduler>> {
    Ok(match name {
        SchedulerName::Docker => Arc::new(docker.clone()),
        SchedulerName::Marathon => {
            let settings = config.marathon.settings(installation, authorities(config))?;
            Arc::new(Marathon::connect(settings)?)
        }
        SchedulerName::Swarm => {
            Arc::new(Swarm::connect(swarm_settings(config, installation, vault))?)
        }
    })
}

/// The engine whose machine the server measures: its own, where it places containers on it.
///
/// # Errors
/// When its address cannot be used.
pub(super) fn to_measure(config: &Config) -> Result<Option<Residents>> {
    let places = |name| config.scheduler == name || config.moving_from == Some(name);
    if !config.metrics.agent() || !places(SchedulerName::Docker) {
        return Ok(None);
    }
    let residents = Residents::at(docker_host(config))?;
    Ok(residents.are_local().then_some(residents))
}

/// Where the Docker Engine listens.
fn docker_host(config: &Config) -> String {
    let default = || docker::Config::new("").host;
    config.docker_host.clone().unwrap_or_else(default)
}

fn docker_settings(config: &Config, installation: &str) -> docker::Config {
    let mut settings = docker::Config::new(installation.to_owned());
    if let Some(host) = &config.docker_host {
        settings.host.clone_from(host);
    }
    settings.network.clone_from(&config.docker_network);
    settings.publish = config.docker_publish;
    settings.builder = config.docker_builder;
    if let Some(cache) = config.docker_build_cache {
        settings.cache = cache.0;
    }
    settings.authorities = authorities(config);
    settings
}

/// Private authorities of registries, by their hosts.
fn authorities(config: &Config) -> HashMap<String, Authority> {
    let accesses = config.registries.iter();
    accesses.filter_map(|(host, access)| Some((host.clone(), access.authority.clone()?))).collect()
}

fn swarm_settings(config: &Config, installation: &str, vault: &Vault) -> swarm::Config {
    let naming_key = NamingKey::new(vault.naming_key());
    let mut settings = swarm::Config::new(installation.to_owned(), naming_key);
    settings.grace = launcher_control::Config::default().stop_grace;
    if let Some(hosts) = &config.swarm.hosts {
        settings.hosts.clone_from(hosts);
    }
    settings.secrets = config.swarm.secrets;
    settings.engines.clone_from(&config.swarm.engines);
    settings.registries.clone_from(&config.registries);
    settings
}
