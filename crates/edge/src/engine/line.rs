//! What a container's response comes over, whatever protocol the container speaks.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Frame;

use super::h2c::Call;
use super::upstream::{Conn, Framing, Rest};

/// The container's side of one request.
pub(super) enum Line {
    /// A connection that it has for itself.
    Http1(Box<Conn>),
    /// A part of one that it shares with others.
    H2c(Box<Call>),
}

impl Line {
    /// The next part of the response's body.
    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        rest: &mut Rest,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self {
            Self::Http1(conn) => conn.poll_body(cx, rest),
            Self::H2c(call) => call.poll_body(cx, rest),
        }
    }

    /// Passes over a body that nobody wants. False when another request cannot follow on what it comes over.
    pub(super) fn skip(&mut self, framing: Framing) -> bool {
        match self {
            Self::Http1(conn) => conn.skip(framing),
            // Others go on with theirs; what is left of this one is taken back.
            Self::H2c(_) => true,
        }
    }

    /// Whether the request's body is still going out.
    pub(super) fn is_uploading(&self) -> bool {
        match self {
            Self::Http1(conn) => conn.is_uploading(),
            Self::H2c(call) => call.is_uploading(),
        }
    }
}
