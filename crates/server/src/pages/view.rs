//! What the pages show, in the form in which they show it: words, counts and times, nothing to decide.

pub(super) mod ago;
pub(super) mod branch;
pub(super) mod browser;
pub(super) mod build;
pub(super) mod changes;
pub(super) mod closed;
pub(super) mod compared;
pub(super) mod container;
pub(super) mod deployment;
pub(super) mod environment;
pub(super) mod event;
pub(super) mod failing;
mod freeze;
pub(super) mod graph;
pub(super) mod history;
pub(super) mod installation;
pub(super) mod log;
pub(super) mod mark;
pub(super) mod outlook;
pub(super) mod press;
pub(super) mod progress;
pub(super) mod service;
pub(super) mod spark;

use launcher_telemetry::Unit;
use launcher_telemetry::graph::in_words;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Bytes, as graphs say them.
#[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
pub(super) fn bytes(bytes: u64) -> String {
    in_words(bytes as f64, Unit::Bytes)
}

/// Processors, as graphs say them.
pub(super) fn processors(busy: f64) -> String {
    in_words(busy, Unit::Processors)
}

/// A name as one part of an address: `/` too is written so that it separates nothing.
pub(super) fn escaped(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}
