//! How far others were told what happened, as a part of the store.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Result;

/// How far a target of notifications was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub target: String,
    /// It was told everything up to this event.
    pub up_to: i64,
    /// Attempts in a row that failed.
    pub attempts: u32,
    /// Since when they do.
    pub failing_since: Option<Timestamp>,
    /// Why the last of them did.
    pub last_error: Option<String>,
    /// Events that it was never told: it refused them, or they had become too old.
    pub given_up: u64,
}

/// Keeps how far others were told, by the rules of [`Store`](crate::Store). What a power cut takes back is
/// told again.
#[async_trait]
pub trait ToldStore: Send + Sync + 'static {
    /// How far each of these targets was told, in their order. One that is new begins behind the newest
    /// event; one that is not among them is forgotten.
    async fn begin_telling(&self, targets: &[String]) -> Result<Vec<Told>>;
    /// A target was told everything up to an event. Never goes back.
    async fn told_up_to(&self, target: &str, event: i64) -> Result<()>;
    /// A target could not be told.
    async fn telling_failed(&self, target: &str, why: &str, at: Timestamp) -> Result<()>;
    /// A target is not told so many events any more, and goes on behind this one. Never goes back.
    async fn telling_given_up(
        &self,
        target: &str,
        event: i64,
        events: u64,
        why: &str,
        at: Timestamp,
    ) -> Result<()>;
    /// How far every target was told, by name.
    async fn told(&self) -> Result<Vec<Told>>;
}
