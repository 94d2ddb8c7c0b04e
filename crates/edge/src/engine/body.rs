//! Bodies, which pass through frame by frame: a frame is read when the other side can take it.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, header};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::ticket::Ticket;
use super::upstream::Conn;

/// What is sent to a container.
pub(super) enum RequestBody {
    Empty,
    Stream { incoming: Incoming, upload: Rc<Upload> },
}

/// How the sending of a request's body is getting on.
pub(super) struct Upload {
    /// When the client last sent a part.
    pub(super) progress: Cell<Instant>,
    /// The client is to send more and has not.
    pub(super) starved: Cell<bool>,
    pub(super) ended: Cell<bool>,
    /// A client that expects `100 Continue` sends nothing before it; so its body is not asked for
    /// before the container has said so.
    gate: Option<Arc<AtomicBool>>,
}

impl Upload {
    fn new(gate: Option<Arc<AtomicBool>>) -> Rc<Self> {
        Rc::new(Self {
            progress: Cell::new(Instant::now()),
            starved: Cell::new(false),
            ended: Cell::new(false),
            gate,
        })
    }

    /// Whether the body waits for the container's `100 Continue`.
    pub(super) fn is_held(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| !gate.load(Relaxed))
    }

    /// What opens it from the connection to the container.
    pub(super) fn gate(&self) -> Option<Arc<AtomicBool>> {
        self.gate.clone()
    }

    /// Lets the body go without one.
    pub(super) fn release(&self) {
        if let Some(gate) = &self.gate {
            gate.store(true, Relaxed);
        }
    }
}

impl RequestBody {
    /// The body of a request with these headers.
    pub(super) fn new(incoming: Incoming, headers: &HeaderMap) -> Self {
        if incoming.is_end_stream() {
            return Self::Empty;
        }
        let expects = headers
            .get(header::EXPECT)
            .is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let gate = expects.then(|| Arc::new(AtomicBool::new(false)));
        Self::Stream { incoming, upload: Upload::new(gate) }
    }

    /// How its sending gets on, when there is something to send.
    pub(super) fn upload(&self) -> Option<Rc<Upload>> {
        match self {
            Self::Empty => None,
            Self::Stream { upload, .. } => Some(upload.clone()),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self::Stream { incoming, upload } = &mut *self else { return Poll::Ready(None) };
        if upload.is_held() {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut *incoming).poll_frame(cx);
        upload.starved.set(polled.is_pending());
        match &polled {
            Poll::Ready(Some(Ok(_))) => upload.progress.set(Instant::now()),
            Poll::Ready(_) => upload.ended.set(true),
            Poll::Pending => {}
        }
        if incoming.is_end_stream() {
            upload.ended.set(true);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream { incoming, .. } => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stream { incoming, .. } => incoming.size_hint(),
        }
    }
}

/// What is sent to a client.
pub(super) enum ResponseBody {
    Empty,
    Page(Option<Bytes>),
    Relay(Relay),
}

/// A container's response on its way through. It holds the connection that it comes from and drives
/// it, and gives it back to its pool at the end; dropped before, it closes it.
pub(super) struct Relay {
    incoming: Incoming,
    source: Option<(Box<Conn>, Ticket)>,
}

impl Relay {
    /// The body of a response that came over `conn`.
    pub(super) fn body(incoming: Incoming, conn: Box<Conn>, ticket: Ticket) -> ResponseBody {
        if incoming.is_end_stream() {
            ticket.give_back(conn);
            return ResponseBody::Empty;
        }
        ResponseBody::Relay(Self { incoming, source: Some((conn, ticket)) })
    }

    fn end(&mut self) {
        if let Some((conn, ticket)) = self.source.take() {
            ticket.give_back(conn);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some((conn, ticket)) = &mut self.source else { return Poll::Ready(None) };
        // Only driving the connection brings a frame, so nobody has to be woken for one.
        let mut quiet = Context::from_waker(Waker::noop());
        conn.drive(cx);
        let mut polled = Pin::new(&mut self.incoming).poll_frame(&mut quiet);
        if polled.is_pending() && conn.close_if_ended() {
            polled = Pin::new(&mut self.incoming).poll_frame(&mut quiet);
        }
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(_))) if !self.incoming.is_end_stream() => {}
            Poll::Ready(Some(Err(_))) => {
                ticket.failed();
                self.source = None;
            }
            Poll::Ready(Some(Ok(_)) | None) => self.end(),
        }
        polled
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Page(page) => Poll::Ready(page.take().map(|page| Ok(Frame::data(page)))),
            Self::Relay(relay) => relay.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty | Self::Page(None) => true,
            Self::Page(Some(_)) => false,
            Self::Relay(relay) => relay.source.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty | Self::Page(None) => SizeHint::with_exact(0),
            Self::Page(Some(page)) => SizeHint::with_exact(page.len() as u64),
            Self::Relay(relay) => relay.incoming.size_hint(),
        }
    }
}
