//! Cutting a stream into frames.

use bytes::{Bytes, BytesMut};

use super::{FrameError, Limits, Scanner};

/// So much room is kept between frames, in bytes.
const KEPT: usize = 64 << 10;
/// A message has its entries within it, and each of those its record.
pub(super) const OUTER: usize = 3;

/// Takes the bytes of a connection, and gives frames. No byte is looked at twice, in however many pieces
/// they come.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    scanner: Scanner,
    first: bool,
}

impl Framer {
    /// One for a new connection.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let scanner = Scanner::new(limits.frame, limits.depth + OUTER, usize::MAX);
        Self { buffer: BytesMut::new(), scanner, first: true }
    }

    /// Goes on with other limits, and with what has come in already.
    #[must_use]
    pub fn with_limits(self, limits: &Limits) -> Self {
        Self { buffer: self.buffer, first: self.first, ..Self::new(limits) }
    }

    /// Where what comes in is to be added.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// How many bytes are of no frame yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// The next frame, when all of it has come.
    ///
    /// # Errors
    /// When what comes is none, or too much. Where the next one would begin is unknown then.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        if self.first && matches!(self.buffer.first(), Some(b'[' | b'{')) {
            return Err(FrameError::Json);
        }
        let Some(length) = self.scanner.advance(&self.buffer)? else { return Ok(None) };
        self.first = false;
        self.scanner.reset();
        let frame = self.buffer.split_to(length).freeze();
        if length > KEPT {
            // What is left must not keep the room of what was long.
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        Ok(Some(frame))
    }
}
