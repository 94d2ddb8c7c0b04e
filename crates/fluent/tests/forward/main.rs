//! Both ends against clients and servers that others wrote, and against what can go wrong.
//!
//! The clients are those of `dev/fluent-clients`, which `dev/setup.sh fluent-clients` brings. Docker's driver
//! needs an engine at the usual socket that runs on this machine, `docker`, and `/bin/busybox` (a static one).

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod clients;
mod docker;
mod ground;
mod killed;
mod received;
mod sent;
mod servers;
