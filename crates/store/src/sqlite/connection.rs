//! Opening the file, and the connections to it.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlitePool};
use tokio::sync::{Mutex, broadcast, watch};

use super::checkpoint::{self, Checkpoints};
use super::fault::{Fault, explain};
use super::write::{Durability, Watchers, Write, Writer};
use super::{meta, schema};
use crate::{Error, Result};

/// How long a call waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// Connections that read at the same time; each is a thread.
const READERS: u32 = 3;
/// Prepared statements that a connection keeps: more than there are.
const STATEMENTS: usize = 200;
/// Events that a watcher may lag behind.
const EVENTS: usize = 1024;

/// A store in an SQLite file.
pub struct SqliteStore {
    pub(super) file: Arc<Path>,
    pub(super) readers: SqlitePool,
    writer: Arc<Mutex<Writer>>,
    pub(super) watchers: Watchers,
    pub(super) installation: String,
    /// Names this process among those that claimed idempotency keys.
    pub(super) holder: String,
}

/// Opens the store in this file, which only its owner may read, or makes one; its folder must exist.
/// One server at a time should have it open.
///
/// # Errors
/// [`Error::File`], [`Error::Locked`], [`Error::Damaged`] or [`Error::Full`], which name the file and
/// say what to do.
pub async fn open(path: &Path) -> Result<SqliteStore> {
    let file: Arc<Path> = path.into();
    make_private(path).map_err(|error| Error::File {
        what: "opened",
        file: path.to_owned(),
        why: error.to_string(),
    })?;
    let opening = |error| explain(error, path, "opening it");
    let mut connection = writer_options(path).connect().await.map_err(opening)?;
    schema::migrate(&mut connection, path).await?;
    let installation = meta::installation(&mut connection)
        .await
        .map_err(|fault| fault.explain(path, "naming the installation"))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .min_connections(1)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(reader_options(path))
        .await
        .map_err(opening)?;
    let checkpoints = Checkpoints::start(readers.clone());
    let writer = Writer::new(writer_options(path), connection, checkpoints);
    Ok(SqliteStore {
        file,
        readers,
        writer: Arc::new(Mutex::new(writer)),
        watchers: Watchers {
            events: broadcast::Sender::new(EVENTS),
            sessions: watch::Sender::new(()),
        },
        installation,
        holder: meta::random_id(),
    })
}

/// The files beside it, `-wal` and `-shm`, get their mode from it.
fn make_private(path: &Path) -> io::Result<()> {
    let file: File = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .synchronous(SqliteSynchronous::Full)
        .pragma("temp_store", "MEMORY")
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging()
}

fn writer_options(path: &Path) -> SqliteConnectOptions {
    options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("wal_autocheckpoint", checkpoint::BACKSTOP_PAGES.to_string())
        .pragma("journal_size_limit", checkpoint::LOG_BYTES.to_string())
}

fn reader_options(path: &Path) -> SqliteConnectOptions {
    options(path).pragma("query_only", "ON")
}

impl SqliteStore {
    /// Begins a write transaction whose commit outlives a power cut.
    pub(super) async fn begin(&self, doing: &'static str) -> Result<Write> {
        self.begin_with(doing, Durability::Machine).await
    }

    /// Begins a write transaction for a step that is begun again when a power cut takes it back.
    pub(super) async fn begin_step(&self, doing: &'static str) -> Result<Write> {
        self.begin_with(doing, Durability::Process).await
    }

    async fn begin_with(&self, doing: &'static str, durability: Durability) -> Result<Write> {
        let writer = Arc::clone(&self.writer).lock_owned().await;
        Write::begin(writer, self.watchers.clone(), Arc::clone(&self.file), doing, durability).await
    }

    /// What reading ended in, as a caller of the store gets it.
    pub(super) fn read<T>(
        &self,
        doing: &'static str,
        outcome: std::result::Result<T, Fault>,
    ) -> Result<T> {
        outcome.map_err(|fault| fault.explain(&self.file, doing))
    }
}
