//! The file.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};

use crate::error::{Error, Result};

/// Connections, each of which is a thread: one that writes and some that read.
const CONNECTIONS: u32 = 3;

/// The write-ahead log beside the file is cut to so many bytes whenever it begins anew.
const LOG: u64 = 4 << 20;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS points (
    series INTEGER NOT NULL,
    level INTEGER NOT NULL,
    at INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (series, level, at)
) STRICT, WITHOUT ROWID;
-- Up to which second a level has been put together from the one below it.
CREATE TABLE IF NOT EXISTS rolled (level INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT;
";

pub(super) async fn open(path: &Path) -> Result<SqlitePool> {
    match try_open(path).await {
        Err(sqlx::Error::Database(error)) if is_no_database(&*error) => {
            let aside = aside(path);
            tracing::warn!(file = %path.display(), aside = %aside.display(), %error,
                "what was measured cannot be read; it is put aside, and measuring begins anew");
            // Without them, what is written next would be taken for theirs.
            for suffix in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(with_suffix(path, suffix));
            }
            let _ = std::fs::rename(path, aside);
            try_open(path).await
        }
        opened => opened,
    }
    .map_err(|cause| Error::File { file: path.to_owned(), doing: "opening it", cause })
}

/// Whether the file is damaged, or is none of SQLite's.
fn is_no_database(error: &dyn sqlx::error::DatabaseError) -> bool {
    const CORRUPT: u32 = 11;
    const NOT_A_DATABASE: u32 = 26;
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| [CORRUPT, NOT_A_DATABASE].contains(&(code & 0xff)))
}

fn aside(path: &Path) -> PathBuf {
    with_suffix(path, ".damaged")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

async fn try_open(path: &Path) -> sqlx::Result<SqlitePool> {
    // The files beside it get their mode from it.
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .journal_mode(SqliteJournalMode::Wal)
        // A power cut takes the last seconds, and no more.
        .synchronous(SqliteSynchronous::Normal)
        .pragma("temp_store", "MEMORY")
        .pragma("journal_size_limit", LOG.to_string())
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .min_connections(0)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    sqlx::raw_sql(TABLES).execute(&pool).await?;
    Ok(pool)
}

/// Has the file take over what stands in the log beside it, and empties the log: whoever reads for long has
/// it grow meanwhile, and nothing else makes it small again. While somebody reads, it is left as it is, and
/// the next time is soon.
pub(super) async fn empty_log(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await.map(drop)
}
