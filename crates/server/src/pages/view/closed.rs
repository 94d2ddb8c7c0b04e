//! That a service is closed to its users.

use jiff::Timestamp;
use launcher_store::Maintenance;

use super::ago::Ago;

/// What is to be known of it, and what the button that ends it carries.
pub(crate) struct Closed {
    pub(crate) since: Ago,
    pub(crate) by: String,
    pub(crate) note: Option<String>,
    /// Since when, in microseconds: a page that is out of date ends nothing.
    pub(crate) seen: i64,
}

impl Closed {
    pub(crate) fn new(maintenance: Maintenance, now: Timestamp) -> Self {
        let Maintenance { since, by, note, .. } = maintenance;
        Self { since: Ago::new(since, now), by, note, seen: since.as_microsecond() }
    }
}
