//! The Marathon driver: against servers that do as a script says (what goes over the wire, and what becomes of
//! answers that are none), and through the conformance stories, on a stand-in for Marathon that runs containers
//! on the hosts of a lab.
//!
//! The latter need what a lab needs: root's rights, Docker's engine, `/bin/busybox` (a static one) and Debian's
//! `docker-registry`; `dev/setup.sh test` sees to all of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../shared/busybox.rs"]
mod busybox;
#[path = "../conformance/mod.rs"]
mod conformance;
#[path = "../shared/idle.rs"]
mod idle;
#[path = "../shared/site.rs"]
mod site;

mod apps;
mod calls;
mod events;
mod ground;
mod hosts;
mod leaders;
mod master;
mod rest;
mod settings;
mod switch;
mod versions;
mod world;

conformance!(together docker_marathon_conformance, crate::ground::MarathonGround);
