//! Messages as this sends them, sections *Message Modes*, *PackedForward Mode* and *Option*.
//!
//! They are written into memory, which does not fail: the results of the library's functions say nothing.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rmp::encode::{write_array_len, write_bin, write_map_len, write_str, write_uint};
use rmpv::Value;

use super::time;
use crate::Record;

/// An id as option `chunk` has it: "Base64 representation of 128 bits `unique_id`".
#[must_use]
pub fn chunk_id(id: [u8; 16]) -> String {
    BASE64_STANDARD.encode(id)
}

/// Adds a record to the entries of a message: `[time, record]`.
pub fn write_entry(record: &Record, to: &mut Vec<u8>) {
    let _ = write_array_len(to, 2);
    write_time_and_fields(record, to);
}

/// Adds a message of a single record: `[tag, time, record, option]`.
pub fn write_message(record: &Record, chunk: Option<&str>, to: &mut Vec<u8>) {
    let _ = write_array_len(to, if chunk.is_some() { 4 } else { 3 });
    let _ = write_str(to, &record.tag);
    write_time_and_fields(record, to);
    if let Some(chunk) = chunk {
        let _ = write_map_len(to, 1);
        write_chunk(chunk, to);
    }
}

/// Adds a message of many entries, which may be compressed: `[tag, entries, option]`.
pub fn write_packed(
    tag: &str,
    entries: &[u8],
    records: u64,
    compressed: bool,
    chunk: Option<&str>,
    to: &mut Vec<u8>,
) {
    to.reserve(entries.len() + tag.len() + 96);
    let _ = write_array_len(to, 3);
    let _ = write_str(to, tag);
    let _ = write_bin(to, entries);
    let _ = write_map_len(to, 1 + u32::from(compressed) + u32::from(chunk.is_some()));
    let _ = write_str(to, "size");
    let _ = write_uint(to, records);
    if compressed {
        let _ = write_str(to, "compressed");
        let _ = write_str(to, "gzip");
    }
    if let Some(chunk) = chunk {
        write_chunk(chunk, to);
    }
}

fn write_chunk(chunk: &str, to: &mut Vec<u8>) {
    let _ = write_str(to, "chunk");
    let _ = write_str(to, chunk);
}

fn write_time_and_fields(record: &Record, to: &mut Vec<u8>) {
    time::write(record.time, to);
    let count = u32::try_from(record.fields.len()).unwrap_or(u32::MAX);
    let _ = write_map_len(to, count);
    for (name, value) in &record.fields {
        write_value(name, to);
        write_value(value, to);
    }
}

fn write_value(value: &Value, to: &mut Vec<u8>) {
    let _ = rmpv::encode::write_value(to, value);
}
