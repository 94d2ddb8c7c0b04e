//! What can go wrong in a lab.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What went wrong in a lab.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Namespaces and engines are root's to make.
    #[error("a lab needs root: it makes network namespaces and starts engines; run this with sudo")]
    NotRoot,
    /// What was asked for cannot be.
    #[error("the lab cannot be set up: {0}")]
    Options(String),
    /// A program is not installed.
    #[error("there is no {0}: run `dev/setup.sh lab`, which installs it on Debian and Ubuntu")]
    Missing(String),
    /// A program could not be started.
    #[error("{program} cannot be started: {why}")]
    Start {
        /// Which.
        program: String,
        /// The system's words.
        why: io::Error,
    },
    /// A program failed.
    #[error("`{command}` failed: {said}")]
    Failed {
        /// How it was called.
        command: String,
        /// What it said.
        said: String,
    },
    /// A file or a folder is in the way.
    #[error("{doing} {} failed: {why}", .path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// With which.
        path: PathBuf,
        /// The system's words.
        why: io::Error,
    },
    /// Everywhere that was tried is somebody's.
    #[error("there is no free network 10.X.Y.0/24 for the lab: {0} were tried, and all are in use")]
    NoNetwork(usize),
    /// There is no such host.
    #[error("there is no host {name}; there are {}", .known.join(", "))]
    NoHost {
        /// Which was asked for.
        name: String,
        /// Which there are.
        known: Vec<String>,
    },
    /// What was asked for needs a host that runs.
    #[error("{0} is down; revive it first")]
    Down(String),
    /// Something did not come up.
    #[error("{what} is not up after {} s; the end of its log, {}:\n{said}", .after.as_secs(), .log.display())]
    Late {
        /// What.
        what: String,
        /// How long it was waited for.
        after: Duration,
        /// Where its log is.
        log: PathBuf,
        /// The last lines of it.
        said: String,
    },
    /// Something ended that should run.
    #[error("{what} has ended at its start; the end of its log, {}:\n{said}", .log.display())]
    Ended {
        /// What.
        what: String,
        /// Where its log is.
        log: PathBuf,
        /// The last lines of it.
        said: String,
    },
    /// An engine refused.
    #[error("the engine of {host} failed while {doing}: {why}")]
    Engine {
        /// Which.
        host: String,
        /// What was being done.
        doing: &'static str,
        /// Its words.
        why: bollard::errors::Error,
    },
    /// An image cannot be had or pushed.
    #[error("the image {image} cannot be pushed: {why}")]
    Image {
        /// Which.
        image: String,
        /// Why.
        why: String,
    },
    /// The hosts did not become one Swarm.
    #[error("the Swarm is not complete after {} s: {ready} of {of} nodes are ready", .after.as_secs())]
    Swarm {
        /// How many are.
        ready: usize,
        /// How many there should be.
        of: usize,
        /// How long it was waited for.
        after: Duration,
    },
    /// The lab is not gone.
    #[error("the lab is not all gone after {} s; {} is still there, and the next lab will remove it", .after.as_secs(), .left.display())]
    Left {
        /// Its directory.
        left: PathBuf,
        /// How long it was waited for.
        after: Duration,
    },
}

/// What comes of it, or what went wrong.
pub type Result<T, E = Error> = std::result::Result<T, E>;
