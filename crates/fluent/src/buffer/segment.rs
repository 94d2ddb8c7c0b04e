//! A file of chunks.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::chunk;

/// What a segment begins with: its kind and version.
pub(super) const MAGIC: &[u8; 8] = b"fwdbuf\0\x01";
/// How long that is.
pub(super) const HEAD: u64 = MAGIC.len() as u64;
const EXTENSION: &str = "chunks";

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    /// Up to where it is whole, in bytes.
    pub(super) length: u64,
    /// How many records in it have not been taken.
    pub(super) records: u64,
}

impl Segment {
    /// Reads a segment, of which the part before `taken` is not needed any more, and cuts off what is
    /// damaged. The second is how many bytes that were.
    pub(super) fn open(number: u64, path: &Path, taken: u64) -> io::Result<(Self, u64)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let size = file.metadata()?.len();
        let (length, records) = whole(&file, taken)?;
        if length < size {
            file.set_len(length)?;
        }
        Ok((Self { number, length, records }, size - length))
    }
}

/// Up to where a file is whole, and how many records are in it behind `taken`.
fn whole(file: &File, taken: u64) -> io::Result<(u64, u64)> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut magic = [0; MAGIC.len()];
    if !fill(&mut reader, &mut magic)? || &magic != MAGIC {
        return Ok((0, 0));
    }
    let (mut length, mut records) = (HEAD, 0);
    while let Some(chunk) = read(&mut reader)? {
        if length >= taken {
            records += u64::from(chunk.1);
        }
        length += chunk.0;
    }
    Ok((length, records))
}

/// The length and the number of records of the next chunk; none where there is no whole one.
fn read(reader: &mut impl Read) -> io::Result<Option<(u64, u32)>> {
    let mut head = [0; chunk::HEAD];
    if !fill(reader, &mut head)? {
        return Ok(None);
    }
    let Ok(head) = chunk::Head::read(head) else { return Ok(None) };
    let mut body = Vec::new();
    // No memory is taken for bytes that are not there.
    if reader.by_ref().take(head.length as u64).read_to_end(&mut body)? < head.length {
        return Ok(None);
    }
    let Ok(chunk) = head.decode(&body) else { return Ok(None) };
    Ok(Some(((chunk::HEAD + head.length) as u64, chunk.records)))
}

/// False where the file ends before.
fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:020}.{EXTENSION}"))
}

/// The segments of a directory, the oldest first.
pub(super) fn list(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        match number {
            Some(number) if path.extension().is_some_and(|it| it == EXTENSION) => {
                segments.push((number, path));
            }
            _ => {}
        }
    }
    segments.sort();
    Ok(segments)
}
