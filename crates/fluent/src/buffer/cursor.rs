//! Up to where chunks have been taken.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// A place between two chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The number of the segment.
    pub(crate) segment: u64,
    /// Within the segment, in bytes.
    pub(crate) offset: u64,
}

/// A position that outlives the process. Where it is lost everything that is there is sent again.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) position: Position,
    file: File,
}

impl Cursor {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join("position");
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = [0; 20];
        let position = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => decode(&bytes).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Position::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { position, file })
    }

    pub(super) fn set(&mut self, position: Position) {
        self.position = position;
        // Where it cannot be written, chunks are sent twice after the next start.
        if let Err(error) = self.file.write_all_at(&encode(position), 0) {
            tracing::warn!(%error, "cannot note how much of a buffer has been sent");
        }
    }
}

fn encode(position: Position) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&position.segment.to_be_bytes());
    bytes[8..16].copy_from_slice(&position.offset.to_be_bytes());
    let sum = crc32fast::hash(&bytes[..16]).to_be_bytes();
    bytes[16..].copy_from_slice(&sum);
    bytes
}

fn decode(bytes: &[u8; 20]) -> Option<Position> {
    let (segment, rest) = bytes.split_first_chunk()?;
    let (offset, sum) = rest.split_first_chunk()?;
    (crc32fast::hash(&bytes[..16]).to_be_bytes() == sum).then_some(Position {
        segment: u64::from_be_bytes(*segment),
        offset: u64::from_be_bytes(*offset),
    })
}
