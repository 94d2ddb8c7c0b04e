//! Frames as they are on the wire: one MessagePack value each.
//!
//! Reading them takes memory in proportion to their bytes alone. [`Scanner`] finds the end of a value
//! and checks its form without making anything of it; [`Framer`] cuts a stream into frames with it;
//! [`Frame::decode`] tells what a frame is, and [`Entries`] makes records of it one at a time.

mod ack;
mod decode;
mod encode;
mod entries;
mod framer;
mod inflate;
mod scan;
mod time;

pub use ack::{read_ack, write_ack};
pub use decode::{Events, Frame, Signal};
pub use encode::{chunk_id, write_entry, write_message, write_packed};
pub use entries::{Entries, Iter};
pub use framer::Framer;
pub use inflate::{deflate, inflate};
pub use scan::Scanner;

/// How much is taken from a peer at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest frame, in bytes. 16 MiB: Fluentd's buffers in memory have chunks of up to 8 MiB.
    /// Its buffers in files have chunks of up to 256 MiB unless `chunk_limit_size` says less.
    pub frame: usize,
    /// The most that a compressed frame may become, in bytes. 64 MiB.
    pub inflated: usize,
    /// How deep the fields of a record may be nested. 32.
    pub depth: usize,
    /// Of how many values a record may consist, those within others included: each takes up to 80
    /// bytes of memory, however short it is on the wire. 65,536.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frame: 16 << 20, inflated: 64 << 20, depth: 32, values: 65_536 }
    }
}

/// Why a frame is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It is no MessagePack.
    #[error("it is no MessagePack")]
    NotMessagePack,
    /// It is JSON, which the specification lets servers take beside MessagePack.
    #[error("it is JSON; have the client send MessagePack")]
    Json,
    /// It is MessagePack, and none of the protocol's messages.
    #[error("it is no message of the Forward protocol: {0}")]
    Malformed(&'static str),
    /// It is longer than [`Limits::frame`].
    #[error("it is longer than {0} bytes; have the client send smaller chunks")]
    TooLong(usize),
    /// It becomes more than [`Limits::inflated`].
    #[error("it is compressed, and more than {0} bytes; have the client send smaller chunks")]
    Bomb(usize),
    /// It is nested deeper than [`Limits::depth`].
    #[error("it is nested too deep")]
    TooDeep,
    /// A value consists of more than [`Limits::values`].
    #[error("it consists of too many values")]
    TooMany,
    /// It is not the gzip that it says it is.
    #[error("it is no gzip, and says it is")]
    NotGzip,
}

impl FrameError {
    /// Whether it might have been taken with other limits.
    #[must_use]
    pub fn is_limit(self) -> bool {
        matches!(self, Self::TooLong(_) | Self::Bomb(_) | Self::TooDeep | Self::TooMany)
    }
}

#[cfg(test)]
mod tests;
