//! The body of a client's request, whatever protocol it comes by.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::{http1, http2};

/// Why a body does not come to its end. Of a client that has gone nothing comes at all: who serves it notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadBody {
    /// It is not in chunks as it should be.
    Malformed,
    /// The client has closed its side within it.
    BrokenOff,
}

/// A body on its way from a client.
pub(super) enum RequestBody {
    Http1(http1::Incoming),
    Http2(http2::Incoming),
    /// What comes from the client belongs to no request.
    None,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BadBody;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BadBody>>> {
        match self.get_mut() {
            Self::Http1(body) => body.poll_frame(cx),
            Self::Http2(body) => body.poll_frame(cx).map(|frame| frame.map(Ok)),
            Self::None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_at_end(),
            Self::Http2(body) => body.is_at_end(),
            Self::None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => exactly(body.left()),
            Self::Http2(body) => exactly(body.left()),
            Self::None => SizeHint::with_exact(0),
        }
    }
}

fn exactly(left: Option<u64>) -> SizeHint {
    left.map_or_else(SizeHint::default, SizeHint::with_exact)
}
