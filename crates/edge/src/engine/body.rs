//! What is sent to a client. A part is taken from the container when the client can take it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::coder::Coder;
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
    /// It is a stream of events, which may be ended between two of them.
    events: Option<Events>,
    coder: Option<Box<Coder>>,
    /// What follows all that came from the container.
    last: Option<Frame<Bytes>>,
}

/// What is done to a body as it passes.
pub(super) struct Passing {
    /// It must not stop for long.
    pub(super) silence: Option<Box<Silence>>,
    /// It is a stream of events.
    pub(super) events: Option<Events>,
    /// It is compressed.
    pub(super) coder: Option<Box<Coder>>,
}

impl Relay {
    /// The body, framed so, of a response that comes over `line`.
    pub(super) fn body(
        framing: Framing,
        line: Line,
        ticket: Ticket,
        passing: Passing,
    ) -> ResponseBody {
        if framing == Framing::Length(0) {
            ticket.give_back(line);
            return ResponseBody::Empty;
        }
        let Passing { silence, events, coder } = passing;
        ResponseBody::Relay(Self {
            rest: framing.into(),
            source: Some((line, ticket)),
            silence,
            events,
            coder,
            last: None,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(last) = self.last.take() {
            return Poll::Ready(Some(Ok(last)));
        }
        if self.is_to_move(cx) && self.is_between_events() {
            return self.move_on();
        }
        if self.source.is_none() {
            return Poll::Ready(None);
        }
        let polled = if self.coder.is_some() { self.poll_coded(cx) } else { self.poll_plain(cx) };
        let Some((_, ticket)) = &self.source else { return polled };
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            ticket.sent(frame.data_ref().map_or(0, Bytes::len));
        }
        match polled {
            Poll::Ready(Some(Err(error))) => {
                // A client that does not send its body to the end has the connection broken off too, and
                // nobody has failed it.
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    ticket.failed();
                    ticket.container_failed(Failure::Unanswered);
                }
                self.source = None;
                return Poll::Ready(Some(Err(error)));
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

    /// What the container sends next.
    fn poll_plain(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let to_move = self.is_to_move(cx);
        let Some((line, _)) = &mut self.source else { return Poll::Ready(None) };
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
        polled
    }

    /// The same, compressed.
    fn poll_coded(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            let polled = self.poll_plain(cx);
            let Some(coder) = &mut self.coder else { return polled };
            let out = match polled {
                Poll::Pending => match coder.pause() {
                    Ok(None) => return Poll::Pending,
                    paused => paused,
                },
                Poll::Ready(None) => match coder.end() {
                    Ok(None) => return Poll::Ready(None),
                    ended => ended,
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(part) => coder.write(&part),
                    // Trailers are the last of a body.
                    Err(trailers) => {
                        self.last = Some(trailers);
                        coder.end()
                    }
                },
            };
            match out {
                Ok(None) => {}
                Ok(Some(part)) => return Poll::Ready(Some(Ok(Frame::data(part)))),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    /// Ends a stream of events for its client to come again.
    fn move_on(&mut self) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let ended = self.coder.as_mut().and_then(|coder| coder.end().ok().flatten());
        if let Some((_, ticket)) = self.source.take() {
            ticket.sent(ended.as_ref().map_or(0, Bytes::len));
            ticket.moved();
        }
        Poll::Ready(ended.map(|part| Ok(Frame::data(part))))
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
        let has_all = self.coder.is_none() && matches!(self.rest, Rest::Length(0));
        matches!(polled, Poll::Ready(None)) || has_all
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
            Self::Relay(relay) => relay.source.is_none() && relay.last.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty | Self::Page(None) => SizeHint::with_exact(0),
            Self::Page(Some(page)) => SizeHint::with_exact(page.len() as u64),
            Self::Relay(Relay { rest: Rest::Length(left), coder: None, .. }) => {
                SizeHint::with_exact(*left)
            }
            Self::Relay(_) => SizeHint::default(),
        }
    }
}
