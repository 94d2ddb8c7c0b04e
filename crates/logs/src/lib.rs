//! What containers have printed: kept beyond their end, and put together in order of time.
//!
//! An engine knows a container's log as long as it has the container. [`Kept`] is where a log goes before its
//! container is removed, and stays until the environment is destroyed. [`merge()`] puts logs together, and a
//! [`Position`] says how far a reader has come, so that it can go on there.

mod file;
mod kept;
mod merge;
mod position;
mod segments;

use std::path::PathBuf;

pub use file::{End, KeptLog, Meta};
pub use kept::{Bounds, Damaged, Found, Kept, Lost};
pub use merge::{Lines, Source, Told, merge, straighten};
pub use position::{BadPosition, Position, Reached};

/// The result of what is done with kept logs.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a log cannot be kept, or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or a folder cannot be used.
    #[error("{doing} {path}: {source}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A file holds something else than a log.
    #[error(
        "{0} is damaged, or holds something else than a log that this program has written: put it back from a \
         backup, or remove it"
    )]
    Foreign(PathBuf),
    /// The program stops.
    #[error("a log could not be read or written to its end: the program stops")]
    Stopping,
}

impl Error {
    /// Whether the file is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }

    pub(crate) fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}

/// What a container is called in a line of its log: twelve characters that tell it from others.
#[must_use]
pub fn short(id: &str) -> String {
    const LENGTH: usize = 12;
    // A task of Marathon's: `app.instance-UUID._app.1` or `app.UUID`. All of one environment begin alike.
    let own = match id.split_once(".instance-") {
        Some((_, own)) => own,
        None => id.rsplit_once('.').map_or(id, |(_, own)| own),
    };
    own.chars().take(LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn containers_of_every_engine_have_short_names_of_their_own() {
        let docker = "0f3cba2e91d7aa0f3cba2e91d7aa0f3cba2e91d7aa0f3cba2e91d7aa0f3cba2e";
        assert_eq!(short(docker), "0f3cba2e91d7");
        let task = "launcher_x_shop_v7.instance-1d2f5c9a-0c1b-11ef-9e3a-0242ac110002._app.1";
        assert_eq!(short(task), "1d2f5c9a-0c1");
        assert_eq!(short("shop_v7.1d2f5c9a-0c1b-11ef"), "1d2f5c9a-0c1");
        assert_eq!(short("a"), "a");
    }
}
