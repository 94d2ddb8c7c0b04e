//! The file of one container's log: its segments, and what they are at its end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use launcher_model::container::{Container, ContainerPhase};
use launcher_scheduler::LogLine;
use serde::{Deserialize, Serialize};

use crate::merge::Lines;
use crate::segments::{Segment, unpack};
use crate::{Error, Result};

/// The last bytes of a file; the length of the index, 8 bytes with the least first, stands before them.
const MAGIC: &[u8; 8] = b"rlnchlg1";
const TRAILER: u64 = 16;
/// What the name of a file ends with that is being written.
pub(crate) const HALF: &str = "part";
/// No index that this program writes is longer.
const LONGEST_INDEX: u64 = 4 << 20;

/// Whose log it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The engine's id of the container.
    pub id: String,
    /// The engine's name for it.
    pub name: String,
    /// The host that it ran on; empty where that is not known.
    pub host: String,
    /// Which of the environment's places it filled.
    pub slot: u16,
    /// When it was made.
    pub created: Timestamp,
}

impl From<&Container> for Meta {
    fn from(container: &Container) -> Self {
        let Container { id, name, host, slot, created, .. } = container;
        let (id, name, host) = (id.clone(), name.clone(), host.clone());
        Self { id, name, host, slot: *slot, created: *created }
    }
}

/// How a container ended, as far as that was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Its exit status.
    pub code: Option<i64>,
    /// The kernel ended it for want of memory.
    pub out_of_memory: bool,
    /// When.
    pub at: Option<Timestamp>,
}

impl End {
    /// That of a container which has ended; none of one that has not, as it was observed.
    #[must_use]
    pub fn of(container: &Container) -> Option<Self> {
        let ContainerPhase::Exited { code, out_of_memory, finished, .. } = container.phase else {
            return None;
        };
        Some(Self { code: Some(code), out_of_memory, at: Some(finished) })
    }
}

/// What stands at the end of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) container: Meta,
    pub(crate) segments: Vec<Segment>,
    /// So many lines at the beginning were too many.
    pub(crate) left_out: u64,
    /// Why the end is missing, if it is.
    pub(crate) cut: Option<String>,
    /// How its container ended, where that was seen. Files of earlier versions do not tell.
    #[serde(default)]
    pub(crate) end: Option<End>,
}

/// A log that is kept.
#[derive(Debug, Clone)]
pub struct KeptLog {
    path: PathBuf,
    index: Index,
}

/// Writes a file whole or not at all, for nobody but this user.
pub(crate) fn write<'a>(
    path: &Path,
    packed: impl Iterator<Item = &'a [u8]>,
    index: &Index,
) -> io::Result<()> {
    let part = path.with_extension(HALF);
    let written = (|| {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&part)?;
        for segment in packed {
            file.write_all(segment)?;
        }
        let index = serde_json::to_vec(index)?;
        file.write_all(&index)?;
        file.write_all(&(index.len() as u64).to_le_bytes())?;
        file.write_all(MAGIC)?;
        file.sync_all()?;
        launcher_fault::point("logs.written");
        fs::rename(&part, path)
    })();
    if written.is_err() {
        // What is half there takes room that is missing already.
        let _ = fs::remove_file(&part);
    }
    written
}

impl KeptLog {
    /// Reads what a file is about, and none of its lines.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let foreign = || Error::Foreign(path.clone());
        let read = |path: &Path| -> io::Result<Option<Index>> {
            let mut file = File::open(path)?;
            let size = file.metadata()?.len();
            let Some(end) = size.checked_sub(TRAILER) else { return Ok(None) };
            file.seek(SeekFrom::Start(end))?;
            let (mut length, mut magic) = ([0; 8], [0; 8]);
            file.read_exact(&mut length)?;
            file.read_exact(&mut magic)?;
            let length = u64::from_le_bytes(length);
            let Some(begin) = end.checked_sub(length) else { return Ok(None) };
            if magic != *MAGIC || length > LONGEST_INDEX {
                return Ok(None);
            }
            file.seek(SeekFrom::Start(begin))?;
            let mut index = Vec::new();
            file.take(length).read_to_end(&mut index)?;
            let index = serde_json::from_slice::<Index>(&index).ok();
            let whole =
                |index: &Index| index.segments.iter().map(|one| one.bytes).sum::<u64>() == begin;
            Ok(index.filter(whole))
        };
        let index = read(&path).map_err(Error::file("reading the kept log", &path))?;
        let index = index.ok_or_else(foreign)?;
        Ok(Self { path, index })
    }

    /// Whose it is.
    #[must_use]
    pub fn container(&self) -> &Meta {
        &self.index.container
    }

    /// How many lines at its beginning were left out, because it would have been too long.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.index.left_out
    }

    /// Why its end is missing, if it is.
    #[must_use]
    pub fn cut(&self) -> Option<&str> {
        self.index.cut.as_deref()
    }

    /// How its container ended: it has, as its log is kept. When is told by its last line, where it was not
    /// seen.
    #[must_use]
    pub fn end(&self) -> End {
        let end = self.index.end.unwrap_or_default();
        End { at: end.at.or_else(|| self.last()), ..end }
    }

    /// When the last of its lines was printed; none where there is none.
    #[must_use]
    pub fn last(&self) -> Option<Timestamp> {
        self.index.segments.iter().map(|segment| segment.last).max()
    }

    /// Its lines, oldest first, and when the first of them was printed: nothing is read before they are asked
    /// for. What was printed before `since` may be among them, and more than the last `tail` lines. In the place
    /// of those that cannot be read it says so, and goes on with the next that can.
    #[must_use]
    pub fn lines(&self, since: Option<Timestamp>, tail: Option<u64>) -> (Lines, Option<Timestamp>) {
        let mut offset = 0;
        let mut parts = Vec::new();
        for segment in &self.index.segments {
            if since.is_none_or(|since| segment.last >= since) {
                parts.push((offset, *segment));
            }
            offset += segment.bytes;
        }
        if let Some(tail) = tail {
            let mut lines = 0;
            let wanted = parts.iter().rev().take_while(|(_, segment)| {
                let wanted = lines < tail;
                lines += segment.lines;
                wanted
            });
            let wanted = wanted.count();
            parts.drain(..parts.len() - wanted);
        }
        let first = parts.iter().map(|(_, segment)| segment.first).min();
        let path = self.path.clone();
        let read = stream::iter(parts).then(move |(offset, segment)| {
            let path = path.clone();
            async move {
                let read = tokio::task::spawn_blocking(move || part(&path, offset, segment.bytes));
                let lines = read.await.map_err(|_| Error::Stopping).and_then(|lines| lines);
                let lines = match lines {
                    Ok(lines) => lines.into_iter().map(Ok).collect::<Vec<_>>(),
                    Err(error) => vec![Err(missing(&segment, &error))],
                };
                stream::iter(lines)
            }
        });
        (read.flatten().boxed(), first)
    }
}

/// What is told in the place of a segment.
fn missing(Segment { lines, first, last, .. }: &Segment, error: &Error) -> String {
    format!(
        "{lines} of them, printed from {first} to {last}: {error}; put the file back from a backup"
    )
}

fn part(path: &Path, offset: u64, bytes: u64) -> Result<Vec<LogLine>> {
    let read = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut packed = Vec::new();
        file.take(bytes).read_to_end(&mut packed)?;
        unpack(&packed)
    };
    read().map_err(Error::file("reading the kept log", path))
}
