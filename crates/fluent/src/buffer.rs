//! Chunks on disk, in the order in which they are to be sent, until they have been taken.
//!
//! A directory has segments, files to whose end chunks are added, and a file that says up to where they
//! have been taken. A chunk is written with one call, and nothing waits until it is on the disk itself:
//! it outlives the process from then on, and a loss of power once the system has written it out. Each
//! carries a checksum. What a process that was killed has written in part is cut off at the next start.
//!
//! When there is no room for a chunk, the oldest segment is dropped, and what was in it is counted.

mod chunk;
mod cursor;
mod segment;

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, flock};

pub(crate) use chunk::Chunk;
use cursor::Cursor;
pub(crate) use cursor::Position;
use segment::{HEAD, Segment};

use crate::{Error, Result};

/// The longest segment, in bytes.
const LONGEST_SEGMENT: u64 = 8 << 20;
/// A buffer has this many segments when it is full: the least part of it that is dropped.
const PARTS: u64 = 8;

/// The buffer of one forwarder.
#[derive(Debug)]
pub(crate) struct Buffer {
    directory: PathBuf,
    /// How much it may hold, in bytes.
    limit: u64,
    state: Mutex<State>,
    /// It is locked while this is open.
    lock: File,
}

#[derive(Debug)]
struct State {
    /// The oldest first; to the last one chunks are added while `active` is there.
    segments: VecDeque<Segment>,
    active: Option<File>,
    next_number: u64,
    cursor: Cursor,
    /// Another may have the directory.
    closed: bool,
}

/// What waits in a buffer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) records: u64,
    /// The room that it takes, with what has been taken of the oldest segment.
    pub(crate) bytes: u64,
}

/// What had to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Records that were dropped to make room.
    pub(crate) records: u64,
}

impl Buffer {
    /// Opens a directory, which is made when it is not there. The second is how many bytes were of no
    /// use: of a chunk that was being written when a process was killed, for example.
    pub(crate) fn open(directory: &Path, limit: u64) -> Result<(Self, u64)> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| Error::Buffer { path, cause }
        };
        // What people ask for is nobody else's business.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(failed(directory))?;
        let lock = lock(directory)?;
        let cursor = Cursor::open(directory).map_err(failed(directory))?;
        let mut segments = VecDeque::new();
        let mut cut = 0;
        for (number, path) in segment::list(directory).map_err(failed(directory))? {
            if number < cursor.position.segment {
                fs::remove_file(&path).map_err(failed(&path))?;
                continue;
            }
            let taken = if number == cursor.position.segment { cursor.position.offset } else { 0 };
            let (segment, damaged) = Segment::open(number, &path, taken).map_err(failed(&path))?;
            cut += damaged;
            segments.push_back(segment);
        }
        // A number is never used twice: what the cursor says of it must stay true.
        let last = segments.back().map_or(0, |segment| segment.number);
        let next_number = last.max(cursor.position.segment) + 1;
        let state = State { segments, active: None, next_number, cursor, closed: false };
        let buffer = Self { directory: directory.to_owned(), limit, state: state.into(), lock };
        buffer.state().remove_taken(directory);
        Ok((buffer, cut))
    }

    /// Adds a chunk, and drops what is oldest where there is no room.
    pub(crate) fn append(&self, chunk: &Chunk) -> io::Result<Lost> {
        let bytes = chunk.encode();
        let mut state = self.state();
        if state.closed {
            return Err(io::Error::other("it was closed"));
        }
        let lost = self.make_room(&mut state, bytes.len() as u64);
        let longest = (self.limit / PARTS).clamp(HEAD, LONGEST_SEGMENT);
        let full = state
            .segments
            .back()
            .is_none_or(|last| last.length > HEAD && last.length + bytes.len() as u64 > longest);
        if full || state.active.is_none() {
            self.begin_segment(&mut state)?;
        }
        state.write(&bytes, chunk.records).map(|()| lost)
    }

    /// The first chunk behind a position, and the position behind it; none when there is none yet. What
    /// has been dropped is passed over.
    pub(crate) fn next(&self, from: Position) -> io::Result<Option<(Chunk, Position)>> {
        loop {
            let Some(at) = self.state().chunk_behind(from) else { return Ok(None) };
            let path = segment::path(&self.directory, at.segment);
            match read_chunk(&path, at.offset) {
                Ok((chunk, end)) => {
                    return Ok(Some((chunk, Position { segment: at.segment, offset: end })));
                }
                // It was dropped a moment ago.
                Err(error) if error.kind() == ErrorKind::NotFound && !self.has(at.segment) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Everything before a position has been taken: these many records that had not been.
    pub(crate) fn acknowledge(&self, position: Position, records: u64) {
        let mut state = self.state();
        if state.closed || position <= state.cursor.position {
            return;
        }
        state.cursor.set(position);
        if let Some(segment) = state.segment_mut(position.segment) {
            segment.records = segment.records.saturating_sub(records);
        }
        state.remove_taken(&self.directory);
    }

    /// Drops the segment of a chunk that cannot be read.
    pub(crate) fn give_up(&self, position: Position) -> Lost {
        let mut state = self.state();
        let Some(at) = state.chunk_behind(position) else { return Lost::default() };
        let Some(index) = state.segments.iter().position(|one| one.number == at.segment) else {
            return Lost::default();
        };
        if index + 1 == state.segments.len() {
            state.active = None;
        }
        state.remove(index, &self.directory)
    }

    /// Behind what has been taken.
    pub(crate) fn taken(&self) -> Position {
        self.state().cursor.position
    }

    /// Whether everything has been taken that was added.
    pub(crate) fn is_drained(&self) -> bool {
        let state = self.state();
        state.chunk_behind(state.cursor.position).is_none()
    }

    /// What waits.
    pub(crate) fn waiting(&self) -> Waiting {
        let state = self.state();
        let records = state.segments.iter().map(|segment| segment.records).sum();
        Waiting { records, bytes: state.bytes() }
    }

    /// Lets go of the directory. One of which everything was taken keeps nothing but its cursor.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.closed, true) {
            state.active = None;
            state.remove_taken(&self.directory);
            let _ = flock(&self.lock, FlockOperation::Unlock);
        }
    }

    fn make_room(&self, state: &mut State, bytes: u64) -> Lost {
        let mut lost = Lost::default();
        while !state.segments.is_empty() && state.bytes() + bytes > self.limit {
            if state.segments.len() == 1 {
                state.active = None;
            }
            lost.records += state.remove(0, &self.directory).records;
        }
        lost
    }

    fn begin_segment(&self, state: &mut State) -> io::Result<()> {
        let number = state.next_number;
        let path = segment::path(&self.directory, number);
        let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        state.next_number += 1;
        state.active = None;
        if let Err(error) = file.write_all(segment::MAGIC) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        state.segments.push_back(Segment { number, length: HEAD, records: 0 });
        state.active = Some(file);
        // What was taken whole stood there only because it was the last.
        state.remove_taken(&self.directory);
        Ok(())
    }

    fn has(&self, number: u64) -> bool {
        self.state().segment_mut(number).is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.close();
    }
}

impl State {
    fn write(&mut self, bytes: &[u8], records: u32) -> io::Result<()> {
        let (Some(file), Some(last)) = (&mut self.active, self.segments.back_mut()) else {
            return Err(io::Error::other("no segment is open"));
        };
        if let Err(error) = file.write_all(bytes) {
            // Half of a chunk must not stand before others.
            if file.set_len(last.length).is_err() {
                self.active = None;
            }
            return Err(error);
        }
        last.length += bytes.len() as u64;
        last.records += u64::from(records);
        Ok(())
    }

    fn chunk_behind(&self, from: Position) -> Option<Position> {
        let segments = self.segments.iter().filter(|segment| segment.number >= from.segment);
        for segment in segments {
            let here = segment.number == from.segment;
            let offset = if here { from.offset.max(HEAD) } else { HEAD };
            if offset < segment.length {
                return Some(Position { segment: segment.number, offset });
            }
        }
        None
    }

    /// Removes the segments that have been taken whole, but not that to which chunks are added.
    fn remove_taken(&mut self, directory: &Path) {
        let position = self.cursor.position;
        let is_taken = |segment: &Segment| {
            segment.number < position.segment
                || (segment.number == position.segment && position.offset >= segment.length)
                || segment.length <= HEAD
        };
        let kept = usize::from(self.active.is_some());
        while self.segments.len() > kept && self.segments.front().is_some_and(is_taken) {
            self.remove(0, directory);
        }
    }

    fn remove(&mut self, index: usize, directory: &Path) -> Lost {
        let Some(segment) = self.segments.remove(index) else { return Lost::default() };
        let path = segment::path(directory, segment.number);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove a segment of a buffer");
        }
        Lost { records: segment.records }
    }

    fn segment_mut(&mut self, number: u64) -> Option<&mut Segment> {
        self.segments.iter_mut().find(|segment| segment.number == number)
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }
}

fn read_chunk(path: &Path, offset: u64) -> io::Result<(Chunk, u64)> {
    let file = File::open(path)?;
    let mut head = [0; chunk::HEAD];
    file.read_exact_at(&mut head, offset)?;
    let head = chunk::Head::read(head)?;
    let mut body = vec![0; head.length];
    file.read_exact_at(&mut body, offset + chunk::HEAD as u64)?;
    let chunk = head.decode(&body)?;
    Ok((chunk, offset + (chunk::HEAD + head.length) as u64))
}

fn lock(directory: &Path) -> Result<File> {
    let path = directory.join("lock");
    let failed = |cause| Error::Buffer { path: path.clone(), cause };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(Error::BufferTaken { path: directory.to_owned() })
        }
        Err(error) => Err(failed(error.into())),
    }
}

#[cfg(test)]
mod tests;
