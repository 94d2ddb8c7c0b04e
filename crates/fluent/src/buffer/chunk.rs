//! A chunk as it is on disk: a length, a checksum, and a body.

use std::io::{self, ErrorKind};

/// The length and the checksum, in bytes.
pub(super) const HEAD: usize = 8;
/// The least body: an id, the number of records, flags, and the length of the tag.
const LEAST: usize = 16 + 4 + 1 + 2;
/// The longest body that is believed, in bytes.
const LONGEST: usize = 256 << 20;
const COMPRESSED: u8 = 1;

/// Entries of one tag, as they are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The same however often it is sent.
    pub(crate) id: [u8; 16],
    pub(crate) tag: String,
    pub(crate) records: u32,
    pub(crate) compressed: bool,
    pub(crate) entries: Vec<u8>,
}

impl Chunk {
    pub(super) fn encode(&self) -> Vec<u8> {
        // Whoever adds records sees to it that a tag is short.
        let tag = &self.tag.as_bytes()[..self.tag.len().min(u16::MAX.into())];
        let length = LEAST + tag.len() + self.entries.len();
        let mut bytes = Vec::with_capacity(HEAD + length);
        bytes.extend_from_slice(&[0; HEAD]);
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(&self.records.to_be_bytes());
        bytes.push(if self.compressed { COMPRESSED } else { 0 });
        bytes.extend_from_slice(&u16::try_from(tag.len()).unwrap_or(0).to_be_bytes());
        bytes.extend_from_slice(tag);
        bytes.extend_from_slice(&self.entries);
        let sum = crc32fast::hash(&bytes[HEAD..]).to_be_bytes();
        bytes[..4].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        bytes[4..HEAD].copy_from_slice(&sum);
        bytes
    }
}

/// What stands before a body.
pub(super) struct Head {
    pub(super) length: usize,
    sum: u32,
}

impl Head {
    pub(super) fn read([l0, l1, l2, l3, s0, s1, s2, s3]: [u8; HEAD]) -> io::Result<Self> {
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let sum = u32::from_be_bytes([s0, s1, s2, s3]);
        if (LEAST..=LONGEST).contains(&length) { Ok(Self { length, sum }) } else { Err(damaged()) }
    }

    pub(super) fn decode(&self, body: &[u8]) -> io::Result<Chunk> {
        if crc32fast::hash(body) != self.sum {
            return Err(damaged());
        }
        parse(body).ok_or_else(damaged)
    }
}

fn parse(body: &[u8]) -> Option<Chunk> {
    let (id, rest) = body.split_first_chunk()?;
    let (records, rest) = rest.split_first_chunk()?;
    let (flags, rest) = rest.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (tag, entries) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some(Chunk {
        id: *id,
        tag: str::from_utf8(tag).ok()?.to_owned(),
        records: u32::from_be_bytes(*records),
        compressed: flags & COMPRESSED != 0,
        entries: entries.to_vec(),
    })
}

fn damaged() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "a chunk is damaged")
}
