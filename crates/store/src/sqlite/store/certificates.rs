//! Certificates: where transactions begin and end.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::event::NewEvent;

use crate::sqlite::row::kept;
use crate::sqlite::{SqliteStore, certificates};
use crate::{CertificateRecord, CertificateStore, Result};

#[async_trait]
impl CertificateStore for SqliteStore {
    async fn acme_account(&self, directory: &str) -> Result<Option<Vec<u8>>> {
        let account = certificates::account(&self.readers, directory).await;
        self.read("reading the account at an authority", account)
    }

    async fn keep_acme_account(&self, directory: &str, sealed: &[u8], at: Timestamp) -> Result<()> {
        let mut write = self.begin("keeping the account at an authority").await?;
        let outcome = certificates::keep_account(&mut write, directory, sealed, kept(at)).await;
        write.end(outcome).await
    }

    async fn certificates(&self) -> Result<Vec<CertificateRecord>> {
        self.read("listing certificates", certificates::list(&self.readers).await)
    }

    async fn keep_certificate(
        &self,
        record: &CertificateRecord,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<()> {
        let mut write = self.begin("keeping a certificate").await?;
        let outcome = certificates::keep(&mut write, record, events, kept(at)).await;
        write.end(outcome).await
    }

    async fn ask_for_certificate(
        &self,
        service: &ServiceName,
        event: NewEvent,
        at: Timestamp,
    ) -> Result<bool> {
        let mut write = self.begin("asking for a certificate").await?;
        let outcome = certificates::ask(&mut write, service, event, kept(at)).await;
        write.end(outcome).await
    }

    async fn forget_certificate(&self, service: &ServiceName) -> Result<()> {
        let mut write = self.begin("forgetting a certificate").await?;
        let outcome = certificates::forget(&mut write, service).await;
        write.end(outcome).await
    }
}
