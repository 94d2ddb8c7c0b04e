//! The engines that the server works with: what places containers, and what makes images.

use std::sync::Arc;

use anyhow::Result;
use launcher_scheduler::Scheduler;
use launcher_scheduler::docker::{self, Docker};

use super::config::{Config, SchedulerName};

/// What places containers, and the Docker Engine that images are made on, which may be the same.
pub(super) struct Engines {
    /// Places containers.
    pub(super) scheduler: Arc<dyn Scheduler>,
    /// Makes images.
    pub(super) docker: Docker,
}

/// Makes them as the configuration says. Nothing is asked of an engine yet.
pub(super) fn connect(config: &Config, installation: &str) -> Result<Engines> {
    let docker = Docker::connect(docker_settings(config, installation))?;
    let scheduler: Arc<dyn Scheduler> = match config.scheduler {
        SchedulerName::Docker => Arc::new(docker.clone()),
    };
    Ok(Engines { scheduler, docker })
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
    let accesses = config.registries.iter();
    settings.authorities = accesses
        .filter_map(|(host, access)| Some((host.clone(), access.authority.clone()?)))
        .collect();
    settings
}
