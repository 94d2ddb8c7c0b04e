//! The record of builds, as a part of the store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::build::Build;
use launcher_model::event::NewEvent;
use launcher_model::{BuildId, ServiceName, VersionNumber};

use crate::{BuildChange, BuildFilter, NewBuild, Queued, Result};

/// Keeps builds, by the rules of [`Store`](crate::Store).
#[async_trait]
pub trait BuildStore: Send + Sync + 'static {
    /// Numbers a new build and queues it, with the event that tells it. Those of the same branch that wait
    /// are superseded.
    ///
    /// # Errors
    /// [`Error::NoSuch`](crate::Error::NoSuch) when there is no such service, or [`Error::BeingDeleted`](crate::Error::BeingDeleted).
    async fn queue_build(&self, new: NewBuild, at: Timestamp) -> Result<Queued>;
    /// Changes some of a build's fields. One that begins has one attempt more; one that ends gets its end.
    ///
    /// # Errors
    /// [`Error::NoSuch`](crate::Error::NoSuch), or [`Error::BuildOver`](crate::Error::BuildOver) when nothing changes it any more.
    async fn change_build(
        &self,
        id: BuildId,
        change: BuildChange,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Build>;
    /// One build.
    async fn build(&self, id: BuildId) -> Result<Option<Build>>;
    /// Builds, newest first.
    async fn builds(&self, filter: &BuildFilter) -> Result<Vec<Build>>;
    /// Out of which builds versions of a service came, as far as they did.
    async fn builds_of(
        &self,
        service: &ServiceName,
        versions: &[VersionNumber],
    ) -> Result<BTreeMap<VersionNumber, BuildId>>;
    /// Those that wait or run, oldest first: of one service, or of all.
    async fn unfinished_builds(&self, service: Option<&ServiceName>) -> Result<Vec<Build>>;
}
