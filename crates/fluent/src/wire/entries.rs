//! The entries of a message, of which records are made one at a time.

use std::sync::Arc;

use bytes::Bytes;
use rmp::Marker;
use rmpv::Value;

use super::{FrameError, Limits, Scanner, time};
use crate::{EventTime, Record};

/// How entries follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One, as a time and a record without anything around them: mode *Message*.
    Single,
    /// Any number, each an array of a time and a record: the other modes.
    Stream,
}

/// Entries of one tag. They take the memory of their bytes; records are made while one goes through them.
#[derive(Debug, Clone)]
pub struct Entries {
    tag: Arc<str>,
    bytes: Bytes,
    shape: Shape,
    limits: Limits,
    arrival: EventTime,
    records: usize,
    skipped: usize,
}

/// An entry within its stream.
struct Entry {
    length: usize,
    /// Its time, and where its record begins; none when it is not as the specification says.
    content: Option<(EventTime, usize)>,
}

impl Entries {
    pub(super) fn new(
        tag: Arc<str>,
        bytes: Bytes,
        shape: Shape,
        limits: &Limits,
        arrival: EventTime,
    ) -> Result<Self, FrameError> {
        let mut entries =
            Self { tag, bytes, shape, limits: *limits, arrival, records: 0, skipped: 0 };
        let mut scanner = entries.scanner();
        let mut at = 0;
        while at < entries.bytes.len() {
            let entry = entries.entry(at, &mut scanner)?;
            at += entry.length;
            match entry.content {
                Some(_) => entries.records += 1,
                None => entries.skipped += 1,
            }
        }
        Ok(entries)
    }

    /// Their tag.
    #[must_use]
    pub fn tag(&self) -> &Arc<str> {
        &self.tag
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// How many entries were none, and are left out: without a time, or without a map as a record, or with
    /// a record of more than [`Limits::values`].
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// How many bytes they are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The records, in their order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { entries: self, at: 0 }
    }

    /// For the values of [`Self::entry`].
    fn scanner(&self) -> Scanner {
        // An entry has its record within it.
        Scanner::new(self.bytes.len(), self.limits.depth + 1, usize::MAX)
    }

    fn entry(&self, at: usize, scanner: &mut Scanner) -> Result<Entry, FrameError> {
        let bytes = &self.bytes[at..];
        match self.shape {
            Shape::Single => {
                let record = time::length(bytes).ok_or(FrameError::NotMessagePack)?;
                scan(scanner, &bytes[record..])?;
                Ok(Entry { length: bytes.len(), content: self.content(bytes, 0, scanner) })
            }
            Shape::Stream => {
                let length = scan(scanner, bytes)?;
                let bytes = &bytes[..length];
                let content = header(bytes).and_then(|at| self.content(bytes, at, scanner));
                Ok(Entry { length, content })
            }
        }
    }

    /// The time at `at`, and where the record behind it begins.
    fn content(&self, entry: &[u8], at: usize, scanner: &Scanner) -> Option<(EventTime, usize)> {
        let bytes = &entry[at..];
        let record = time::length(bytes)?;
        let time = time::read(&bytes[..record], self.arrival)?;
        let kind = Marker::from_u8(*bytes.get(record)?);
        let is_map = matches!(kind, Marker::FixMap(_) | Marker::Map16 | Marker::Map32);
        let fits = scanner.values() <= self.limits.values;
        (is_map && fits).then_some((time, at + record))
    }
}

/// How long the value at the beginning of these bytes is.
fn scan(scanner: &mut Scanner, bytes: &[u8]) -> Result<usize, FrameError> {
    scanner.reset();
    match scanner.advance(bytes) {
        Ok(Some(length)) => Ok(length),
        // It ends before its end: what it says cannot be in these bytes.
        Ok(None) | Err(FrameError::TooLong(_)) => Err(FrameError::NotMessagePack),
        Err(error) => Err(error),
    }
}

/// How long the beginning of an array of two is.
fn header(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0x92, ..] => Some(1),
        [0xdc, 0, 2, ..] => Some(3),
        [0xdd, 0, 0, 0, 2, ..] => Some(5),
        _ => None,
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = Record;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The records of [`Entries`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    entries: &'a Entries,
    at: usize,
}

impl Iterator for Iter<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.entries.skipped > 0 {
            self.pass_over()?;
        }
        let start = self.at;
        let bytes = self.entries.bytes.get(start..).filter(|bytes| !bytes.is_empty())?;
        // All of them have been gone through before: what is no record was found then.
        let at = if self.entries.shape == Shape::Single { 0 } else { header(bytes)? };
        let length = time::length(&bytes[at..])?;
        let time = time::read(&bytes[at..at + length], self.entries.arrival)?;
        let mut rest = &bytes[at + length..];
        // The library counts three levels for each of ours.
        let depth = self.entries.limits.depth * 3 + 8;
        let value = rmpv::decode::read_value_with_max_depth(&mut rest, depth);
        self.at = self.entries.bytes.len() - rest.len();
        let Ok(Value::Map(fields)) = value else { return None };
        Some(Record { tag: self.entries.tag.clone(), time, fields })
    }
}

impl Iter<'_> {
    /// Goes on to the next entry that is one; none where there is none.
    fn pass_over(&mut self) -> Option<()> {
        let mut scanner = self.entries.scanner();
        while self.at < self.entries.bytes.len() {
            let entry = self.entries.entry(self.at, &mut scanner).ok()?;
            if entry.content.is_some() {
                return Some(());
            }
            self.at += entry.length;
        }
        None
    }
}
