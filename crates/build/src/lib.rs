//! From source to a version: what is pushed, or sent in, is built, tried, pushed to the registry and
//! launched.
//!
//! [`git`] receives pushes and reads commits; [`Builds`] runs what they ask for, one build of a service
//! after the other. Each run is a record in the store and a log beside it; a server that is killed
//! goes on with what it finds there.

mod builds;
mod delivery;
mod error;
mod gone;
mod journal;
mod log;
mod narrate;
mod place;
mod push;
mod queue;
mod registries;
mod report;
mod run;
mod secrets;
mod source;
mod tidy;
mod upload;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
pub mod git;

pub use builds::{BranchUrl, BuildUrl, Builds, Config, Parts, PreviewUrl};
pub use delivery::Delivered;
pub use error::Error;
pub use launcher_registry::Error as RegistryError;
pub use log::{Entries, Placed, SoFar};
pub use narrate::{clean, narrate};
pub use registries::Looked;
pub use upload::{About, LONGEST_SETTINGS, MOST_SENT, Upload};

/// The result of what was asked of builds.
pub type Result<T> = std::result::Result<T, Error>;
