//! Stopping and removing.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use launcher_model::{ServiceName, VersionNumber};

use super::Engine;
use super::request::GRACE;
use super::snapshot::Snapshot;
use super::wire::app::Doing;
use crate::{Error, Result};

/// How long after one look the next one follows.
const PAUSE: Duration = Duration::from_millis(200);

impl Engine {
    /// Ends an environment's containers. Its apps stay, without instances.
    pub(super) async fn stop(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: Duration,
    ) -> Result<()> {
        let snapshot = self.look_again().await?;
        let apps = snapshot.environment(service, version);
        let running = apps.filter(|standing| standing.app.instances > 0);
        try_join_all(running.map(|standing| self.scale(&standing.app.id, 0))).await?;
        self.wait_for_the_end(service, version, grace).await
    }

    /// Removes an environment's apps: without instances first, because what is still ending of an app
    /// that is removed is not told any more.
    pub(super) async fn remove(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: Duration,
    ) -> Result<()> {
        self.stop(service, version, grace).await?;
        let snapshot = self.look().await?;
        let apps = snapshot.environment(service, version);
        let begun = try_join_all(apps.map(|standing| self.delete(&standing.app.id))).await?;
        let begun: Vec<_> = begun.into_iter().flatten().collect();
        self.wait_for(&begun).await
    }

    async fn wait_for_the_end(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: Duration,
    ) -> Result<()> {
        let deadline = Instant::now() + grace.max(GRACE) + self.client.deadline();
        loop {
            let snapshot = self.look_again().await?;
            let left = left(&snapshot, service, version);
            if left == 0 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let why = format!("{left} containers of {service} {version} do not end");
                let engine = self.client.name();
                return Err(Error::Busy { engine, doing: "ending containers", why });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until deployments are over, however they went.
    async fn wait_for(&self, begun: &[String]) -> Result<()> {
        if begun.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + self.client.deadline();
        while self.deployments().await?.iter().any(|running| begun.contains(&running.id)) {
            if Instant::now() >= deadline {
                let why = "the app is not gone yet".to_owned();
                let engine = self.client.name();
                return Err(Error::Busy { engine, doing: "removing an app", why });
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.snapshots.changed();
        Ok(())
    }
}

/// How many tasks there are. One whose agent cannot be reached is not waited for: Marathon gives it up.
fn left(snapshot: &Snapshot, service: &ServiceName, version: VersionNumber) -> usize {
    snapshot
        .environment(service, version)
        .flat_map(|standing| &standing.app.tasks)
        .filter(|task| task.is_there() && task.doing() != Doing::Unreachable)
        .count()
}
