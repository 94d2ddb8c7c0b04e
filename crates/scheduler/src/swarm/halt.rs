//! Stopping and removing.

use std::time::{Duration, Instant};

use bollard::models::Service;
use launcher_model::{ServiceName, VersionNumber};

use super::ensure::{label, of_version, scale, serves};
use super::task::{self, ended};
use super::{Picture, Swarm, read};
use crate::identity::SERVE;
use crate::{Result, labels};

/// How much longer than their grace the Swarm may take to end containers before nobody waits any more.
const SLACK: Duration = Duration::from_secs(20);
/// How often is looked whether they have.
const LOOK: Duration = Duration::from_millis(200);

impl Swarm {
    /// Leaves the newest of the environment's services, without containers, and waits until none runs.
    pub(super) async fn stop(&self, service: &ServiceName, version: VersionNumber) -> Result<()> {
        let picture = self.picture_since(Instant::now()).await?;
        let number = |found: &Service| {
            label(found, labels::ATTEMPT).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0)
        };
        let mut all: Vec<&Service> =
            of_version(&picture, service, version).filter(|found| serves(found)).collect();
        all.sort_by_key(|found| std::cmp::Reverse(number(found)));
        for (index, found) in all.into_iter().enumerate() {
            let Some(id) = found.id.as_deref() else { continue };
            if index == 0 {
                self.update_service(id, None, |spec| scale(spec, 0)).await?;
            } else {
                self.delete_service(id).await?;
            }
        }
        self.until_ended(service, version, Some(SERVE)).await
    }

    /// Removes all of the environment's services, and what only they needed.
    pub(super) async fn remove(&self, service: &ServiceName, version: VersionNumber) -> Result<()> {
        let picture = self.picture_since(Instant::now()).await?;
        for found in of_version(&picture, service, version) {
            let Some(id) = found.id.as_deref() else { continue };
            self.delete_service(id).await?;
        }
        self.until_ended(service, version, None).await?;
        self.sweep_secrets(service).await
    }

    /// Waits until no container of the environment, or none of this role, runs. The Swarm takes a moment
    /// before it tells them to end. Not for ever: a host may have its troubles, and those of a host that is
    /// down end when it is back.
    async fn until_ended(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        role: Option<&str>,
    ) -> Result<()> {
        let deadline = Instant::now() + self.0.grace + SLACK;
        loop {
            let picture = self.picture_since(Instant::now()).await?;
            if !any_left(&picture, service, version, role) || Instant::now() >= deadline {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn any_left(
    picture: &Picture,
    service: &ServiceName,
    version: VersionNumber,
    role: Option<&str>,
) -> bool {
    let (service, version) = (service.to_string(), version.0.to_string());
    picture.tasks.iter().filter(|task| !ended(task)).any(|task| {
        let node = picture.nodes.iter().find(|node| node.id.is_some() && node.id == task.node_id);
        let Some(labels) = task::labels(task) else { return false };
        labels.get(labels::SERVICE) == Some(&service)
            && labels.get(labels::VERSION) == Some(&version)
            && role.is_none_or(|role| labels.get(labels::ROLE).is_some_and(|own| own == role))
            && node.is_some_and(|node| !read::is_down(node))
    })
}
