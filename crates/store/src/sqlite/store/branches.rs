//! The branches that have an environment: where transactions begin and end.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::branch::Branch;
use launcher_model::event::NewEvent;
use launcher_model::{ServiceName, VersionNumber};

use crate::sqlite::row::kept;
use crate::sqlite::{SqliteStore, branches};
use crate::{BranchStore, Result};

#[async_trait]
impl BranchStore for SqliteStore {
    async fn branches(&self, service: &ServiceName) -> Result<Vec<Branch>> {
        self.read("listing branches", branches::list(&self.readers, service).await)
    }

    async fn all_branches(&self) -> Result<Vec<Branch>> {
        self.read("listing all branches", branches::all(&self.readers).await)
    }

    async fn move_branch(
        &self,
        service: &ServiceName,
        branch: &str,
        to: VersionNumber,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<bool> {
        let mut write = self.begin("moving a branch").await?;
        let outcome = branches::lead_to(&mut write, service, branch, to, events, kept(at)).await;
        write.end(outcome).await
    }

    async fn branch_looked_at(
        &self,
        service: &ServiceName,
        branch: &str,
        at: Timestamp,
    ) -> Result<()> {
        let mut write = self.begin("keeping when a branch was looked at").await?;
        let outcome = branches::looked_at(&mut write, service, branch, kept(at)).await;
        write.end(outcome).await
    }

    async fn forget_branch(
        &self,
        service: &ServiceName,
        branch: &str,
        gone: &[VersionNumber],
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<bool> {
        let mut write = self.begin("forgetting a branch").await?;
        let outcome = branches::forget(&mut write, service, branch, gone, events, kept(at)).await;
        write.end(outcome).await
    }
}
