//! Measures what containers and hosts use, tells the server, and answers monitoring.
//!
//! One agent runs on each host; on the machine of the server it is a task of the server's process. A sample
//! reads files only, of which nearly all stay open; what containers there are the engine tells by its events.

mod agent;
mod cgroup;
pub mod check;
mod counters;
mod error;
mod host;
mod known;
mod network;
mod page;
mod sampler;
mod server;
mod tally;
mod tell;
mod waiting;

pub use agent::{Options, run, within};
pub use error::Error;
pub use known::Measured;
pub use sampler::{Every, Sample, Sampler};
pub use server::{Server, innermost};

/// The result of what an agent does.
pub type Result<T> = std::result::Result<T, Error>;
