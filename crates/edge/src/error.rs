//! What can go wrong with an edge as a whole.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why an edge could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address could not be served on.
    #[error("cannot serve HTTP on {address}: {cause}; choose another address or free this one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The data directory is of no use.
    #[error("cannot keep the route table in {path}: {cause}; make the directory writable")]
    Keep {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A worker thread did not start.
    #[error("cannot start a worker thread: {0}")]
    Thread(io::Error),
}
