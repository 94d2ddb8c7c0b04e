//! Doors to what an engine passes on of a container.

use bollard::container::LogOutput;
use bytes::{Bytes, BytesMut};
use tokio_util::codec::Decoder;

use super::interact::Frames;
use super::lines::{Splitter, Stamps};
use crate::{LogLine, Piece};

/// Of which stream a piece of a log is.
#[derive(Debug, Clone, Copy)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A terminal, or the engine itself.
    Console,
}

/// The lines in pieces of a log, each of which may begin with its time.
pub fn log_lines<'p>(
    pieces: impl Iterator<Item = (Stream, &'p [u8])>,
    stamped: bool,
) -> Vec<LogLine> {
    let mut splitter = Splitter::new(if stamped { Stamps::Each } else { Stamps::None });
    let mut lines = Vec::new();
    for (stream, piece) in pieces {
        let message = Bytes::copy_from_slice(piece);
        lines.extend(splitter.take(&match stream {
            Stream::Stdout => LogOutput::StdOut { message },
            Stream::Stderr => LogOutput::StdErr { message },
            Stream::Console => LogOutput::Console { message },
        }));
    }
    lines.extend(splitter.finish());
    lines.into_iter().filter_map(Result::ok).collect()
}

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
