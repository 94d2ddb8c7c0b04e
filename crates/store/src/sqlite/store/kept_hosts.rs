//! What people say of hosts: where transactions begin and end.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::event::NewEvent;
use launcher_model::host::{Closing, HostNotes};

use crate::sqlite::row::kept;
use crate::sqlite::{SqliteStore, kept_hosts};
use crate::{HostStore, KeptHost, Result};

#[async_trait]
impl HostStore for SqliteStore {
    async fn kept_hosts(&self) -> Result<Vec<KeptHost>> {
        self.read("listing what is kept of hosts", kept_hosts::list(&self.readers).await)
    }

    async fn close_host(
        &self,
        host: &str,
        closing: Closing,
        by: &str,
        event: NewEvent,
        at: Timestamp,
    ) -> Result<bool> {
        let mut write = self.begin("closing a host").await?;
        let outcome = kept_hosts::close(&mut write, host, closing, by, event, kept(at)).await;
        write.end(outcome).await
    }

    async fn host_drained(&self, host: &str, event: NewEvent, at: Timestamp) -> Result<bool> {
        let mut write = self.begin("keeping that a host is drained").await?;
        let outcome = kept_hosts::drained(&mut write, host, event, kept(at)).await;
        write.end(outcome).await
    }

    async fn open_host(&self, host: &str, event: NewEvent, at: Timestamp) -> Result<bool> {
        let mut write = self.begin("opening a host").await?;
        let outcome = kept_hosts::open(&mut write, host, event, kept(at)).await;
        write.end(outcome).await
    }

    async fn describe_host(
        &self,
        host: &str,
        notes: &HostNotes,
        event: NewEvent,
        at: Timestamp,
    ) -> Result<bool> {
        let mut write = self.begin("keeping what is said of a host").await?;
        let outcome = kept_hosts::describe(&mut write, host, notes, event, kept(at)).await;
        write.end(outcome).await
    }
}
