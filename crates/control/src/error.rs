//! What can stand in the way of what was asked.

use std::fmt::Display;

use launcher_model::{DeploymentId, ServiceName, VersionNumber};

/// What stands in the way of what was asked. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such service.
    #[error("there is no service {0}; `launcher services` lists those there are")]
    NoService(ServiceName),
    /// There is no such version.
    #[error("{0} has no {1}; `launcher status {0}` lists its versions")]
    NoVersion(ServiceName, VersionNumber),
    /// The engine has no such host.
    #[error("there is no host {0}; `launcher hosts` lists those there are")]
    NoHost(String),
    /// The settings make no sense.
    #[error("{0}")]
    Invalid(String),
    /// The state of something does not allow it.
    #[error("{0}")]
    Refused(String),
    /// A service's settings are not those any more that were to be replaced.
    #[error(
        "the settings of {0} were changed since you looked at them, and nothing was saved; see what \
         `launcher apply --dry-run` says of them now, or the service's page"
    )]
    Changed(ServiceName),
    /// Nothing goes live now, unless somebody insists.
    #[error(
        "{service} is frozen until {until} (deploy.freeze: {window}); wait until then, or insist and say why: \
         --force --note \"why\""
    )]
    Frozen {
        /// Whose settings say so.
        service: ServiceName,
        /// The window, as it is written.
        window: String,
        /// When it is over, on the clock of the window's zone.
        until: String,
    },
    /// Another deployment of the service is under way.
    #[error("deployment {0} of this service is under way; wait for it to end")]
    Busy(DeploymentId),
    /// The switch was not made, and nothing was changed.
    #[error("deployment {id} was aborted, nothing was changed: {reason}")]
    Aborted {
        /// Which.
        id: DeploymentId,
        /// Why.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] launcher_store::Error),
    /// Kept logs cannot be used.
    #[error(transparent)]
    Logs(#[from] launcher_logs::Error),
    /// The engine failed.
    #[error(transparent)]
    Scheduler(#[from] launcher_scheduler::Error),
}

impl Error {
    pub(crate) fn aborted(id: DeploymentId, why: &impl Display) -> Self {
        Self::Aborted { id, reason: why.to_string() }
    }
}
