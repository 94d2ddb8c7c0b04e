//! Doors to what a collector answers.

use std::time::Duration;

use jiff::Timestamp;

use super::answer::{Answer, read};
use super::collector::Signal;

/// What becomes of what was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CollectorAnswer {
    /// It shall be sent again.
    pub again: bool,
    /// Not before that.
    pub after: Option<Duration>,
    /// What the collector says, and what is said of it.
    pub words: String,
}

/// Reads an answer to what was measured, or to what has happened.
#[must_use]
pub fn collector_answer(
    measured: bool,
    status: u16,
    retry_after: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> CollectorAnswer {
    let signal = if measured { Signal::Metrics } else { Signal::Traces };
    match read(signal, status, retry_after, body, now) {
        Answer::Taken { message, .. } => CollectorAnswer { words: message, ..Default::default() },
        Answer::Later { after, why } => CollectorAnswer { again: true, after, words: why },
        Answer::Refused { why } => CollectorAnswer { words: why, ..Default::default() },
    }
}
