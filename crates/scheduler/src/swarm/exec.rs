//! Commands in running containers: no manager runs any, so the engine of the container's host does.

use bollard::models::Node;

use super::logs::find;
use super::{Swarm, read, task};
use crate::docker::Docker;
use crate::{Error, Result};

impl Swarm {
    /// The engine of a container's host, and the container's id there.
    pub(super) async fn reached(&self, container: &str) -> Result<(Docker, String)> {
        let picture = self.picture().await?;
        let missing = || Error::NoContainer(container.to_owned());
        let task = find(&picture, container).ok_or_else(missing)?;
        let Some(id) = task::container(task) else {
            let why = "the container does not run yet".to_owned();
            return Err(Error::Refused { doing: "running a command in a container", why });
        };
        let node = picture.nodes.iter().find(|node| node.id.is_some() && node.id == task.node_id);
        let engine = self.engine_of(node.ok_or_else(missing)?).await?;
        Ok((engine, id.to_owned()))
    }

    /// The engine of a host: by the address that the configuration gives it, or as one of the managers.
    async fn engine_of(&self, node: &Node) -> Result<Docker> {
        if let Some(address) = self.0.engines.get(read::host_name(node)) {
            return self.engine_at(address);
        }
        for manager in self.0.managers.all() {
            // One that is away is some other host's, or no help.
            let Ok((_, info)) = manager.open("looking for a host's engine").await else { continue };
            if info.swarm.and_then(|swarm| swarm.node_id) == node.id {
                return self.engine_at(manager.host());
            }
        }
        Err(Error::Unsupported {
            engine: "Swarm",
            what: "run a command on that container's host: give the address of the host's own engine in [swarm.engines], such as NAME = \"tcp://10.0.0.2:2375\"",
        })
    }

    /// The engine that listens there.
    pub(super) fn engine_at(&self, address: &str) -> Result<Docker> {
        Docker::of_host(address, self.0.installation.as_str())
    }
}
