//! What a frame is, sections *Event Modes* and *Option*.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rmp::Marker;
use rmpv::Value;

use super::entries::Shape;
use super::framer::OUTER;
use super::{Entries, FrameError, Limits, Scanner, inflate, time};
use crate::EventTime;

/// The longest `chunk` that is repeated, in bytes; the specification has 24.
const LONGEST_CHUNK: usize = 1024;
/// Of how many values options may consist.
const MOST_OPTIONS: usize = 1024;

/// What a client sends.
#[derive(Debug)]
pub enum Frame {
    /// Nothing; a sign of life. Section *Client*: "Client MAY send a msgpack `nil` value for heartbeat
    /// health check usage".
    Heartbeat,
    /// Events, in any of the four modes.
    Events(Events),
}

/// Events of one tag, as they came.
#[derive(Debug)]
pub struct Events {
    /// The tag.
    pub tag: Arc<str>,
    /// What the client wants back once they have been taken.
    pub chunk: Option<Value>,
    /// How many there are, as the client says.
    pub size: Option<u64>,
    /// What they are.
    pub signal: Signal,
    /// The entries are compressed.
    pub compressed: bool,
    bytes: Bytes,
    shape: Shape,
}

/// What events are, option `fluent_signal` of version 1.5 of the specification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signal {
    /// Records; also where nothing is said.
    #[default]
    Logs,
    /// Something else, in a form of Fluent Bit's own.
    Other,
}

impl Frame {
    /// Reads what is one MessagePack value.
    ///
    /// # Errors
    /// When it is none, or none of the protocol's.
    pub fn decode(frame: &Bytes, limits: &Limits) -> Result<Self, FrameError> {
        if frame[..] == [Marker::Null.to_u8()] {
            return Ok(Self::Heartbeat);
        }
        let parts = parts(frame, limits)?;
        let part =
            |index: usize| parts.get(index).map(|part: &Range<usize>| frame.slice(part.clone()));
        let (Some(tag), Some(second)) = (part(0), part(1)) else {
            return Err(FrameError::Malformed("it has no tag, or no events"));
        };
        let tag = text(&tag).and_then(|tag| str::from_utf8(tag).ok());
        let tag = Arc::from(tag.ok_or(FrameError::Malformed("its tag is no string"))?);
        let kind = *second.first().unwrap_or(&0);
        let (bytes, shape, options) = match Marker::from_u8(kind) {
            _ if time::is_scalar(kind) => {
                let (Some(time), Some(record)) = (parts.get(1), parts.get(2)) else {
                    return Err(FrameError::Malformed("it has a time, and no record"));
                };
                (frame.slice(time.start..record.end), Shape::Single, part(3))
            }
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
                (second.slice(header(kind)..), Shape::Stream, part(2))
            }
            _ => {
                let packed = text(&second).ok_or(FrameError::Malformed("it has no events"))?;
                (second.slice_ref(packed), Shape::Stream, part(2))
            }
        };
        let mut events = Events {
            tag,
            chunk: None,
            size: None,
            signal: Signal::Logs,
            compressed: false,
            bytes,
            shape,
        };
        events.read_options(options.as_deref(), limits)?;
        Ok(Self::Events(events))
    }
}

impl Events {
    /// The entries, of which those that are none are counted and left out, as Fluentd does.
    ///
    /// # Errors
    /// When they are no stream of MessagePack, or more than is allowed.
    pub fn entries(self, limits: &Limits, arrival: EventTime) -> Result<Entries, FrameError> {
        let bytes = match (self.signal, self.compressed) {
            (Signal::Other, _) => Bytes::new(),
            (_, true) => inflate(&self.bytes, limits.inflated)?.into(),
            (_, false) => self.bytes,
        };
        Entries::new(self.tag, bytes, self.shape, limits, arrival)
    }

    fn read_options(&mut self, options: Option<&[u8]>, limits: &Limits) -> Result<(), FrameError> {
        let Some(mut options) = options else { return Ok(()) };
        Scanner::new(options.len(), limits.depth, MOST_OPTIONS).advance(options)?;
        let options =
            rmpv::decode::read_value(&mut options).map_err(|_| FrameError::NotMessagePack)?;
        let options = match options {
            Value::Nil => return Ok(()),
            Value::Map(options) => options,
            _ => return Err(FrameError::Malformed("its options are no map")),
        };
        for (name, value) in options {
            match name.as_str() {
                Some("chunk") => self.chunk = chunk(value)?,
                Some("size") => self.size = value.as_u64(),
                Some("compressed") => self.compressed = is_compressed(&value)?,
                Some("fluent_signal") if value.as_u64() != Some(0) => self.signal = Signal::Other,
                _ => {}
            }
        }
        if self.compressed && self.shape == Shape::Single {
            return Err(FrameError::Malformed("a single event is said to be compressed"));
        }
        Ok(())
    }
}

fn chunk(value: Value) -> Result<Option<Value>, FrameError> {
    match &value {
        Value::Nil => Ok(None),
        Value::String(text) if text.as_bytes().len() <= LONGEST_CHUNK => Ok(Some(value)),
        Value::Binary(bytes) if bytes.len() <= LONGEST_CHUNK => Ok(Some(value)),
        _ => Err(FrameError::Malformed("its chunk is no short string")),
    }
}

fn is_compressed(value: &Value) -> Result<bool, FrameError> {
    match value.as_str() {
        Some("gzip") => Ok(true),
        Some("text") => Ok(false),
        None if value.is_nil() => Ok(false),
        _ => Err(FrameError::Malformed("it is compressed in another way than gzip")),
    }
}

/// Where the elements of a message are.
fn parts(frame: &[u8], limits: &Limits) -> Result<Vec<Range<usize>>, FrameError> {
    let mut rest = frame;
    let count = rmp::decode::read_array_len(&mut rest)
        .map_err(|_| FrameError::Malformed("it is no array"))?;
    if !(2..=4).contains(&count) {
        return Err(FrameError::Malformed("it does not have two to four elements"));
    }
    let mut parts = Vec::with_capacity(4);
    let mut at = frame.len() - rest.len();
    for _ in 0..count {
        let mut scanner = Scanner::new(frame.len(), limits.depth + OUTER, usize::MAX);
        let length = scanner.advance(&frame[at..])?.ok_or(FrameError::NotMessagePack)?;
        parts.push(at..at + length);
        at += length;
    }
    Ok(parts)
}

/// What is in a string, or in bytes.
pub(super) fn text(value: &[u8]) -> Option<&[u8]> {
    use Marker as M;
    let kind = *value.first()?;
    match Marker::from_u8(kind) {
        M::FixStr(_) | M::Str8 | M::Str16 | M::Str32 | M::Bin8 | M::Bin16 | M::Bin32 => {
            value.get(header(kind)..)
        }
        _ => None,
    }
}

/// How long the marker and the length are of what begins so.
fn header(kind: u8) -> usize {
    use Marker as M;
    match Marker::from_u8(kind) {
        M::Str8 | M::Bin8 => 2,
        M::Str16 | M::Bin16 | M::Array16 => 3,
        M::Str32 | M::Bin32 | M::Array32 => 5,
        _ => 1,
    }
}
