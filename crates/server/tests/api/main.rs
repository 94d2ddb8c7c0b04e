//! The HTTP API from outside: the whole router in this process, on a real store, control plane and edge,
//! and an engine in memory.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod audit;
mod bodies;
mod branches;
mod certificates;
mod checkup;
mod edges;
mod errors;
mod events;
mod freezes;
mod git;
mod holds;
mod hooks;
mod host_metrics;
mod hosts;
mod idempotency;
mod logs;
mod maintenance;
mod malformed;
mod metrics;
mod notifications;
mod offline;
mod outlook;
mod paging;
mod people;
mod readable;
mod reports;
mod roles;
mod routes;
mod secrets;
mod services;
mod talks;
mod tokens;
mod uploads;
mod upstream;
mod weights;
mod world;
