//! The body of a request on its way to a container: a part is taken from the client when the container
//! has taken the one before.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes};
use http::HeaderMap;
use hyper::body::{Body, Frame};
use tokio::net::TcpStream;
use tokio_util::io::poll_write_buf;

use crate::compiled::Fields;
use crate::engine::outgoing::Length;
use crate::engine::request_body::{BadBody, RequestBody};
use crate::engine::ticket::Meter;
use crate::engine::trailers;

pub(in crate::engine) struct Upload {
    incoming: RequestBody,
    meter: Meter,
    /// What the service's rules say of fields.
    fields: Option<Arc<Fields>>,
    chunked: bool,
    /// What the container has not taken: a part, with what frames it before and behind.
    going: [Bytes; 3],
    /// How much more may come, in bytes.
    room: u64,
    /// All of the client's body is in `going` or gone.
    last: bool,
    /// A client that expects `100 Continue` sends nothing before it; so its body is not asked for
    /// before the container has said so.
    held: bool,
    /// The client is to send more and has not.
    starved: bool,
    /// When the last part was taken from the client.
    progress: Instant,
}

/// Why a body did not get through.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) enum Stopped {
    /// The client did not send it to its end.
    ByClient(BadBody),
    /// It is larger than the service takes.
    TooLarge,
    /// The container does not take it.
    ByContainer,
}

impl Upload {
    /// The body of a client's request, unless it has none. More than `most` bytes of it do not go out.
    pub(in crate::engine) fn of(
        incoming: RequestBody,
        meter: Meter,
        length: Length,
        held: bool,
        most: Option<u64>,
        fields: Option<Arc<Fields>>,
    ) -> Option<Self> {
        let chunked = match length {
            Length::None | Length::Known(0) => return None,
            Length::Known(_) => false,
            Length::Chunked => true,
        };
        Some(Self {
            incoming,
            meter,
            fields,
            chunked,
            room: most.unwrap_or(u64::MAX),
            going: Default::default(),
            last: false,
            held,
            starved: false,
            progress: Instant::now(),
        })
    }

    pub(in crate::engine) fn is_held(&self) -> bool {
        self.held
    }

    /// Lets the body go: the container has asked for it, or has had long enough to.
    pub(in crate::engine) fn release(&mut self) {
        self.held = false;
    }

    pub(in crate::engine) fn is_starved(&self) -> bool {
        self.starved
    }

    pub(in crate::engine) fn progress(&self) -> Instant {
        self.progress
    }

    /// Sends as much as goes; ready when all is sent.
    pub(in crate::engine) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut TcpStream,
    ) -> Poll<Result<(), Stopped>> {
        loop {
            while self.is_going() {
                let [before, part, behind] = &mut self.going;
                let mut all = before.chain(part).chain(behind);
                let written = ready!(poll_write_buf(Pin::new(&mut *stream), cx, &mut all));
                if !matches!(written, Ok(1..)) {
                    return Poll::Ready(Err(Stopped::ByContainer));
                }
            }
            if self.last {
                return Poll::Ready(Ok(()));
            }
            match ready!(self.poll_part(cx)) {
                Some(Ok(frame)) => self.take(frame),
                Some(Err(stopped)) => return Poll::Ready(Err(stopped)),
                None => self.end(None),
            }
        }
    }

    /// The next part of what the client sends.
    pub(in crate::engine) fn poll_part(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Stopped>>> {
        if self.held {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        self.starved = polled.is_pending();
        let next = ready!(polled);
        self.progress = Instant::now();
        Poll::Ready(match next {
            Some(Ok(frame)) if self.has_room_for(&frame) => {
                self.meter.pass(frame.data_ref().map_or(0, Bytes::len));
                Some(Ok(self.clean(frame)))
            }
            Some(Ok(_)) => Some(Err(Stopped::TooLarge)),
            Some(Err(bad)) => Some(Err(Stopped::ByClient(bad))),
            None => None,
        })
    }

    /// Whether the client has sent all, and all of it has been taken.
    pub(in crate::engine) fn is_at_end(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn is_going(&self) -> bool {
        self.going.iter().any(|part| !part.is_empty())
    }

    /// Whether a frame is within what may come, from which it is taken.
    fn has_room_for(&mut self, frame: &Frame<Bytes>) -> bool {
        let bytes = frame.data_ref().map_or(0, |part| part.len() as u64);
        self.room.checked_sub(bytes).map(|room| self.room = room).is_some()
    }

    /// A frame as the container may have it.
    fn clean(&self, mut frame: Frame<Bytes>) -> Frame<Bytes> {
        if let Some(trailers) = frame.trailers_mut() {
            trailers::clean(trailers, self.fields.as_ref().map(|fields| &fields.request));
        }
        frame
    }

    fn take(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(part) if part.is_empty() => {}
            Ok(part) if self.chunked => {
                let size = Bytes::from(format!("{:x}\r\n", part.len()));
                self.going = [size, part, Bytes::from_static(b"\r\n")];
            }
            Ok(part) => {
                self.going[1] = part;
                self.last = self.incoming.is_end_stream();
            }
            Err(frame) => self.end(frame.trailers_ref()),
        }
    }

    fn end(&mut self, trailers: Option<&HeaderMap>) {
        self.last = true;
        if self.chunked {
            let mut end = b"0\r\n".to_vec();
            for (name, value) in trailers.into_iter().flatten() {
                for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                    end.extend_from_slice(part);
                }
            }
            end.extend_from_slice(b"\r\n");
            self.going[1] = end.into();
        }
    }
}
