//! The control plane from outside: a real store, an engine in memory, and edges that speak the wire
//! protocol over a real socket and do as they are told.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod acts;
mod assets;
mod auto;
mod branches;
mod clocks;
mod deletion;
mod deployments;
mod drains;
mod edge;
mod edges;
mod engine;
mod environments;
mod failures;
mod freezes;
mod holds;
mod hosts;
mod leaving;
mod logins;
mod logs;
mod maintenance;
mod orphans;
mod quiet;
mod random;
mod restarts;
mod retention;
mod strangers;
mod weights;
mod world;
