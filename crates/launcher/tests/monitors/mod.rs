//! What others wrote that watches us.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub(crate) mod nagios;
pub(crate) mod prometheus;
