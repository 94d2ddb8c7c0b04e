//! What can go wrong in a store.

use std::path::PathBuf;

use launcher_model::build::BuildState;
use launcher_model::environment::EnvironmentState;
use launcher_model::route::DeploymentState;
use launcher_model::{BuildId, DeploymentId};

/// What went wrong in a store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing.
    #[error("there is no {what} {name}")]
    NoSuch {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There is one already.
    #[error("there is a {what} {name} already")]
    Exists {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There would be people, and no administrator among them.
    #[error(
        "{0} is the last administrator among the people who may sign in: make another one an administrator first"
    )]
    LastAdmin(String),
    /// A hostname belongs to another service.
    #[error("the hostname {host} belongs to the service {service}")]
    HostTaken {
        /// The hostname.
        host: String,
        /// Whose it is.
        service: String,
    },
    /// Something stands in the way of a deletion.
    #[error("{what} is still in use: {by}")]
    StillInUse {
        /// What was to be deleted.
        what: String,
        /// What uses it.
        by: String,
    },
    /// A service will be gone soon.
    #[error("the service {0} is being deleted")]
    BeingDeleted(String),
    /// Every edge is given the pages of all services that are closed, in one message.
    #[error(
        "the pages of the services that are in maintenance together have more than {0} bytes; give this one a shorter page"
    )]
    PagesTooLong(u64),
    /// The state machine has no such arrow.
    #[error("an environment that is {from} cannot become {to}")]
    Transition {
        /// From where.
        from: EnvironmentState,
        /// To where.
        to: EnvironmentState,
    },
    /// A deployment is in a state from which it cannot get there.
    #[error("deployment {id} is {} and cannot become {}", .from.as_str(), .to.as_str())]
    WrongState {
        /// Which.
        id: DeploymentId,
        /// What it is.
        from: DeploymentState,
        /// What it was to become.
        to: DeploymentState,
    },
    /// A build is over and does not change any more.
    #[error("build {id} is over ({}); retry it to run it again", .state.as_str())]
    BuildOver {
        /// Which.
        id: BuildId,
        /// How it ended.
        state: BuildState,
    },
    /// Another deployment of the service is under way.
    #[error("deployment {0} of this service is under way")]
    Busy(DeploymentId),
    /// What was read before has changed since.
    #[error("{0} has changed meanwhile")]
    Conflict(String),
    /// The disk is full.
    #[error("the disk that holds the database is full; free some space and try again")]
    Full,
    /// Another process holds the database.
    #[error(
        "the database {} is locked by another process: end that one (`fuser {}` names it) and try again",
        .file.display(), .file.display()
    )]
    Locked {
        /// The database's file.
        file: PathBuf,
    },
    /// The database's file is not, or no longer, a database.
    #[error(
        "the database {} is damaged ({why}): stop the server, move the file and its -wal and -shm away, and put a backup in its place",
        .file.display()
    )]
    Damaged {
        /// The database's file.
        file: PathBuf,
        /// The database's words.
        why: String,
    },
    /// The database's file cannot be opened, made or copied.
    #[error("the database {} cannot be {what}: {why}", .file.display())]
    File {
        /// What was to be done with it: `opened`, for example.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// What stood in the way, and what to do.
        why: String,
    },
    /// A sealed secret could not be opened or sealed.
    #[error("{0}")]
    Vault(String),
    /// What is kept cannot be understood.
    #[error("the database holds a {what} that cannot be read: {why}")]
    Corrupt {
        /// What kind of thing.
        what: &'static str,
        /// The reader's words.
        why: String,
    },
    /// The database failed.
    #[error("the database failed while {doing}: {source}")]
    Database {
        /// What was being done, such as `numbering a version`.
        doing: &'static str,
        /// Its words.
        #[source]
        source: sqlx::Error,
    },
}
