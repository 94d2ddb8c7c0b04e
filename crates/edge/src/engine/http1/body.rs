//! The body of a client's request that comes by HTTP/1.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::Frame;

use super::wire::{Left, Wire};
use crate::engine::chunks::Piece;
use crate::engine::request_body::BadBody;

/// A body on its way from a client. What is not taken stays with the client.
pub(in crate::engine) struct Incoming {
    wire: Rc<Wire>,
}

impl Incoming {
    pub(super) fn new(wire: Rc<Wire>) -> Self {
        Self { wire }
    }

    /// Whether nothing more can come.
    pub(in crate::engine) fn is_at_end(&self) -> bool {
        self.wire.left() == Left::Nothing
    }

    /// How many bytes are still to come, if that is known.
    pub(in crate::engine) fn left(&self) -> Option<u64> {
        match self.wire.left() {
            Left::Nothing => Some(0),
            Left::Length(left) => Some(left),
            Left::Chunks(_) | Left::Bad(_) | Left::Gone => None,
        }
    }

    pub(in crate::engine) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BadBody>>> {
        Poll::Ready(match ready!(self.wire.poll_piece(cx)) {
            Ok(Piece::Data(part)) => Some(Ok(Frame::data(part))),
            Ok(Piece::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(Piece::End) => None,
            Err(bad) => Some(Err(bad)),
        })
    }
}
