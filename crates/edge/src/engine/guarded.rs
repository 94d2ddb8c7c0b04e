//! A client's bytes on their way through the [`Guard`] to hyper.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::rt::{Read, ReadBuf, ReadBufCursor};

use super::guard::{Guard, Verdict};

/// So much is read at once, in bytes, into room that the connections of a thread share.
const ROOM: usize = 64 << 10;

/// So much is taken of what follows a request for another protocol, before that is answered.
const MOST_HELD: usize = 64 << 10;

/// What takes the place of what is refused in a head. There is nothing where a NUL may stand, so that hyper
/// answers with 400 and closes the connection. It looks at a head that has come in pieces when an empty line has
/// come.
const NO_HEAD: &[u8] = b"\0\r\n\r\n";

/// What takes the place of what is refused in a body, which ends in the middle.
const NO_BODY: &[u8] = b"\0";

/// Room for what the connections of one thread read, which one uses after the other.
pub(super) struct Room(Box<[u8]>);

impl Default for Room {
    fn default() -> Self {
        Self(vec![0; ROOM].into())
    }
}

/// Where what was refused stood.
#[derive(Debug, Clone, Copy)]
enum Refused {
    /// In a head. Requests before it are answered first. So much of what takes its place is still to be read.
    InHead(&'static [u8]),
    /// In a body, which goes no further.
    InBody,
}

/// The reading side of a client's connection.
#[derive(Debug, Default)]
pub(super) struct Guarded {
    guard: Guard,
    /// What follows a request for another protocol.
    held: Vec<u8>,
    /// Nothing more is read.
    refused: Option<Refused>,
}

impl Guarded {
    /// Reads from `stream` what may be read. `answered` is how many requests have been answered, and by
    /// what it is known that a request for another protocol got none.
    pub(super) fn poll_read<S: Read + Unpin>(
        &mut self,
        mut stream: Pin<&mut S>,
        cx: &mut Context<'_>,
        mut to: ReadBufCursor<'_>,
        room: &mut Room,
        answered: u64,
    ) -> Poll<io::Result<()>> {
        match &mut self.refused {
            None => {}
            Some(Refused::InHead([])) => return Poll::Pending,
            Some(Refused::InHead(left)) => {
                *left = put(left, &mut to);
                return Poll::Ready(Ok(()));
            }
            Some(Refused::InBody) => return Poll::Ready(Ok(())),
        }
        if self.guard.is_waiting() {
            if answered < self.guard.heads() {
                return self.hold(stream, cx, room);
            }
            self.guard.resume();
        }
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            let part = held.len().min(to.remaining());
            self.take(&held[..part], &mut to);
            self.held.extend_from_slice(&held[part..]);
            return Poll::Ready(Ok(()));
        }
        let most = room.0.len().min(to.remaining());
        let mut read = ReadBuf::new(&mut room.0[..most]);
        ready!(stream.as_mut().poll_read(cx, read.unfilled()))?;
        self.take(read.filled(), &mut to);
        Poll::Ready(Ok(()))
    }

    /// What has been read behind a request for another protocol: `read` passed before it was known.
    pub(super) fn behind(&mut self, read: Bytes) -> Bytes {
        match (read.is_empty(), self.held.is_empty()) {
            (_, true) => read,
            (true, false) => std::mem::take(&mut self.held).into(),
            (false, false) => [&read[..], &self.held].concat().into(),
        }
    }

    fn take(&mut self, bytes: &[u8], to: &mut ReadBufCursor<'_>) {
        match self.guard.pass(bytes) {
            Verdict::Pass => to.put_slice(bytes),
            Verdict::Hold(part) => {
                to.put_slice(&bytes[..part]);
                self.held.extend_from_slice(&bytes[part..]);
            }
            Verdict::Refuse(part) => {
                // The room is as large as what came, of which at least one byte is left out.
                to.put_slice(&bytes[..part]);
                self.refused = Some(if self.guard.is_in_head() {
                    Refused::InHead(put(NO_HEAD, to))
                } else {
                    put(NO_BODY, to);
                    Refused::InBody
                });
            }
        }
    }

    /// Takes what comes while it is not known what it is, and notices when the client goes.
    fn hold<S: Read + Unpin>(
        &mut self,
        mut stream: Pin<&mut S>,
        cx: &mut Context<'_>,
        room: &mut Room,
    ) -> Poll<io::Result<()>> {
        while self.held.len() < MOST_HELD {
            let mut read = ReadBuf::new(&mut room.0[..MOST_HELD - self.held.len()]);
            ready!(stream.as_mut().poll_read(cx, read.unfilled()))?;
            match read.filled() {
                [] if self.held.is_empty() => return Poll::Ready(Ok(())),
                [] => break,
                came => self.held.extend_from_slice(came),
            }
        }
        // Whoever answers the request wakes who reads.
        Poll::Pending
    }
}

/// Puts as much as there is room for; what is left.
fn put(bytes: &'static [u8], to: &mut ReadBufCursor<'_>) -> &'static [u8] {
    let (now, left) = bytes.split_at(bytes.len().min(to.remaining()));
    to.put_slice(now);
    left
}
