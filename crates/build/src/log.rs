//! Logs of builds: files with one entry in each line, which can be read while they are written.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use launcher_model::BuildId;
use launcher_model::build::LogEntry;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use tokio::sync::{mpsc, watch};

use crate::{Error, Result};

/// The entries of a log, oldest first.
pub type Entries = BoxStream<'static, LogEntry>;

/// The same, each with the place in the log behind it.
pub type Placed = BoxStream<'static, (LogEntry, u64)>;

/// What there is of a log now.
#[derive(Debug)]
pub struct SoFar {
    /// The newest entries, oldest first.
    pub entries: Vec<LogEntry>,
    /// There are older ones.
    pub is_cut: bool,
    /// The place behind the last: what comes is read from there on.
    pub end: u64,
}

/// So much of the end of a log is read for those who want its newest entries, in bytes.
const TAIL: u64 = 256 << 10;

/// So much of a log is kept, in bytes. Steps are written down whatever else is not.
const LONGEST: u64 = 16 << 20;
/// So many entries wait to be written.
const WAITING: usize = 1024;

/// All logs.
#[derive(Debug)]
pub(crate) struct Logs {
    root: PathBuf,
    /// The builds that are not over, and how long the log of each is. Whoever reads one sees its channel
    /// close when it is.
    live: Mutex<HashMap<BuildId, Arc<watch::Sender<u64>>>>,
}

impl Logs {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, live: Mutex::default() }
    }

    /// Where they are.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, id: BuildId) -> PathBuf {
        self.root.join(id.to_string()).join("log")
    }

    /// A folder of a build's own.
    pub(crate) fn folder(&self, id: BuildId) -> PathBuf {
        self.root.join(id.to_string())
    }

    /// A build waits, or goes on: whoever reads its log from now on waits for what comes.
    pub(crate) fn expect(&self, id: BuildId) {
        self.told(id);
    }

    /// Who is told how long the log of a build that is not over is.
    fn told(&self, id: BuildId) -> Arc<watch::Sender<u64>> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(live.entry(id).or_insert_with(|| Arc::new(watch::Sender::new(0))))
    }

    /// A build is over: whoever reads its log comes to its end.
    pub(crate) fn over(&self, id: BuildId) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Writes to a build's log, behind what is there.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) async fn write(&self, id: BuildId) -> Result<Writer> {
        let told = self.told(id);
        let path = self.path(id);
        let folder = self.folder(id);
        tokio::fs::create_dir_all(&folder)
            .await
            .map_err(Error::file("cannot make the folder", &folder))?;
        let file = File::options().create(true).append(true).read(true).open(&path).await;
        let mut file = file.map_err(Error::file("cannot open", &path))?;
        let length = end_line(&mut file).await.map_err(Error::file("cannot write", &path))?;
        let (entries, waiting) = mpsc::channel(WAITING);
        let task = tokio::spawn(write_all(file, length, waiting, told));
        Ok(Writer { entries, task })
    }

    /// A build's log so far, and what comes until the build is over.
    pub(crate) fn read(&self, id: BuildId) -> Entries {
        self.read_from(id, 0).map(|(entry, _)| entry).boxed()
    }

    /// At most so many of the newest entries of a build's log.
    pub(crate) async fn so_far(&self, id: BuildId, most: usize) -> SoFar {
        let path = self.path(id);
        let length = tokio::fs::metadata(&path).await.map_or(0, |about| about.len());
        let offset = length.saturating_sub(TAIL);
        // What is left of the line that is cut is no entry.
        let mut reader = Reader { path, offset, rest: Vec::new() };
        let (mut entries, mut end) = (Vec::new(), offset);
        loop {
            let more = reader.next().await;
            let Some((_, behind)) = more.last() else { break };
            end = *behind;
            entries.extend(more.into_iter().map(|(entry, _)| entry));
        }
        let older = entries.len().saturating_sub(most);
        entries.drain(..older);
        SoFar { entries, is_cut: older > 0 || offset > 0, end }
    }

    /// A build's log from a place on, and what comes until the build is over.
    pub(crate) fn read_from(&self, id: BuildId, offset: u64) -> Placed {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let live = live.get(&id).map(|told| told.subscribe());
        let path = self.path(id);
        let stream = async_stream::stream! {
            let mut live = live;
            let mut reader = Reader { path, offset, rest: Vec::new() };
            loop {
                // Looked at before the file: what is written after that is told.
                let over = match &mut live {
                    Some(live) => {
                        live.mark_unchanged();
                        live.has_changed().is_err()
                    }
                    None => true,
                };
                loop {
                    let entries = reader.next().await;
                    if entries.is_empty() {
                        break;
                    }
                    for entry in entries {
                        yield entry;
                    }
                }
                if over {
                    break;
                }
                if let Some(live) = &mut live {
                    // Closed: once more, for what was written before that.
                    let _ = live.changed().await;
                }
            }
        };
        stream.boxed()
    }
}

/// A server that was killed may have left half a line.
async fn end_line(file: &mut File) -> std::io::Result<u64> {
    let length = file.seek(SeekFrom::End(0)).await?;
    if length == 0 {
        return Ok(0);
    }
    file.seek(SeekFrom::End(-1)).await?;
    if file.read_u8().await? == b'\n' {
        return Ok(length);
    }
    file.write_all(b"\n").await?;
    file.flush().await?;
    Ok(length + 1)
}

/// Where a build's steps put what they tell.
pub(crate) struct Writer {
    entries: mpsc::Sender<LogEntry>,
    task: tokio::task::JoinHandle<()>,
}

impl Writer {
    /// Takes an entry in. It waits when the disk is slower than the build.
    pub(crate) async fn put(&self, entry: LogEntry) {
        let _ = self.entries.send(entry).await;
    }

    /// Waits until all of it is written.
    pub(crate) async fn close(self) {
        drop(self.entries);
        let _ = self.task.await;
    }
}

async fn write_all(
    mut file: File,
    mut length: u64,
    mut waiting: mpsc::Receiver<LogEntry>,
    told: Arc<watch::Sender<u64>>,
) {
    let mut entries = Vec::new();
    while waiting.recv_many(&mut entries, WAITING).await > 0 {
        let mut text = Vec::new();
        for entry in entries.drain(..) {
            let is_line = matches!(entry, LogEntry::Line { .. });
            if is_line && length + text.len() as u64 > LONGEST {
                continue;
            }
            if serde_json::to_writer(&mut text, &entry).is_ok() {
                text.push(b'\n');
            }
        }
        let written = async {
            file.write_all(&text).await?;
            file.flush().await
        };
        if let Err(error) = written.await {
            // A full disk is no reason to fail a build.
            tracing::warn!(%error, "a part of a build's log could not be written");
        } else {
            length += text.len() as u64;
        }
        told.send_replace(length);
    }
}

struct Reader {
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
}

/// So much is read at once, in bytes.
const PIECE: usize = 256 << 10;

impl Reader {
    /// The entries that come next, each with the place behind it; none when there are no more yet.
    async fn next(&mut self) -> Vec<(LogEntry, u64)> {
        let Ok(piece) = self.read().await else { return Vec::new() };
        self.rest.extend_from_slice(&piece);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let mut place = self.offset - self.rest.len() as u64;
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        let lines = whole.split_inclusive(|byte| *byte == b'\n');
        // A line that a killed server left half is no entry.
        let entries = lines.filter_map(|line| {
            place += line.len() as u64;
            Some((serde_json::from_slice(line).ok()?, place))
        });
        entries.collect()
    }

    async fn read(&mut self) -> std::io::Result<Vec<u8>> {
        let mut file = File::open(&self.path).await?;
        file.seek(SeekFrom::Start(self.offset)).await?;
        let mut piece = Vec::with_capacity(PIECE);
        file.take(PIECE as u64).read_to_end(&mut piece).await?;
        self.offset += piece.len() as u64;
        Ok(piece)
    }
}
