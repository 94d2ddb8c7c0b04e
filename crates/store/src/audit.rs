//! Who did what, as a part of the store.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{AuditEntry, AuditFilter, NewAudit, Result};

/// Keeps who did what, by the rules of [`Store`](crate::Store). A power cut may take the newest entries back,
/// as it does with the steps of a deployment.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Writes a call down.
    async fn audit(&self, call: NewAudit) -> Result<()>;
    /// What was written down, newest first.
    async fn audited(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>>;
    /// Forgets what is older. How many entries that were.
    async fn forget_audit(&self, before: Timestamp) -> Result<u64>;
}
