//! `[audit]`: for how long it is kept who did what.

use std::num::NonZeroU16;

use jiff::SignedDuration;
use serde::Deserialize;

/// A year, and the time to ask about it.
const DAYS: u16 = 400;

/// How long entries are kept.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Audit {
    keep_days: Option<NonZeroU16>,
}

impl Audit {
    /// With what holds where nothing is said.
    pub(crate) fn keep(self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.keep_days.map_or(DAYS, NonZeroU16::get)))
    }
}
