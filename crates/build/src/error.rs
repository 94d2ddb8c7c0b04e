//! What goes wrong between source and version.

use std::path::PathBuf;

use launcher_model::service::FileError;
use launcher_model::{BuildId, ServiceName};

/// What went wrong; the message says what was being done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such service.
    #[error(
        "there is no service {0}; create it with `launcher apply` in the folder of its launcher.toml"
    )]
    NoService(ServiceName),
    /// There is no such build.
    #[error("there is no build {0}; `launcher builds` lists them")]
    NoBuild(BuildId),
    /// `git` is not installed.
    #[error("there is no `git` on the server's machine; install the package git")]
    NoGit,
    /// `git` failed.
    #[error("git failed while {doing}: {why}")]
    Git {
        /// What was being done.
        doing: &'static str,
        /// Its words.
        why: String,
    },
    /// Somebody speaks another protocol.
    #[error("this is not what git sends: {0}")]
    Protocol(&'static str),
    /// What was sent in is more than is taken.
    #[error("{what} is larger than {most}; {advice}")]
    TooLarge {
        /// What.
        what: String,
        /// How much is taken.
        most: String,
        /// What to do.
        advice: &'static str,
    },
    /// A file of this installation could not be read or written.
    #[error("{doing} {}: {why}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: std::io::Error,
    },
    /// The settings in the source make no sense.
    #[error("{0}")]
    Settings(Box<FileError>),
    /// The source cannot be built.
    #[error("{0}")]
    Source(String),
    /// What was asked for cannot be done now.
    #[error("{0}")]
    Refused(String),
    /// A step ran, and did not pass.
    #[error("{0}")]
    Step(String),
    /// A branch is at another commit than the one that was to be built.
    #[error("{branch} is at {} by now, and that is built in its place", crate::run::short(.commit))]
    Moved {
        /// Which branch.
        branch: String,
        /// The commit that it is at.
        commit: String,
    },
    /// Another server.
    #[error(transparent)]
    Upstream(#[from] launcher_upstream::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] launcher_store::Error),
    /// The engine.
    #[error(transparent)]
    Scheduler(#[from] launcher_scheduler::Error),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] launcher_registry::Error),
    /// The control plane.
    #[error(transparent)]
    Control(#[from] launcher_control::Error),
}

impl Error {
    /// In one line: what engines and files say may have several.
    pub(crate) fn in_one_line(&self) -> String {
        let text = self.to_string();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join(" / ")
    }

    /// For an operation on a file.
    pub(crate) fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |why| Self::File { doing, path, why }
    }
}
