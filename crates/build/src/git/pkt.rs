//! Packet lines, in which git talks ("pkt-line" in its `gitprotocol-common`).

use bytes::{Buf, Bytes, BytesMut};

use crate::{Error, Result};

/// The most that one packet carries, in bytes.
pub(super) const LONGEST: usize = 65_516;

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    /// The end of a message.
    Flush,
    /// A part of it; also the delimiters of protocol version 2, as empty ones never occur there.
    Data(Bytes),
}

/// Takes the first packet off `buffer`; none while it is not whole.
///
/// # Errors
/// When it does not begin with a length.
pub(super) fn take(buffer: &mut BytesMut) -> Result<Option<Packet>> {
    let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = length(head).ok_or(Error::Protocol("a packet without its length"))?;
    match length {
        0 => {
            buffer.advance(4);
            Ok(Some(Packet::Flush))
        }
        1..=3 => Err(Error::Protocol("a packet of protocol version 2")),
        _ if length > LONGEST + 4 => Err(Error::Protocol("a packet that is too long")),
        _ if buffer.len() < length => Ok(None),
        _ => {
            let packet = buffer.split_to(length).freeze();
            Ok(Some(Packet::Data(packet.slice(4..))))
        }
    }
}

/// Four digits and nothing else: git takes no sign either.
fn length(head: &[u8; 4]) -> Option<usize> {
    let text = std::str::from_utf8(head).ok()?;
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    usize::from_str_radix(text, 16).ok().filter(|_| digits)
}

/// Writes `data` as packets.
pub(super) fn put(out: &mut BytesMut, data: &[u8]) {
    for piece in data.chunks(LONGEST) {
        out.extend_from_slice(format!("{:04x}", piece.len() + 4).as_bytes());
        out.extend_from_slice(piece);
    }
}

/// What a flush looks like.
pub(super) const FLUSH: &[u8] = b"0000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_as_they_went_in() {
        let mut wire = BytesMut::new();
        put(&mut wire, b"hello\n");
        put(&mut wire, &vec![b'x'; LONGEST + 1]);
        wire.extend_from_slice(FLUSH);
        let mut packets = Vec::new();
        while let Some(packet) = take(&mut wire).unwrap() {
            packets.push(packet);
        }
        let lengths: Vec<_> = packets
            .iter()
            .map(|packet| match packet {
                Packet::Data(data) => data.len(),
                Packet::Flush => 0,
            })
            .collect();
        assert_eq!(lengths, [6, LONGEST, 1, 0]);
        assert!(wire.is_empty());
    }

    #[test]
    fn what_is_not_whole_waits_and_what_is_no_packet_is_refused() {
        for part in ["", "00", "0009abc"] {
            assert!(take(&mut BytesMut::from(part)).unwrap().is_none(), "{part}");
        }
        for wrong in ["zzzz", "0001", "0003", "fffff", "-001x", "+00a123456"] {
            assert!(take(&mut BytesMut::from(wrong)).is_err(), "{wrong}");
        }
    }
}
