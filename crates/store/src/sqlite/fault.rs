//! What the database's errors mean.

use std::path::Path;

use crate::Error;

/// What can end the work inside a transaction: the store refuses, or the database fails.
#[derive(Debug)]
pub(super) enum Fault {
    /// The store's own answer.
    Refused(Error),
    /// The database's.
    Failed(sqlx::Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

impl Fault {
    /// The error that a caller of the store gets.
    pub(super) fn explain(self, file: &Path, doing: &'static str) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Failed(error) => explain(error, file, doing),
        }
    }
}

/// Primary and extended result codes: <https://www.sqlite.org/rescode.html>.
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const NOTADB: i32 = 26;
    /// The index of the write-ahead log could not grow.
    pub(super) const IOERR_SHMSIZE: i32 = 4874;
}

/// Says what a failure of the database means for the one who called.
pub(super) fn explain(error: sqlx::Error, file: &Path, doing: &'static str) -> Error {
    let extended = error
        .as_database_error()
        .and_then(|error| error.code())
        .and_then(|code| code.parse::<i32>().ok())
        .unwrap_or_default();
    match extended & 0xff {
        code::FULL => Error::Full,
        _ if extended == code::IOERR_SHMSIZE => Error::Full,
        code::BUSY | code::LOCKED => Error::Locked { file: file.to_owned() },
        code::CORRUPT | code::NOTADB => {
            Error::Damaged { file: file.to_owned(), why: words(&error) }
        }
        code::CANTOPEN => Error::File {
            what: "opened",
            file: file.to_owned(),
            why: format!("{}; see that its folder exists and is ours to write", words(&error)),
        },
        _ => Error::Database { doing, source: error },
    }
}

fn words(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}
