//! What can go wrong.

use std::time::Duration;

/// What makes no sense of what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule cannot be understood.
    #[error("{what} makes no sense: {why}")]
    Rule {
        /// What was written.
        what: String,
        /// Why not, and what may be.
        why: String,
    },
    /// A target cannot be set up.
    #[error("{0}")]
    Target(String),
    /// Two targets have the same name.
    #[error("two targets of notifications are called {0}; give each a name of its own")]
    Twice(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] launcher_store::Error),
}

/// Why somebody was not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It may work later.
    #[error("{why}")]
    Later {
        /// Why not now.
        why: String,
        /// Not before so much time has passed, where the other side says so.
        not_before: Option<Duration>,
    },
    /// It will not take this, however often it is sent.
    #[error("{why}")]
    Never {
        /// Why not.
        why: String,
    },
}

impl Refusal {
    /// It may work later.
    pub(crate) fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), not_before: None }
    }

    /// It never will.
    pub(crate) fn never(why: impl Into<String>) -> Self {
        Self::Never { why: why.into() }
    }
}
