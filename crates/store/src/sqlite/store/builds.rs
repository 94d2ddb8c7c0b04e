//! The record of builds: where transactions begin and end.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::build::Build;
use launcher_model::event::NewEvent;
use launcher_model::{BuildId, ServiceName, VersionNumber};

use crate::sqlite::row::kept;
use crate::sqlite::{SqliteStore, builds};
use crate::{BuildChange, BuildFilter, BuildStore, NewBuild, Queued, Result};

#[async_trait]
impl BuildStore for SqliteStore {
    async fn queue_build(&self, new: NewBuild, at: Timestamp) -> Result<Queued> {
        let mut write = self.begin("queueing a build").await?;
        let outcome = builds::queue(&mut write, new, kept(at)).await;
        write.end(outcome).await
    }

    async fn change_build(
        &self,
        id: BuildId,
        change: BuildChange,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Build> {
        let mut write = self.begin("changing a build").await?;
        let outcome = builds::change(&mut write, id, change, events, kept(at)).await;
        write.end(outcome).await
    }

    async fn build(&self, id: BuildId) -> Result<Option<Build>> {
        self.read("reading a build", builds::one(&self.readers, id).await)
    }

    async fn builds(&self, filter: &BuildFilter) -> Result<Vec<Build>> {
        self.read("listing builds", builds::list(&self.readers, filter).await)
    }

    async fn builds_of(
        &self,
        service: &ServiceName,
        versions: &[VersionNumber],
    ) -> Result<BTreeMap<VersionNumber, BuildId>> {
        self.read("listing builds", builds::of(&self.readers, service, versions).await)
    }

    async fn unfinished_builds(&self, service: Option<&ServiceName>) -> Result<Vec<Build>> {
        self.read("listing builds", builds::unfinished(&self.readers, service).await)
    }
}
