//! The agent's figures beside those of a real engine, and beside what is known to have been used.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accuracy;
mod ground;
mod memory;
