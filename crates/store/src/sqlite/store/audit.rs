//! Who did what: where transactions begin and end.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::sqlite::row::kept;
use crate::sqlite::{SqliteStore, audit};
use crate::{AuditEntry, AuditFilter, AuditStore, NewAudit, Result};

#[async_trait]
impl AuditStore for SqliteStore {
    async fn audit(&self, call: NewAudit) -> Result<()> {
        let mut write = self.begin_step("writing down who did what").await?;
        let outcome = audit::add(&mut write, call).await;
        write.end(outcome).await
    }

    async fn audited(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>> {
        self.read("listing who did what", audit::list(&self.readers, filter).await)
    }

    async fn forget_audit(&self, before: Timestamp) -> Result<u64> {
        let mut write = self.begin_step("forgetting who did what long ago").await?;
        let outcome = audit::forget(&mut write, kept(before)).await;
        write.end(outcome).await
    }
}
