//! Doors through which `crates/fuzz` comes to what reads the bytes of strangers.

pub use crate::graphite::fuzz::{graphite_answer, graphite_averages};
pub use crate::otlp::fuzz::{CollectorAnswer, collector_answer};
