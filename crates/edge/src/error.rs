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
    /// The key that this side is known by, or what it keeps of having joined, is of no use.
    #[error("cannot use {file}: {why}")]
    Identity {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The server did not let this edge in.
    #[error("cannot join the server at {server}: {why}")]
    Join {
        /// Its address.
        server: String,
        /// Its words, or what stood in the way.
        why: String,
    },
    /// The directory of the files that nginx includes is of no use.
    #[error(
        "cannot use {path} for the files that nginx includes: {cause}; make the directory writable for the edge"
    )]
    Include {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// nginx would read a path otherwise than it is written.
    #[error("{} cannot stand in nginx's configuration; choose a path of letters, digits and /._-", .0.display())]
    Path(PathBuf),
    /// Another edge runs on the data directory, and stays.
    #[error("another edge uses {path}, and this one does not take over from it: {why}")]
    InUse {
        /// The directory.
        path: PathBuf,
        /// What stands in the way, and what to do.
        why: String,
    },
    /// Nobody said where to serve.
    #[error("there is no address to serve on; name one with --http")]
    NoAddress,
    /// Sockets that were given are of no use.
    #[error("cannot listen on a socket that was given to this process: {0}")]
    Given(io::Error),
    /// TLS cannot be spoken at all.
    #[error("cannot speak TLS: {0}; start without --https to serve HTTP alone")]
    Tls(rustls::Error),
    /// A worker thread did not start.
    #[error("cannot start a worker thread: {0}")]
    Thread(io::Error),
}
