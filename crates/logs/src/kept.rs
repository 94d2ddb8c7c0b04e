//! Where logs go before their containers are removed: `SERVICE/vN/CONTAINER.log` in a folder.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use launcher_model::container::Container;
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::{LogKeeper, LogLine};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::file::{End, HALF, Index, KeptLog, Meta, write};
use crate::segments::Segments;
use crate::{Error, Result};

/// So many logs are taken in at once: each may be held in memory whole, compressed.
const AT_ONCE: usize = 4;
/// An engine that sends nothing more of a log for so long is given up.
const SILENCE: Duration = Duration::from_secs(15);
/// A log is taken in for no longer: whoever waits for it wants to remove the container.
const LONGEST: Duration = Duration::from_secs(120);
/// No environment has more logs, however short they are.
const MOST_FILES: usize = 500;
/// So many losses are remembered of an environment.
const MOST_LOSSES: usize = 20;
/// Says until when logs of an environment were left out.
const LEFT_OUT: &str = "left-out";

/// How much is kept, in bytes on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Of each container; what it printed first is left out.
    pub container: u64,
    /// Of each environment; the logs that were kept first are removed.
    pub environment: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { container: 10 << 20, environment: 100 << 20 }
    }
}

/// A log that could not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Whose.
    pub container: Meta,
    /// Why.
    pub why: String,
}

/// A kept log that is damaged: nothing of it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The engine's id of its container; none where the file is not called by it.
    pub id: Option<String>,
    /// What is wrong with it, and what to do.
    pub why: String,
}

/// What is kept of an environment.
#[derive(Debug, Default)]
pub struct Found {
    /// The logs, the container that was made first first.
    pub logs: Vec<KeptLog>,
    /// Files that should be logs, and cannot be read.
    pub damaged: Vec<Damaged>,
}

type Losses = HashMap<(ServiceName, VersionNumber), Vec<Lost>>;

/// The logs of containers that are gone.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
    bounds: Bounds,
    turns: Semaphore,
    /// Held while an environment's folder is made, bounded or removed.
    folders: Arc<Mutex<()>>,
    losses: Mutex<Losses>,
}

impl Kept {
    /// Logs are kept in `folder`, which is made when the first one is.
    #[must_use]
    pub fn new(folder: PathBuf, bounds: Bounds) -> Self {
        let (turns, folders) = (Semaphore::new(AT_ONCE), Arc::default());
        Self { folder, bounds, turns, folders, losses: Mutex::default() }
    }

    fn folder_of(&self, service: &ServiceName, version: VersionNumber) -> PathBuf {
        self.folder.join(service.as_str()).join(format!("v{}", version.0))
    }

    /// Whether a container's log is kept to its end.
    #[must_use]
    pub fn has(&self, container: &Container) -> bool {
        let kept = self.find(&container.service, container.version, &container.id);
        // What broke off may have been followed only until somebody gave up waiting.
        kept.is_some_and(|log| log.cut().is_none())
    }

    /// Keeps a log, in the place of what was kept of the same container before. What cannot be read is said in
    /// it.
    ///
    /// # Errors
    /// When it cannot be written; nothing is left then but what was kept before.
    pub async fn take(
        &self,
        container: &Container,
        mut log: BoxStream<'static, launcher_scheduler::Result<LogLine>>,
    ) -> Result<()> {
        let mut segments = Segments::new(self.bounds.container, container.created);
        let deadline = Instant::now() + LONGEST;
        let cut = loop {
            match timeout_at(deadline.min(Instant::now() + SILENCE), log.next()).await {
                Ok(Some(Ok(line))) => segments.push(&line).await?,
                Ok(Some(Err(error))) => break Some(error.to_string()),
                Ok(None) => break None,
                Err(_elapsed) => break Some("the engine took too long to send it".to_owned()),
            }
        };
        self.put(container, segments, cut).await
    }

    /// Keeps what is followed until its end, for as long as it takes. What is not used in the end is left out.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn follow(
        &self,
        container: &Container,
        mut log: BoxStream<'static, launcher_scheduler::Result<LogLine>>,
        enough: impl Future<Output = ()>,
    ) -> Result<()> {
        let mut segments = Segments::new(self.bounds.container, container.created);
        tokio::pin!(enough);
        let cut = loop {
            tokio::select! {
                biased;
                line = log.next() => match line {
                    Some(Ok(line)) => segments.push(&line).await?,
                    Some(Err(error)) => break Some(error.to_string()),
                    None => break None,
                },
                () = &mut enough => break Some("its end was not told in time".to_owned()),
            }
        };
        self.put(container, segments, cut).await
    }

    async fn put(
        &self,
        container: &Container,
        segments: Segments,
        cut: Option<String>,
    ) -> Result<()> {
        let (segments, left_out) = segments.finish().await?;
        let index = Index {
            container: Meta::from(container),
            segments: segments.iter().map(|(segment, _)| *segment).collect(),
            left_out,
            cut,
            end: End::of(container),
        };
        let folder = self.folder_of(&container.service, container.version);
        let (bound, folders) = (self.bounds.environment, Arc::clone(&self.folders));
        let work = tokio::task::spawn_blocking(move || {
            let _held = folders.lock().unwrap_or_else(PoisonError::into_inner);
            let path = folder.join(file_name(&index.container.id));
            let packed = segments.iter().map(|(_, packed)| packed.as_slice());
            make(&folder)?;
            write(&path, packed, &index).map_err(Error::file("keeping the log", &path))?;
            launcher_fault::point("logs.kept");
            keep_within(&folder, bound, &path)
        });
        work.await.map_err(|_| Error::Stopping)?
    }

    /// The logs that are kept of an environment.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn list(&self, service: &ServiceName, version: VersionNumber) -> Result<Found> {
        let folder = self.folder_of(service, version);
        let listed = tokio::task::spawn_blocking(move || {
            let mut found = Found::default();
            for file in files(&folder)? {
                match KeptLog::open(file.path.clone()) {
                    Ok(log) => found.logs.push(log),
                    // Another one has removed it since.
                    Err(error) if error.is_missing() => {}
                    Err(error) => {
                        tracing::warn!(%error, "a kept log cannot be read");
                        let id = id_of(&file.path);
                        found.damaged.push(Damaged { id, why: error.to_string() });
                    }
                }
            }
            let order = |log: &KeptLog| (log.container().created, log.container().id.clone());
            found.logs.sort_by_key(order);
            Ok(found)
        });
        listed.await.map_err(|_| Error::Stopping)?
    }

    /// The log that is kept of one container.
    #[must_use]
    pub fn find(&self, service: &ServiceName, version: VersionNumber, id: &str) -> Option<KeptLog> {
        KeptLog::open(self.folder_of(service, version).join(file_name(id))).ok()
    }

    /// Until when whole logs of an environment were removed, because there were too many.
    #[must_use]
    pub fn left_out(&self, service: &ServiceName, version: VersionNumber) -> Option<Timestamp> {
        left_out(&self.folder_of(service, version))
    }

    /// The logs of an environment that could not be kept, since the program was started.
    #[must_use]
    pub fn lost(&self, service: &ServiceName, version: VersionNumber) -> Vec<Lost> {
        let losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        losses.get(&(service.clone(), version)).cloned().unwrap_or_default()
    }

    fn lose(&self, container: &Container, why: String) {
        let environment = (container.service.clone(), container.version);
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = losses.entry(environment).or_default();
        lost.retain(|lost| lost.container.id != container.id);
        lost.push(Lost { container: Meta::from(container), why });
        if lost.len() > MOST_LOSSES {
            lost.remove(0);
        }
    }

    /// Removes everything that is kept of an environment. May be repeated.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn forget(&self, service: &ServiceName, version: VersionNumber) -> Result<()> {
        let environment = (service.clone(), version);
        self.losses.lock().unwrap_or_else(PoisonError::into_inner).remove(&environment);
        let folder = self.folder_of(service, version);
        let folders = Arc::clone(&self.folders);
        let work = tokio::task::spawn_blocking(move || {
            let _held = folders.lock().unwrap_or_else(PoisonError::into_inner);
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::file("removing kept logs", &folder)(error));
                }
                _ => {}
            }
            launcher_fault::point("logs.forgotten");
            // The service's, when that was its last environment's.
            if let Some(service) = folder.parent() {
                let _ = fs::remove_dir(service);
            }
            Ok(())
        });
        work.await.map_err(|_| Error::Stopping)?
    }
}

#[async_trait]
impl LogKeeper for Kept {
    async fn keep(
        &self,
        container: &Container,
        log: BoxStream<'static, launcher_scheduler::Result<LogLine>>,
    ) {
        // It is never closed.
        let Ok(_turn) = self.turns.acquire().await else { return };
        if let Err(error) = self.take(container, log).await {
            self.gone(container, &error);
        }
    }
}

impl Kept {
    /// Tells that a log could not be kept. Nothing waits for it to become possible.
    pub fn gone(&self, container: &Container, error: &Error) {
        let Container { service, version, id, .. } = container;
        tracing::error!(%service, %version, container = %id, %error, "the log of a container is lost");
        self.lose(container, error.to_string());
    }
}

/// A file's name is the container's id, where that is fit for one.
fn file_name(id: &str) -> String {
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !id.is_empty() && id.len() <= 200 && id.chars().all(fit) && !id.starts_with('.') {
        return format!("{id}.log");
    }
    let hex: String = id.bytes().take(100).map(|byte| format!("{byte:02x}")).collect();
    format!("x{hex}.log")
}

/// The id of the container whose log a file is called by.
fn id_of(path: &Path) -> Option<String> {
    let id = path.file_stem()?.to_str()?;
    (file_name(id) == path.file_name()?.to_str()?).then(|| id.to_owned())
}

fn make(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(Error::file("making the folder", folder))
}

struct Entry {
    path: PathBuf,
    size: u64,
    modified: SystemTime,
}

/// The logs in a folder, the one that was kept first first. Who reads it may overtake who removes some.
fn files(folder: &Path) -> Result<Vec<Entry>> {
    let about = || Error::file("looking for kept logs in", folder);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(about()(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(about())?.path();
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        if let Ok(told) = fs::metadata(&path) {
            let modified = told.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            files.push(Entry { path, size: told.len(), modified });
        }
    }
    files.sort_by(|a, b| a.modified.cmp(&b.modified).then_with(|| a.path.cmp(&b.path)));
    Ok(files)
}

/// Removes what a server has half written that was killed: nobody else may come for it again. Nothing is
/// being written while this is called.
fn remove_halves(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::file("looking for kept logs in", folder))? {
        let path = entry.map_err(Error::file("looking for kept logs in", folder))?.path();
        if path.extension().is_some_and(|extension| extension == HALF) {
            fs::remove_file(&path).map_err(Error::file("removing", &path))?;
        }
    }
    Ok(())
}

/// Removes what was kept first until the rest is within its bounds; `newest` stays.
fn keep_within(folder: &Path, bound: u64, newest: &Path) -> Result<()> {
    remove_halves(folder)?;
    let files = files(folder)?;
    let (mut size, mut count) = (files.iter().map(|file| file.size).sum::<u64>(), files.len());
    for file in files.iter().filter(|file| file.path != newest) {
        if size <= bound && count <= MOST_FILES {
            break;
        }
        let until = KeptLog::open(file.path.clone()).ok().and_then(|log| log.last());
        if let Some(until) = until.max(left_out(folder)) {
            let path = folder.join(LEFT_OUT);
            let told = fs::write(&path, until.to_string());
            told.map_err(Error::file("noting what was left out in", &path))?;
        }
        launcher_fault::point("logs.left_out");
        let removed = fs::remove_file(&file.path);
        removed.map_err(Error::file("removing the kept log", &file.path))?;
        size -= file.size;
        count -= 1;
    }
    Ok(())
}

fn left_out(folder: &Path) -> Option<Timestamp> {
    fs::read_to_string(folder.join(LEFT_OUT)).ok()?.trim().parse().ok()
}
