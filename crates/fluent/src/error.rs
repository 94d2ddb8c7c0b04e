//! What can stand in the way of starting an end.

use std::io;
use std::path::PathBuf;

/// What stands in the way of starting. What goes wrong later is counted, and told in the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not of this machine.
    #[error("cannot listen for Fluentd's protocol at {address}: {cause}; choose another address")]
    Bind {
        /// Where.
        address: String,
        /// Why not.
        cause: io::Error,
    },
    /// Something else is where the Unix socket should be.
    #[error(
        "cannot listen for Fluentd's protocol at {}: what is there is no socket, and may be of use to somebody; \
         remove it, or choose another path",
        path.display()
    )]
    NoSocket {
        /// Where.
        path: PathBuf,
    },
    /// The directory of the buffer cannot be used.
    #[error("cannot use {} as a buffer: {cause}", path.display())]
    Buffer {
        /// Which file or directory.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// Somebody else has the directory of the buffer.
    #[error(
        "another process uses the buffer {}; give each forwarder a directory of its own",
        path.display()
    )]
    BufferTaken {
        /// Which.
        path: PathBuf,
    },
    /// A certificate or key is of no use.
    #[error("cannot use {what} for TLS: {why}")]
    Tls {
        /// What.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// A user proves its password within a handshake, which there is none of without a shared key.
    #[error("users and passwords are of no effect without a shared key; configure one as well")]
    UserWithoutKey,
    /// There is nowhere to send to.
    #[error("there is no server to forward to; name at least one")]
    NoServer,
    /// It is started outside a Tokio runtime.
    #[error("a forwarder needs a Tokio runtime; start it from a task")]
    NoRuntime,
    /// A thread could not be started.
    #[error("cannot start the thread that writes the buffer: {0}")]
    Thread(io::Error),
}

/// What comes of starting.
pub type Result<T, E = Error> = std::result::Result<T, E>;
