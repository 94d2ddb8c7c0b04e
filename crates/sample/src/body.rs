//! What a response carries.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

const CHUNK: usize = 64 << 10;
static FILLING: [u8; CHUNK] = [b'.'; CHUNK];

/// A response's body. An enum, so that the small ones cost no allocation.
#[derive(Debug)]
pub(crate) enum Body {
    /// All at once.
    Whole(Bytes),
    /// So many bytes, in chunks.
    Filling(u64),
    /// The request's, as it comes in.
    Echo(Incoming),
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let chunk = match &mut *self {
            Self::Whole(bytes) => std::mem::take(bytes),
            Self::Filling(left) => {
                let size = usize::try_from(*left).unwrap_or(CHUNK).min(CHUNK);
                *left -= size as u64;
                Bytes::from_static(&FILLING[..size])
            }
            Self::Echo(incoming) => return Pin::new(incoming).poll_frame(context),
        };
        Poll::Ready((!chunk.is_empty()).then(|| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Filling(left) => *left == 0,
            Self::Echo(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Filling(left) => SizeHint::with_exact(*left),
            Self::Echo(incoming) => incoming.size_hint(),
        }
    }
}
