//! Commands that are given input: with a terminal, or with what a pipe brings.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// How wide it is.
    pub columns: u16,
    /// How high it is.
    pub rows: u16,
}

/// A command for a running container that is given input.
#[derive(Debug, Clone)]
pub struct InteractRequest {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// It has a terminal of this size; a pipe when none.
    pub terminal: Option<TerminalSize>,
}

/// What a command is given. Its input ends where the stream of these does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Bytes, as they are.
    Bytes(Bytes),
    /// Its terminal has another size from now on. A command without one is not told.
    Resize(TerminalSize),
}

/// What a command prints, byte by byte, and how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// To standard output. With a terminal everything comes here.
    Stdout(Bytes),
    /// To standard error.
    Stderr(Bytes),
    /// The end.
    Exit {
        /// The exit status.
        code: i64,
    },
}
