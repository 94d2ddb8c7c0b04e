//! What can stand in the way of a look.

/// What stands in the way of a look. It is looked again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] launcher_registry::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] launcher_store::Error),
    /// An image cannot be launched.
    #[error("{image} was pushed, but cannot become a version: {why}")]
    Launch {
        /// Which.
        image: String,
        /// Why.
        why: launcher_control::Error,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] launcher_scheduler::Error),
}

/// The result of a look.
pub(crate) type Result<T> = std::result::Result<T, Error>;
