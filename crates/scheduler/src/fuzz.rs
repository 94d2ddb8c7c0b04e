//! Doors through which `crates/fuzz` comes to what reads the bytes of strangers.

pub use crate::docker::fuzz::{Printed, Stream, log_lines};
