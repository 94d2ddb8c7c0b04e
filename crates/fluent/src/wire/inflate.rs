//! Compression, section *CompressedPackedForward Mode*.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::FrameError;

/// What was compressed. It may be several pieces, each compressed for itself, one after the other: that
/// is how Fluentd joins chunks.
///
/// # Errors
/// When it is no gzip, ends early, or becomes longer than `limit` bytes; no more than those are kept.
pub fn inflate(compressed: &[u8], limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut plain = Vec::new();
    let mut decoder = MultiGzDecoder::new(compressed).take(limit as u64 + 1);
    decoder.read_to_end(&mut plain).map_err(|_| FrameError::NotGzip)?;
    if plain.len() > limit { Err(FrameError::Bomb(limit)) } else { Ok(plain) }
}

/// Compresses.
#[must_use]
pub fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    // Writing into memory does not fail.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default()
}
