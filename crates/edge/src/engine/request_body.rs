//! The body of a client's request, whatever protocol it comes by.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::{http1, http2};

/// A body on its way from a client.
pub(super) enum RequestBody {
    Http1(http1::Incoming),
    Http2(http2::Incoming),
    /// What comes from the client belongs to no request.
    None,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Http1(body) => body.poll_frame(cx),
            Self::Http2(body) => body.poll_frame(cx),
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
