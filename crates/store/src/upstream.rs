//! What is kept of the code hosts and CI servers that a team has, as a part of the store.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::build::BuildState;
use launcher_model::{BuildId, ServiceName};

use crate::{NewBuild, Queued, Result};

/// A build of which a code host does not know yet how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreported {
    /// The build.
    pub build: BuildId,
    /// What the host was told last.
    pub told: Option<BuildState>,
}

/// Keeps what others were told and have told, by the rules of [`Store`](crate::Store).
#[async_trait]
pub trait UpstreamStore: Send + Sync + 'static {
    /// Queues the build that a delivery of a code host asks for, with what [`build_job`](Self::build_job)
    /// is to tell of it. None when the same one came before.
    ///
    /// # Errors
    /// As for [`queue_build`](crate::BuildStore::queue_build).
    async fn queue_delivered_build(
        &self,
        new: NewBuild,
        delivery: &str,
        job: Option<&str>,
        at: Timestamp,
    ) -> Result<Option<Queued>>;
    /// Remembers a delivery that asks for no build. False when the same one came before.
    async fn remember_delivery(
        &self,
        service: &ServiceName,
        delivery: &str,
        at: Timestamp,
    ) -> Result<bool>;
    /// Builds that code hosts asked for, and do not know the end of, oldest first.
    async fn unreported_builds(&self) -> Result<Vec<Unreported>>;
    /// A code host was told how far a build is; nothing more is to be told of one that is over.
    async fn build_reported(&self, build: BuildId, told: BuildState) -> Result<()>;
    /// A code host is not told of this build any more.
    async fn leave_unreported(&self, build: BuildId) -> Result<()>;
    /// Where the job of another server is that makes a build's image; none before it was started.
    async fn build_job(&self, build: BuildId) -> Result<Option<String>>;
    /// Keeps where that job is.
    async fn set_build_job(&self, build: BuildId, place: &str) -> Result<()>;
}
