//! Code hosts and CI servers: where transactions begin and end.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::build::BuildState;
use launcher_model::{BuildId, ServiceName};

use crate::sqlite::row::kept;
use crate::sqlite::{SqliteStore, upstream};
use crate::{NewBuild, Queued, Result, Unreported, UpstreamStore};

#[async_trait]
impl UpstreamStore for SqliteStore {
    async fn queue_delivered_build(
        &self,
        new: NewBuild,
        delivery: &str,
        job: Option<&str>,
        at: Timestamp,
    ) -> Result<Option<Queued>> {
        let mut write = self.begin("queueing a build").await?;
        let outcome = upstream::queue(&mut write, new, delivery, job, kept(at)).await;
        write.end(outcome).await
    }

    async fn remember_delivery(
        &self,
        service: &ServiceName,
        delivery: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let mut write = self.begin("remembering a delivery").await?;
        let outcome = upstream::remember(&mut write, service, delivery, kept(at)).await;
        write.end(outcome).await
    }

    async fn unreported_builds(&self) -> Result<Vec<Unreported>> {
        self.read("listing builds to be told of", upstream::unreported(&self.readers).await)
    }

    async fn build_reported(&self, build: BuildId, told: BuildState) -> Result<()> {
        let mut write = self.begin("keeping what a code host was told").await?;
        let outcome = upstream::reported(&mut write, build, told).await;
        write.end(outcome).await
    }

    async fn leave_unreported(&self, build: BuildId) -> Result<()> {
        let mut write = self.begin("keeping what a code host is not told").await?;
        let outcome = upstream::leave(&mut write, build).await;
        write.end(outcome).await
    }

    async fn build_job(&self, build: BuildId) -> Result<Option<String>> {
        self.read("reading a build's job", upstream::job(&self.readers, build).await)
    }

    async fn set_build_job(&self, build: BuildId, place: &str) -> Result<()> {
        let mut write = self.begin("keeping a build's job").await?;
        let outcome = upstream::set_job(&mut write, build, place).await;
        write.end(outcome).await
    }
}
