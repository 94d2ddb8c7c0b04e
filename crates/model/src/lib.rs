//! The words of Rocket Launcher as types, their validation, and the planning functions.
//!
//! Nothing here does I/O, reads a clock or knows of async: what is wanted, what is observed and the
//! time come in as arguments, what to do next comes out.

pub mod branch;
pub mod build;
pub mod certificate;
pub mod container;
pub mod environment;
pub mod event;
pub mod expected;
pub mod host;
pub mod image;
pub mod maintenance;
pub mod measure;
pub mod name;
pub mod person;
pub mod plan;
pub mod role;
pub mod route;
pub mod secret;
pub mod service;
pub mod units;
pub mod version;

pub use name::{
    BuildId, DeploymentId, EdgeName, Generation, InvalidName, ServiceName, VersionNumber, Weight,
};
pub use person::PersonName;
pub use units::{Bytes, Cpus, Span};
