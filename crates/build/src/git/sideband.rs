//! Words to the person who pushes, beside what git itself answers (`side-band-64k`).

use bytes::{Bytes, BytesMut};

use super::pkt;

/// The channel of what git shows as `remote:` lines.
const PROGRESS: u8 = 2;

/// Makes lines into what git shows to the person who pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The client has asked for the channel; others are told nothing.
    pub wanted: bool,
}

impl Progress {
    /// One line. Empty when nobody wants it.
    #[must_use]
    pub fn line(self, text: &str) -> Bytes {
        if !self.wanted {
            return Bytes::new();
        }
        let mut out = BytesMut::new();
        let mut line = text.as_bytes().to_vec();
        line.push(b'\n');
        // Each packet names its channel.
        for piece in line.chunks(pkt::LONGEST - 1) {
            let mut packet = Vec::with_capacity(piece.len() + 1);
            packet.push(PROGRESS);
            packet.extend_from_slice(piece);
            pkt::put(&mut out, &packet);
        }
        out.freeze()
    }

    /// The end of the answer.
    #[must_use]
    pub fn end(self) -> Bytes {
        Bytes::from_static(pkt::FLUSH)
    }
}
