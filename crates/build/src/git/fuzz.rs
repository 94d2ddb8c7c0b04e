//! Doors to what is read of a push.

use bytes::{Bytes, BytesMut};
use futures_util::stream;

use super::pkt::{self, Packet};
use super::{Push, receive};
use crate::Result;

/// Takes the first packet off; none while it is not whole. A flush has no data.
///
/// # Errors
/// When it is none.
pub fn packet(buffer: &mut BytesMut) -> Result<Option<Option<Bytes>>> {
    let packet = pkt::take(buffer)?;
    Ok(packet.map(|packet| match packet {
        Packet::Flush => None,
        Packet::Data(data) => Some(data),
    }))
}

/// Data as packets.
#[must_use]
pub fn as_packets(data: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    pkt::put(&mut out, data);
    out
}

/// The commands of a push that comes in these pieces, and all that was read for them.
///
/// # Errors
/// When they are none.
pub async fn push(pieces: &[&[u8]]) -> Result<(Option<Push>, BytesMut)> {
    let mut head = BytesMut::new();
    let mut body = stream::iter(pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece))));
    let push = receive::read_commands(&mut head, &mut body).await?;
    Ok((push, head))
}
