//! What can go wrong.

use std::io;
use std::path::PathBuf;

/// What went wrong while something was measured or told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the system cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of ours cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The engine does not answer as it should.
    #[error(transparent)]
    Engine(#[from] launcher_scheduler::Error),
    /// How often it is measured does not fit.
    #[error("it cannot be measured every {0:?}: write 1s, 2s, 5s or 10s, which divide ten seconds")]
    Every(std::time::Duration),
    /// Calls of the server cannot be made.
    #[error("cannot set up calls of the server: {0}")]
    Calls(#[source] reqwest::Error),
    /// What was being measured was given up.
    #[error("the measurement was given up: {0}")]
    GivenUp(String),
}
