//! Who is told what happens.

use jiff::Timestamp;
use launcher_notify::TargetState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One target of notifications.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NotificationView {
    /// Its name.
    #[schema(example = "libera#deploys")]
    pub name: String,
    /// What it is: `irc`, `slack`, `mattermost`, `discord`, `signed`, `email` or `sensu`.
    pub kind: String,
    /// The services that it is told of, as names and globs.
    pub services: Vec<String>,
    /// What it is told: events, groups of them, `usual` or `all`.
    pub events: Vec<String>,
    /// It was told everything up to this event.
    pub told_up_to: i64,
    /// So many events wait; 1000 where there are more.
    pub waiting: u64,
    /// Events that it was told since the server has started.
    pub told: u64,
    /// Attempts that failed since then, and answers that made no sense.
    pub errors: u64,
    /// Events that it was never told: it refused them, or they had become too old.
    pub given_up: u64,
    /// Since when it cannot be told.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// Why not.
    pub last_error: Option<String>,
    /// When it is tried again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_try: Option<Timestamp>,
}

/// How a test message went.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TestedView {
    /// Whether the other side has it.
    pub told: bool,
    /// Why not.
    pub why: Option<String>,
    /// Milliseconds until the other side had it.
    pub took_ms: Option<u64>,
}

impl From<TargetState> for NotificationView {
    fn from(state: TargetState) -> Self {
        Self {
            name: state.name,
            kind: state.kind.to_owned(),
            services: state.services,
            events: state.events,
            told_up_to: state.told_up_to,
            waiting: state.waiting,
            told: state.told,
            errors: state.errors,
            given_up: state.given_up,
            failing_since: state.failing_since,
            last_error: state.last_error,
            next_try: state.next_try,
        }
    }
}
