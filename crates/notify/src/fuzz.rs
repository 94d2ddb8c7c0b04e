//! Doors through which `crates/fuzz` comes to what reads the bytes of strangers.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

pub use crate::irc::fuzz::{IrcTalk, irc_complaint, irc_message};

/// What the answer of a webhook says, for people.
#[must_use]
pub fn refusal_words(body: &[u8], status: StatusCode) -> String {
    crate::http::words(body, status)
}

/// How long a webhook wants to be left alone.
#[must_use]
pub fn refusal_pause(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    crate::http::pause(headers, now)
}
