//! Edges that take over from each other: real processes, a real control plane's hub, real load.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod support;

mod addresses;
mod holds;
mod https;
#[cfg(feature = "fault-points")]
mod kills;
mod load;
mod switches;
mod systemd;
mod up;
mod websockets;
