//! Following and removing, with a registry that does as it is told and with a real one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is test code")]

mod builder;
mod follows;
mod garbage;
mod random;
mod real;
mod world;
