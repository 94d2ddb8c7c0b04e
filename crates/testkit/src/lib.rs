//! Whole installations for tests and benchmarks: real processes, a real engine, real load.
//!
//! Everything that is made here is taken away again when its guard is dropped, also when a test fails.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is test code")]

pub mod api;
#[cfg(feature = "server")]
pub mod assemble;
pub mod checkout;
pub mod client;
pub mod clients;
pub mod code_host;
pub mod collector;
pub mod engine;
pub mod folder;
pub mod graphite;
pub mod installation;
pub mod jenkins;
pub mod load;
pub mod machine;
#[cfg(feature = "server")]
pub mod many;
pub mod nginx;
pub mod ngircd;
pub mod private_engine;
pub mod registry;
pub mod site;
pub mod wait;

pub use api::Api;
pub use checkout::Checkout;
pub use client::Client;
pub use code_host::Host;
pub use collector::Collector;
pub use engine::{Engine, Image};
pub use folder::Folder;
pub use graphite::Graphite;
pub use installation::Installation;
pub use jenkins::Jenkins;
pub use load::{Load, Report};
pub use machine::Machine;
pub use nginx::Nginx;
pub use ngircd::{Ngircd, Person};
pub use private_engine::PrivateEngine;
pub use registry::{Registry, RegistrySetup};
pub use site::Site;
