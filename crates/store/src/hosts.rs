//! What people say of hosts, as a part of the store.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::event::NewEvent;
use launcher_model::host::{Closing, Closure, HostNotes};

use crate::Result;

/// What is kept of a host that somebody has said something of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeptHost {
    /// Its name.
    pub name: String,
    /// That it takes nothing new.
    pub closure: Option<Closure>,
    /// What other systems say of it.
    pub notes: HostNotes,
}

/// Keeps what people say of hosts, by the rules of [`Store`](crate::Store). What is said of a host stays
/// when it goes, and holds when it comes again.
#[async_trait]
pub trait HostStore: Send + Sync + 'static {
    /// The hosts that something is kept of, by name.
    async fn kept_hosts(&self) -> Result<Vec<KeptHost>>;
    /// Closes a host, or has it drained. Nothing when it is so already; then no event is written either.
    /// Whether something was changed.
    async fn close_host(
        &self,
        host: &str,
        closing: Closing,
        by: &str,
        event: NewEvent,
        at: Timestamp,
    ) -> Result<bool>;
    /// The last container has left a host that is being drained. Whether that is news.
    async fn host_drained(&self, host: &str, event: NewEvent, at: Timestamp) -> Result<bool>;
    /// Opens a host. Whether it was closed.
    async fn open_host(&self, host: &str, event: NewEvent, at: Timestamp) -> Result<bool>;
    /// Puts these notes in the place of those that there are. Whether they differ.
    async fn describe_host(
        &self,
        host: &str,
        notes: &HostNotes,
        event: NewEvent,
        at: Timestamp,
    ) -> Result<bool>;
}
