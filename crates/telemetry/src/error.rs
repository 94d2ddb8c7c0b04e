//! What can go wrong with what is measured. Nothing of it concerns what is served.

use std::path::PathBuf;

/// What was being done, and what stood in the way.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of what was measured cannot be used.
    #[error("cannot use {}, where what is measured is kept, for {doing}: {cause}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why.
        cause: sqlx::Error,
    },
    /// Something that was kept cannot be read any more.
    #[error("what was measured at {at} cannot be read: {cause}")]
    Malformed {
        /// When, in seconds since 1970.
        at: i64,
        /// Why.
        cause: postcard::Error,
    },
}

/// The result of what was asked of this crate.
pub type Result<T> = std::result::Result<T, Error>;
