//! Removing what a stand-in has started.

use std::collections::HashMap;
use std::time::Duration;

use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptionsBuilder};

use crate::options::AgentOptions;
use crate::world::connect;

pub(crate) use crate::world::MARK;

/// What an engine was just making is there after that time.
const LATE: Duration = Duration::from_millis(100);
/// An engine that does not get rid of a container in so many tries will not.
const TRIES: u32 = 50;

/// Removes every container with a label from some engines, and returns when none is left.
pub(crate) fn sweep(engines: Vec<AgentOptions>, label: String) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(async {
                let mut seen = Vec::new();
                for agent in engines {
                    if !seen.contains(&agent.engine) {
                        sweep_engine(&agent, &label).await;
                        seen.push(agent.engine);
                    }
                }
            }),
            Err(error) => tracing::error!(%error, "cannot remove containers"),
        }
    });
    let _ = thread.join();
}

async fn sweep_engine(agent: &AgentOptions, label: &str) {
    let Ok(docker) = connect(agent) else { return };
    let Ok(docker) = docker.negotiate_version().await else { return };
    let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
    let mut clean = 0;
    for _ in 0..TRIES {
        let options = ListContainersOptions {
            all: true,
            filters: Some(filters.clone()),
            ..Default::default()
        };
        let Ok(listed) = docker.list_containers(Some(options)).await else { return };
        clean = if listed.is_empty() { clean + 1 } else { 0 };
        if clean == 2 {
            return;
        }
        for id in listed.into_iter().filter_map(|container| container.id) {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            let _ = docker.remove_container(&id, Some(options)).await;
        }
        tokio::time::sleep(LATE).await;
    }
    tracing::error!(label, engine = agent.engine, "could not remove all containers");
}
