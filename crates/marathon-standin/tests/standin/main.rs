//! The stand-in on a real engine, and held to account by clients that others wrote.
//!
//! They need an engine at the usual socket, `docker`, `/bin/busybox` (a static one), and for the clients what
//! `dev/setup.sh marathon-clients` brings.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agents;
mod clients;
mod deployments;
mod leaders;
mod samples;
mod support;
mod wire;
