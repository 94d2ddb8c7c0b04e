//! The conformance stories on a real Docker Engine, and what only that driver has.
//!
//! They need an engine at the usual socket, root's rights, `/bin/busybox` (a static one) and Debian's
//! `docker-registry`; `dev/setup.sh test` sees to all of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../shared/busybox.rs"]
mod busybox;
#[path = "../conformance/mod.rs"]
mod conformance;
#[path = "../shared/switch.rs"]
mod switch;

mod builder;
mod checks;
mod commands;
mod events;
mod ground;
mod images;
mod placing;
mod registry;
mod settings;
mod talks;

conformance!(docker_conformance, crate::ground::DockerGround);
