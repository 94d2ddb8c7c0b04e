//! What a server answers, section *Response*.

use rmp::encode::{write_map_len, write_str};
use rmpv::Value;

use super::FrameError;
use super::decode::text;

/// Adds the answer that a chunk has been taken: `{"ack": chunk}`.
pub fn write_ack(chunk: &Value, to: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _ = write_map_len(to, 1);
    let _ = write_str(to, "ack");
    let _ = rmpv::encode::write_value(to, chunk);
}

/// The chunk that an answer is about. The answer is one MessagePack value.
///
/// # Errors
/// When it is none of the protocol's.
pub fn read_ack(answer: &[u8]) -> Result<&[u8], FrameError> {
    let malformed = FrameError::Malformed("it is no acknowledgement");
    let mut rest = answer;
    let count = rmp::decode::read_map_len(&mut rest).map_err(|_| malformed)?;
    for _ in 0..count {
        let name = take(&mut rest)?;
        let value = take(&mut rest)?;
        if text(name) == Some(b"ack") {
            return text(value).ok_or(malformed);
        }
    }
    Err(malformed)
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], FrameError> {
    let mut scanner = super::Scanner::new(rest.len(), 4, 64);
    let length = scanner.advance(rest)?.ok_or(FrameError::NotMessagePack)?;
    let (value, after) = rest.split_at(length);
    *rest = after;
    Ok(value)
}
