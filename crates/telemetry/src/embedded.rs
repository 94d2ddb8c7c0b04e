//! The store that is built in: a file in which what is measured is kept in steps that grow with its age.
//!
//! | level | step | kept for |
//! |---|---|---|
//! | 0 | 1 s (traffic alone) | 30 minutes |
//! | 1 | 10 s | 12 hours |
//! | 2 | 1 min | 4 days |
//! | 3 | 10 min | 35 days |
//! | 4 | 1 h | 35 days |
//!
//! Levels 0 and 1 are written from memory every ten seconds; each further one is put together from the
//! one below it, and the file says how far that has come. So whatever the process dies at, the next one
//! goes on where it was; what was told in the last ten seconds is lost.

mod file;
mod levels;
mod pack;
mod read;
mod rest;
mod roll;

use std::path::Path;
use std::sync::Arc;

use sqlx::SqlitePool;

use crate::error::{Error, Result};
use crate::gathered::Gathered;

pub use levels::{LEAST_BYTES, Level, MOST_BYTES};
pub(crate) use read::numbers_in_memory;

/// The store.
pub struct Embedded {
    file: Arc<Path>,
    pool: SqlitePool,
    gathered: Arc<Gathered>,
    most_bytes: u64,
}

impl Embedded {
    /// Opens the file, or makes it. One that cannot be read is put aside, as nothing else depends on it. The
    /// file is kept below about `most_bytes`; what is oldest goes first.
    ///
    /// # Errors
    /// When there can be no such file.
    pub async fn open(path: &Path, gathered: Arc<Gathered>, most_bytes: u64) -> Result<Self> {
        let pool = file::open(path).await?;
        let store = Self { file: path.into(), pool, gathered, most_bytes };
        store.restore().await?;
        store.roll_up().await?;
        Ok(store)
    }

    fn fails(&self, doing: &'static str) -> impl Fn(sqlx::Error) -> Error {
        let file = self.file.to_path_buf();
        move |cause| Error::File { file: file.clone(), doing, cause }
    }
}
