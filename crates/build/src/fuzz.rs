//! Doors through which `crates/fuzz` comes to what reads the bytes of strangers.

pub use crate::git::fuzz::{as_packets, packet, push};
