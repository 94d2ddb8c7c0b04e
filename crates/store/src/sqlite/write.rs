//! One write transaction.

use std::path::Path;
use std::sync::Arc;

use launcher_model::event::Event;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::sync::{OwnedMutexGuard, broadcast, watch};

use super::checkpoint::Checkpoints;
use super::fault::{Fault, explain};
use crate::{Error, Result};

/// What a commit outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// The death of this process: the operating system has it. A power cut may take it back, together
    /// with everything after it. For steps that are begun again when they are missing.
    Process,
    /// A power cut: the disk has it, and everything before it.
    Machine,
}

impl Durability {
    /// In the write-ahead log's mode the one syncs the log at each commit, the other when it is moved:
    /// <https://www.sqlite.org/pragma.html#pragma_synchronous>.
    fn pragma(self) -> &'static str {
        match self {
            Self::Process => "PRAGMA synchronous = NORMAL",
            Self::Machine => "PRAGMA synchronous = FULL",
        }
    }
}

/// The one connection that writes, and in what condition it is.
pub(super) struct Writer {
    options: SqliteConnectOptions,
    /// None after a failure that left it in doubt.
    connection: Option<SqliteConnection>,
    /// A transaction was begun and not ended: its caller went away, or the database failed.
    unfinished: bool,
    /// What the connection is set to; none while that is in doubt.
    durability: Option<Durability>,
    checkpoints: Checkpoints,
}

impl Writer {
    pub(super) fn new(
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        checkpoints: Checkpoints,
    ) -> Self {
        Self {
            options,
            connection: Some(connection),
            unfinished: false,
            durability: None,
            checkpoints,
        }
    }

    /// Begins a transaction. The caller may go away at any of the points here where it waits. A
    /// connection on which this fails is replaced the next time.
    async fn begin(&mut self, durability: Durability) -> sqlx::Result<()> {
        if self.unfinished {
            self.roll_back().await;
        }
        let begun = self.try_begin(durability).await;
        if begun.is_err() {
            self.connection = None;
            self.unfinished = false;
        }
        begun
    }

    async fn try_begin(&mut self, durability: Durability) -> sqlx::Result<()> {
        if self.connection.is_none() {
            self.connection = Some(self.options.connect().await?);
            self.durability = None;
        }
        if self.durability != Some(durability) {
            self.durability = None;
            self.execute(durability.pragma()).await?;
            self.durability = Some(durability);
        }
        self.unfinished = true;
        self.execute("BEGIN IMMEDIATE").await
    }

    async fn execute(&mut self, sql: &'static str) -> sqlx::Result<()> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        sqlx::query(sql).execute(connection).await.map(|_| ())
    }

    /// Ends a transaction, whether there is one or not. A connection on which that fails is replaced: a
    /// database that ran out of room, for one, may have ended the transaction by itself.
    async fn roll_back(&mut self) {
        if self.execute("ROLLBACK").await.is_err() {
            self.connection = None;
        }
        self.unfinished = false;
    }
}

/// Who is told once something is committed.
#[derive(Clone)]
pub(super) struct Watchers {
    pub(super) events: broadcast::Sender<Event>,
    /// Changes when a session was ended.
    pub(super) sessions: watch::Sender<()>,
}

/// A write transaction. While it lives, no other one does. One that is dropped is rolled back.
pub(super) struct Write {
    writer: OwnedMutexGuard<Writer>,
    watchers: Watchers,
    events: Vec<Event>,
    ends_sessions: bool,
    file: Arc<Path>,
    doing: &'static str,
}

impl Write {
    pub(super) async fn begin(
        mut writer: OwnedMutexGuard<Writer>,
        watchers: Watchers,
        file: Arc<Path>,
        doing: &'static str,
        durability: Durability,
    ) -> Result<Self> {
        writer.begin(durability).await.map_err(|error| explain(error, &file, doing))?;
        Ok(Self { writer, watchers, events: Vec::new(), ends_sessions: false, file, doing })
    }

    pub(super) fn connection(&mut self) -> std::result::Result<&mut SqliteConnection, Fault> {
        // Between `begin` and `end` there is one.
        self.writer.connection.as_mut().ok_or(Fault::Failed(sqlx::Error::WorkerCrashed))
    }

    /// Remembers an event that was written, for the watchers.
    pub(super) fn tell_after_commit(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Remembers that a session was ended, for the watchers.
    pub(super) fn ends_a_session(&mut self) {
        self.ends_sessions = true;
    }

    /// Commits what went well, and rolls the rest back.
    pub(super) async fn end<T: Send + 'static>(
        mut self,
        outcome: std::result::Result<T, Fault>,
    ) -> Result<T> {
        let value = match outcome {
            Ok(value) => value,
            Err(fault) => {
                self.writer.roll_back().await;
                return Err(fault.explain(&self.file, self.doing));
            }
        };
        let doing = self.doing;
        // On a task of its own: a caller who goes away now must not keep the events from the watchers.
        match tokio::spawn(self.commit()).await {
            Ok(committed) => committed.map(|()| value),
            Err(_) => Err(Error::Database { doing, source: sqlx::Error::WorkerCrashed }),
        }
    }

    async fn commit(mut self) -> Result<()> {
        if let Err(error) = self.writer.execute("COMMIT").await {
            self.writer.roll_back().await;
            return Err(explain(error, &self.file, self.doing));
        }
        self.writer.unfinished = false;
        for event in self.events.drain(..) {
            // Without watchers there is nobody to tell.
            let _ = self.watchers.events.send(event);
        }
        if self.ends_sessions {
            self.watchers.sessions.send_replace(());
        }
        self.writer.checkpoints.count_commit();
        Ok(())
    }
}
