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
        let mut at = 0;
        while at < entries.bytes.len() {
            let entry = entries.entry(at)?;
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

    fn entry(&self, at: usize) -> Result<Entry, FrameError> {
        let bytes = &self.bytes[at..];
        match self.shape {
            Shape::Single => self.single(bytes),
            Shape::Stream => self.element(bytes),
        }
    }

    fn single(&self, bytes: &[u8]) -> Result<Entry, FrameError> {
        let content = self.content(bytes, 0)?;
        Ok(Entry { length: bytes.len(), content })
    }

    fn element(&self, bytes: &[u8]) -> Result<Entry, FrameError> {
        let mut scanner = Scanner::new(bytes.len(), self.limits.depth + 2, usize::MAX);
        let length = match scanner.advance(bytes) {
            Ok(Some(length)) => length,
            // It ends before its end: what it says cannot be in these bytes.
            Ok(None) | Err(FrameError::TooLong(_)) => return Err(FrameError::NotMessagePack),
            Err(error) => return Err(error),
        };
        let header = match Marker::from_u8(bytes[0]) {
            Marker::FixArray(2) => 1,
            Marker::Array16 if bytes[..3] == [0xdc, 0, 2] => 3,
            _ => return Ok(Entry { length, content: None }),
        };
        if scanner.values() > self.limits.values {
            return Ok(Entry { length, content: None });
        }
        Ok(Entry { length, content: self.content(&bytes[..length], header)? })
    }

    /// A time and a record.
    fn content(&self, entry: &[u8], at: usize) -> Result<Option<(EventTime, usize)>, FrameError> {
        let mut scanner = Scanner::new(entry.len(), self.limits.depth, usize::MAX);
        let length = scanner.advance(&entry[at..])?.ok_or(FrameError::NotMessagePack)?;
        let record = at + length;
        let time = time::read(&entry[at..record], self.arrival);
        let is_map = entry.get(record).is_some_and(|kind| {
            matches!(Marker::from_u8(*kind), Marker::FixMap(_) | Marker::Map16 | Marker::Map32)
        });
        let fits = self.shape == Shape::Stream || {
            let mut scanner = Scanner::new(entry.len(), self.limits.depth, usize::MAX);
            let length = scanner.advance(&entry[record..])?;
            length.is_some() && scanner.values() <= self.limits.values
        };
        Ok(time.filter(|_| is_map && fits).map(|time| (time, record)))
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
        while self.at < self.entries.bytes.len() {
            // All of them have been gone through before.
            let entry = self.entries.entry(self.at).ok()?;
            let start = self.at;
            self.at += entry.length;
            let Some((time, record)) = entry.content else { continue };
            let mut bytes = &self.entries.bytes[start + record..start + entry.length];
            // The library counts three levels for each of ours.
            let depth = self.entries.limits.depth * 3 + 8;
            let value = rmpv::decode::read_value_with_max_depth(&mut bytes, depth);
            if let Ok(Value::Map(fields)) = value {
                return Some(Record { tag: self.entries.tag.clone(), time, fields });
            }
        }
        None
    }
}
