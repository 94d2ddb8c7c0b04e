//! Stopping and removing.

use std::time::Duration;

use bollard::models::ContainerSummary;
use bollard::query_parameters::{RemoveContainerOptionsBuilder, StopContainerOptionsBuilder};
use futures_util::future::join_all;
use launcher_model::{ServiceName, VersionNumber};

use super::Engine;
use super::connection::{Call, is_leaving, is_missing};
use crate::Result;
use crate::identity::SERVE;

/// What the engine gives a container that does not say otherwise.
const ENGINE_GRACE: Duration = Duration::from_secs(10);

impl Engine {
    pub(super) async fn stop(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: Duration,
    ) -> Result<()> {
        let call = self.connection.call("stopping containers").await?;
        let listed = self.list(&call, Some(service), Some(version), Some(SERVE)).await?;
        all(&listed, |id| stop(&call, id, Some(grace))).await
    }

    pub(super) async fn remove(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: Duration,
    ) -> Result<()> {
        let call = self.connection.call("removing containers").await?;
        let listed = self.list(&call, Some(service), Some(version), None).await?;
        all(&listed, |id| remove(&call, id, Some(grace))).await
    }
}

/// Does one thing to each, and tells the first error. Not bounded: they do little but wait for their
/// grace.
async fn all<'a, F>(listed: &'a [ContainerSummary], step: impl Fn(&'a str) -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let ids = listed.iter().filter_map(|container| container.id.as_deref());
    join_all(ids.map(step)).await.into_iter().collect()
}

/// Stops a container, which may have ended or be gone. Without a grace, the engine's is used.
pub(super) async fn stop(call: &Call, id: &str, grace: Option<Duration>) -> Result<()> {
    let options = grace.map(|grace| {
        let seconds = grace.as_millis().div_ceil(1000).try_into().unwrap_or(i32::MAX);
        StopContainerOptionsBuilder::new().t(seconds).build()
    });
    let call = call.clone().patient(grace.unwrap_or(ENGINE_GRACE));
    match call.api.stop_container(id, options).await {
        Ok(()) => {}
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(call.fail(error)),
    }
    launcher_fault::point("docker.container_stopped");
    Ok(())
}

/// Stops and removes a container, with its anonymous volumes. It may be gone, or going.
pub(super) async fn remove(call: &Call, id: &str, grace: Option<Duration>) -> Result<()> {
    stop(call, id, grace).await?;
    discard(call, id).await
}

/// Removes a container as it stands.
pub(super) async fn discard(call: &Call, id: &str) -> Result<()> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match call.api.remove_container(id, Some(options)).await {
        Ok(()) => {}
        Err(error) if is_missing(&error) || is_leaving(&error) => {}
        Err(error) => return Err(call.fail(error)),
    }
    launcher_fault::point("docker.container_removed");
    Ok(())
}
