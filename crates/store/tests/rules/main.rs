//! Each rule of the store, by itself.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod branches;
mod certificates;
mod concurrency;
mod deployments;
mod edges;
mod environments;
mod events;
mod files;
mod full;
mod hosts;
mod idempotency;
mod maintenance;
mod observed;
mod people;
mod round_trips;
mod secrets;
mod services;
mod tokens;
mod told;
mod upstream;
mod vault;
mod versions;
