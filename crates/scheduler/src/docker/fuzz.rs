//! Doors to what an engine passes on of a container.

use bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::interact::Frames;
use crate::Piece;

/// What a command prints without a terminal.
pub struct Printed {
    frames: Frames,
    buffer: BytesMut,
    /// To standard output.
    pub stdout: Vec<u8>,
    /// To standard error.
    pub stderr: Vec<u8>,
}

impl Default for Printed {
    fn default() -> Self {
        let (stdout, stderr) = (Vec::new(), Vec::new());
        Self { frames: Frames::of(false), buffer: BytesMut::new(), stdout, stderr }
    }
}

impl Printed {
    /// Takes in what comes next; false when it cannot be read.
    pub fn take(&mut self, part: &[u8]) -> bool {
        self.buffer.extend_from_slice(part);
        loop {
            match self.frames.decode(&mut self.buffer) {
                Ok(None) => return true,
                Ok(Some(Piece::Stdout(bytes))) => self.stdout.extend_from_slice(&bytes),
                Ok(Some(Piece::Stderr(bytes))) => self.stderr.extend_from_slice(&bytes),
                Ok(Some(_)) | Err(_) => return false,
            }
        }
    }
}
