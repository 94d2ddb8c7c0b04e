//! What can go wrong with a registry.

use std::time::Duration;

/// What went wrong with a registry. Each says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It cannot be reached.
    #[error(
        "the registry {registry} cannot be reached ({why}): see that it runs, and that it can be reached from here"
    )]
    Unreachable {
        /// Which.
        registry: String,
        /// Its words, or the network's.
        why: String,
    },
    /// Its certificate is not believed.
    #[error(
        "the certificate of the registry {registry} is not believed ({why}): if a private authority has signed it, name that as ca_file in [[registries]]"
    )]
    Untrusted {
        /// Which.
        registry: String,
        /// Why not.
        why: String,
    },
    /// It did not answer in time; what was asked may have been done or not.
    #[error(
        "the registry {registry} did not answer within {} s: see whether it is overloaded or hangs",
        .within.as_secs_f64()
    )]
    Overdue {
        /// Which.
        registry: String,
        /// How long it was given.
        within: Duration,
    },
    /// It wants a login, and has none.
    #[error(
        "the registry {registry} lets nobody do this without a login ({why}): set username and password_file for it in [[registries]]"
    )]
    LoginNeeded {
        /// Which.
        registry: String,
        /// Its words.
        why: String,
    },
    /// It refused the login, or what it may do.
    #[error(
        "the registry {registry} refused the login of {user:?} ({why}): check its password and its rights"
    )]
    LoginRefused {
        /// Which.
        registry: String,
        /// The user.
        user: String,
        /// Its words.
        why: String,
    },
    /// The server that gives out its tokens fails.
    #[error(
        "the server {server}, which gives out tokens for the registry {registry}, failed ({why}): see that it runs, and that it can be reached from here"
    )]
    TokenServer {
        /// Which registry.
        registry: String,
        /// Which server.
        server: String,
        /// What it answered.
        why: String,
    },
    /// It has nothing of that name.
    #[error("the registry {registry} has no {what} ({why}): push it first")]
    Missing {
        /// Which.
        registry: String,
        /// What was asked for.
        what: String,
        /// Its words.
        why: String,
    },
    /// It does not allow deleting.
    #[error(
        "the registry {registry} does not allow deleting ({why}): set storage.delete.enabled to true in its configuration (or REGISTRY_STORAGE_DELETE_ENABLED=true)"
    )]
    DeletingDisabled {
        /// Which.
        registry: String,
        /// Its words.
        why: String,
    },
    /// What it answers makes no sense.
    #[error(
        "what the registry {registry} answers makes no sense ({why}): see whether a registry answers at this address"
    )]
    Nonsense {
        /// Which.
        registry: String,
        /// What is wrong with it.
        why: String,
    },
    /// It refused for another reason.
    #[error("the registry {registry} answered: {why}")]
    Refused {
        /// Which.
        registry: String,
        /// Its words.
        why: String,
    },
    /// A setting cannot be used.
    #[error("{what} cannot be used: {why}")]
    Setting {
        /// Which.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

impl Error {
    /// The words of the other side alone, without advice.
    #[must_use]
    pub fn why(&self) -> String {
        match self {
            Self::Overdue { within, .. } => format!("no answer within {} s", within.as_secs_f64()),
            Self::Unreachable { why, .. }
            | Self::Untrusted { why, .. }
            | Self::LoginNeeded { why, .. }
            | Self::LoginRefused { why, .. }
            | Self::TokenServer { why, .. }
            | Self::Missing { why, .. }
            | Self::DeletingDisabled { why, .. }
            | Self::Nonsense { why, .. }
            | Self::Refused { why, .. }
            | Self::Setting { why, .. } => why.clone(),
        }
    }
}

/// The innermost cause says most: the outer ones repeat the address.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
