//! The branches that have an environment, as a part of the store.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::branch::Branch;
use launcher_model::event::NewEvent;
use launcher_model::{ServiceName, VersionNumber};

use crate::Result;

/// Keeps branches, by the rules of [`Store`](crate::Store). One begins with a
/// [version](crate::NewVersion::follows_branch) that is launched from it.
#[async_trait]
pub trait BranchStore: Send + Sync + 'static {
    /// A service's branches, by name.
    async fn branches(&self, service: &ServiceName) -> Result<Vec<Branch>>;
    /// The branches of all services, by service and name.
    async fn all_branches(&self) -> Result<Vec<Branch>>;
    /// Has a branch's hostname lead to a version. Nothing when it leads to it or a newer one already, or
    /// there is no such branch; then no event is written either. Whether something was changed.
    async fn move_branch(
        &self,
        service: &ServiceName,
        branch: &str,
        to: VersionNumber,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<bool>;
    /// Keeps when somebody looked at a branch's environment; an older time than the one known is none.
    async fn branch_looked_at(
        &self,
        service: &ServiceName,
        branch: &str,
        at: Timestamp,
    ) -> Result<()>;
    /// Forgets a branch. Of its environments these are wanted gone from now on, and the others are those of
    /// versions as any other. False when there was none; then nothing is changed.
    async fn forget_branch(
        &self,
        service: &ServiceName,
        branch: &str,
        gone: &[VersionNumber],
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<bool>;
}
