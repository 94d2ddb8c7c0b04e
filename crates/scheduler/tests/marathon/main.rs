//! The Marathon driver against servers that do as a script says: what goes over the wire, and what becomes of
//! answers that are none.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod apps;
mod calls;
mod events;
mod hosts;
mod master;
mod world;
