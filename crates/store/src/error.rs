//! What can go wrong in a store.

use launcher_model::DeploymentId;
use launcher_model::environment::EnvironmentState;

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
    /// The state machine has no such arrow.
    #[error("an environment that is {from} cannot become {to}")]
    Transition {
        /// From where.
        from: EnvironmentState,
        /// To where.
        to: EnvironmentState,
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
        /// What was being done.
        doing: &'static str,
        /// Its words.
        #[source]
        source: sqlx::Error,
    },
}
