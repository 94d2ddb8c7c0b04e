//! What is sent to a client. A part is taken from the container when the client can take it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, SizeHint};

use super::events::Events;
use super::line::Line;
use super::silence::Silence;
use super::ticket::Ticket;
use super::upstream::{Framing, Rest};
use crate::compiled::Failure;

/// The body of a response.
pub(super) enum ResponseBody {
    Empty,
    Page(Option<Bytes>),
    Relay(Relay),
}

/// A container's response on its way through. It holds the connection that it comes from, and gives it
/// back to its pool at the end; dropped before, it closes it.
pub(super) struct Relay {
    rest: Rest,
    source: Option<(Line, Ticket)>,
    silence: Option<Box<Silence>>,
    broken: Option<io::Error>,
    /// It is a stream of events, which may be ended between two of them.
    events: Option<Events>,
}

impl Relay {
    /// The body, framed so, of a response with these fields that comes over `line`.
    pub(super) fn body(
        framing: Framing,
        headers: &HeaderMap,
        line: Line,
        ticket: Ticket,
        silence: Option<Box<Silence>>,
    ) -> ResponseBody {
        if framing == Framing::Length(0) {
            ticket.give_back(line);
            return ResponseBody::Empty;
        }
        // What says how long it is, is no stream that goes on.
        let events = match framing {
            Framing::Length(_) => None,
            Framing::Chunked | Framing::UntilClose => Events::of(headers),
        };
        ResponseBody::Relay(Self {
            rest: framing.into(),
            source: Some((line, ticket)),
            silence,
            broken: None,
            events,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let to_move = self.is_to_move(cx);
        if to_move && self.is_between_events() {
            if let Some((_, ticket)) = self.source.take() {
                ticket.moved();
            }
            return Poll::Ready(None);
        }
        let Some((line, ticket)) = &mut self.source else {
            return Poll::Ready(self.broken.take().map(Err));
        };
        let mut polled = line.poll_body(cx, &mut self.rest);
        if let Some(silence) = &mut self.silence {
            if polled.is_ready() || line.is_uploading() {
                silence.broken();
            } else if silence.poll_over(cx).is_ready() {
                polled = Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
            }
        }
        if let Some(events) = &mut self.events {
            pass_events(events, &mut polled, to_move);
        }
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            ticket.sent(frame.data_ref().map_or(0, Bytes::len));
        }
        match polled {
            Poll::Ready(Some(Err(error))) => {
                ticket.failed();
                // A client that does not send its body to the end has the connection broken off too.
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    ticket.container_failed(Failure::Unanswered);
                }
                self.source = None;
                self.broken = Some(error);
                // hyper throws away what it has not written when a body breaks off. It writes it when
                // the body has to be waited for.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(_) if self.is_at_end(&polled) => {
                if let Some((line, ticket)) = self.source.take() {
                    ticket.give_back(line);
                }
            }
            Poll::Ready(_) | Poll::Pending => {}
        }
        polled
    }

    /// Whether it is a stream of events whose client is to come again.
    fn is_to_move(&self, cx: &Context<'_>) -> bool {
        match (&self.events, &self.source) {
            (Some(_), Some((_, ticket))) => ticket.is_to_move(cx),
            _ => false,
        }
    }

    fn is_between_events(&self) -> bool {
        let at_chunk = self.rest.is_between_chunks();
        self.events.as_ref().is_some_and(|events| events.is_between(at_chunk))
    }

    /// Whether nothing follows what was polled.
    fn is_at_end<T>(&self, polled: &Poll<Option<T>>) -> bool {
        matches!(polled, Poll::Ready(None)) || matches!(self.rest, Rest::Length(0))
    }
}

/// Follows the events in what was polled, and when it is to `end`, leaves out what begins another one.
fn pass_events(
    events: &mut Events,
    polled: &mut Poll<Option<io::Result<Frame<Bytes>>>>,
    end: bool,
) {
    let Poll::Ready(Some(Ok(frame))) = polled else { return };
    let Some(part) = frame.data_mut() else { return };
    if end && let Some(whole) = events.whole(part) {
        *part = whole;
    }
    events.pass(part);
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
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
            Self::Relay(relay) => relay.source.is_none() && relay.broken.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty | Self::Page(None) => SizeHint::with_exact(0),
            Self::Page(Some(page)) => SizeHint::with_exact(page.len() as u64),
            Self::Relay(Relay { rest: Rest::Length(left), .. }) => SizeHint::with_exact(*left),
            Self::Relay(_) => SizeHint::default(),
        }
    }
}
