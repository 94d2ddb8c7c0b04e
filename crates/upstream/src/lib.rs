//! What a team has already: code hosts that tell of pushes and are told how builds went, and Jenkins.
//!
//! Nothing is kept here and nothing decided: [`hook`] checks and reads what comes in, [`status`] and
//! [`jenkins`] ask others. Secrets come in as values and go out to whom they are for alone.

mod ask;
mod error;
pub mod hook;
pub mod jenkins;
pub mod status;

pub use error::{Error, Refused};

/// The result of asking another server.
pub type Result<T> = std::result::Result<T, Error>;
