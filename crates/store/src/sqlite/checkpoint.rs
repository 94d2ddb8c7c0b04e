//! Moves what was committed from the write-ahead log into the database, beside the writer.
//!
//! SQLite does that by itself within every so many commits, and such a commit takes many times as
//! long as another. A switch must not wait for that.

use sqlx::SqlitePool;
use tokio::sync::mpsc;

/// After so many commits the log is moved: about 2 MiB of it.
const COMMITS: u32 = 64;

/// When the log grows to so many pages of 4 KiB nevertheless, a commit moves it itself.
pub(super) const BACKSTOP_PAGES: u32 = 4096;

/// What is left of a log's file when it has been moved, in bytes.
pub(super) const LOG_BYTES: u32 = 16 << 20;

/// Counts commits, and wakes the task that moves the log.
pub(super) struct Checkpoints {
    commits: u32,
    wake: mpsc::Sender<()>,
}

impl Checkpoints {
    /// Starts the task; it ends with the value that is returned.
    pub(super) fn start(readers: SqlitePool) -> Self {
        let (wake, mut woken) = mpsc::channel(1);
        tokio::spawn(async move {
            while woken.recv().await.is_some() {
                if let Err(error) =
                    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&readers).await
                {
                    tracing::warn!(%error, "the database's log could not be moved; it grows until it can");
                }
            }
        });
        Self { commits: 0, wake }
    }

    pub(super) fn count_commit(&mut self) {
        self.commits += 1;
        // A full channel means that the task is about to run anyway.
        if self.commits >= COMMITS && self.wake.try_send(()).is_ok() {
            self.commits = 0;
        }
    }
}
