//! The conformance stories on a real Swarm of three hosts, and what only that driver has.
//!
//! They need what a lab needs: root's rights, Docker's engine, `/bin/busybox` (a static one) and Debian's
//! `docker-registry`; `dev/setup.sh test` sees to all of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../shared/busybox.rs"]
mod busybox;
#[path = "../conformance/mod.rs"]
mod conformance;
#[path = "../shared/idle.rs"]
mod idle;
#[path = "../docker/registry.rs"]
mod registry;
#[path = "../shared/site.rs"]
mod site;
#[path = "../shared/switch.rs"]
mod switch;

mod calls;
mod checks;
mod ends;
mod ground;
mod images;
mod managers;
mod secrets;
mod settings;

conformance!(together docker_swarm_conformance, crate::ground::SwarmGround);
