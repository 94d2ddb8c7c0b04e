//! Agents' own engines: what Marathon and Mesos have no call for is asked of them, where the configuration says
//! how they are reached.

use std::collections::BTreeMap;

use futures_util::stream::BoxStream;
use launcher_model::container::Container;

use super::Engine;
use crate::docker::Docker;
use crate::{Error, LogLine, LogOptions, Result, Scheduler};

/// What tells a task's container from others: each is told the id of its task.
const TASK: &str = "MESOS_TASK_ID";

/// The engines of some agents, of which only containers of this installation are touched.
///
/// # Errors
/// [`Error::Setting`] when an address cannot be used.
pub(super) fn connect(
    engines: &BTreeMap<String, String>,
    installation: &str,
) -> Result<BTreeMap<String, Docker>> {
    let one = |(name, address): (&String, &String)| {
        Ok((name.clone(), Docker::of_host(address, installation)?))
    };
    engines.iter().map(one).collect()
}

impl Engine {
    pub(super) async fn logs(
        &self,
        container: &str,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        let what = "read the logs of that container: give the address of its agent's own engine in \
            [marathon.engines], such as NAME = \"tcp://10.0.0.2:2375\", or look into the task's sandbox in \
            Mesos's pages";
        let (engine, task) = self.engine_of(container, what).await?;
        engine.logs(&of_task(engine, &task).await?, options).await
    }

    /// The engine of a container's agent, and the container's id there.
    pub(super) async fn reached(&self, container: &str) -> Result<(&Docker, String)> {
        let what = "run a command in that container: give the address of its agent's own engine in \
            [marathon.engines], such as NAME = \"tcp://10.0.0.2:2375\", or use `docker exec` there";
        let (engine, task) = self.engine_of(container, what).await?;
        if !task.is_running() {
            let why = "the container does not run".to_owned();
            return Err(Error::Refused { doing: "running a command in a container", why });
        }
        Ok((engine, of_task(engine, &task).await?))
    }

    /// A container as Marathon knows it, and the engine of its agent.
    async fn engine_of(&self, id: &str, what: &'static str) -> Result<(&Docker, Container)> {
        let unsupported = Error::Unsupported { engine: "Marathon", what };
        if self.engines.is_empty() {
            return Err(unsupported);
        }
        let snapshot = self.look().await?;
        let found = snapshot.containers.iter().find(|container| container.id == id).cloned();
        let task = found.ok_or_else(|| Error::NoContainer(id.to_owned()))?;
        match self.engines.get(&task.host) {
            Some(engine) => Ok((engine, task)),
            // It is on no agent yet.
            None if task.host.is_empty() => Err(Error::NoContainer(id.to_owned())),
            None => Err(unsupported),
        }
    }
}

/// The id that a task's container has on its engine.
async fn of_task(engine: &Docker, task: &Container) -> Result<String> {
    let variable = format!("{TASK}={}", task.id);
    let found = engine.0.with_variable(&task.service, task.version, &variable).await?;
    found.ok_or_else(|| Error::NoContainer(task.id.clone()))
}
