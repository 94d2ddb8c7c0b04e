//! What can go wrong with an engine.

use std::time::Duration;

/// What went wrong with an engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine cannot be reached.
    #[error("{engine} cannot be reached while {doing}: {why}")]
    Unreachable {
        /// Which engine and where, such as `Docker at unix:///var/run/docker.sock`.
        engine: String,
        /// What was being done.
        doing: &'static str,
        /// Its words.
        why: String,
    },
    /// The engine is there, and has too much to do or something to finish first.
    #[error("{engine} cannot do it now, while {doing}: {why}")]
    Busy {
        /// Which engine and where.
        engine: String,
        /// What was being done.
        doing: &'static str,
        /// Its words.
        why: String,
    },
    /// There is no such image, or no one may read it.
    #[error("the image {image} cannot be had: {why}")]
    Image {
        /// Which.
        image: String,
        /// Why, and what to do.
        why: String,
    },
    /// There is no such container any more.
    #[error("there is no container {0}")]
    NoContainer(String),
    /// The engine refused.
    #[error("the engine refused while {doing}: {why}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// Its words.
        why: String,
    },
    /// No host can ever be what the settings ask for.
    #[error("its containers cannot be placed: {0}")]
    Unplaceable(String),
    /// An image has no such program.
    #[error("the image has no program {program:?}")]
    NoProgram {
        /// Which.
        program: String,
    },
    /// A one-off command did not end in time, and was killed.
    #[error("{command:?} did not end within {} s and was killed", .after.as_secs_f64())]
    Overdue {
        /// The command.
        command: String,
        /// How long it was given.
        after: Duration,
    },
    /// An image cannot be built as it is described.
    #[error("{why}{}", last_words(.last))]
    Build {
        /// Which step failed, and how.
        why: String,
        /// The last lines that the step printed.
        last: Vec<String>,
    },
    /// The files that an image is to be built of cannot be read.
    #[error("the files to build the image of cannot be read: {0}")]
    Context(String),
    /// A build did not end in time, and was stopped.
    #[error("the image was not built within {} s: let it take longer with `timeout` in [build]", .0.as_secs_f64())]
    BuildOverdue(Duration),
    /// An image cannot be pushed.
    #[error("the image cannot be pushed to {to}: {why}")]
    Push {
        /// Where to.
        to: String,
        /// Why, and what to do.
        why: String,
    },
    /// The engine cannot do this at all.
    #[error("{engine} cannot {what}")]
    Unsupported {
        /// Which engine.
        engine: &'static str,
        /// What was asked.
        what: &'static str,
    },
    /// A setting of the driver cannot be used.
    #[error("{what} {given:?} cannot be used: {why}")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Its value.
        given: String,
        /// What is wrong with it, and what to write.
        why: &'static str,
    },
}

impl Error {
    /// Whether trying the same again later may help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }
}

fn last_words(lines: &[String]) -> String {
    if lines.is_empty() {
        String::new()
    } else {
        format!("; its last words: {}", lines.join(" / "))
    }
}
