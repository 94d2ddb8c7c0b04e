//! The bytes of one client's connection while it has requests: a request's head, its body and the response follow
//! each other.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use super::answer::write_field;
use super::head::{self, Head, Refused};
use super::peer::Peer;
use crate::engine::chunks::{Chunks, Piece};
use crate::engine::client::Client;
use crate::engine::request_body::BadBody;
use crate::engine::socket::Stream;

/// The least and the most of a body that is read at once, in bytes.
const LEAST_READ: usize = 8 << 10;
const MOST_READ: usize = 128 << 10;

/// So much is taken of what follows a request before that is answered, in bytes.
const MOST_AHEAD: usize = 64 << 10;

/// What asks a client for the body that it holds back (RFC 9110 §15.2.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What is still to come of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing.
    Nothing,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunks(Chunks),
    /// It is not known where it ends.
    Bad(BadBody),
    /// The client has gone.
    Gone,
}

/// Whether the client is asked for the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// It sends it anyway, or has been asked.
    Done,
    /// It holds it back until then.
    ToDo,
    /// It was answered before. It may send the body, or another request.
    Omitted,
}

/// A connection, shared by who serves it and by the body of the request under way. Both belong to one task.
pub(in crate::engine) struct Wire {
    client: Rc<Client>,
    /// None once somebody else has it.
    peer: RefCell<Option<Peer>>,
    /// What has been read and not been used.
    buffer: RefCell<BytesMut>,
    /// So much of the head that is coming has been looked at.
    looked: Cell<usize>,
    left: Cell<Left>,
    asking: Cell<Asking>,
    /// What goes to the client before the response.
    ahead: RefCell<Vec<u8>>,
    /// The client has closed its side.
    ended: Cell<bool>,
    /// How much of a body to read next.
    step: Cell<usize>,
}

impl Wire {
    /// Waits for the first bytes of a request, and takes the connection; none when the client has gone.
    pub(super) fn poll_begun(
        waiting: &mut Option<Peer>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Rc<Self>>> {
        let Some(peer) = waiting else { return Poll::Ready(None) };
        let mut first = BytesMut::new();
        let has_begun = matches!(ready!(peer.poll_read(cx, &mut first)), Ok(1..));
        let peer = waiting.take().filter(|_| has_begun);
        Poll::Ready(peer.map(|peer| Rc::new(Self::new(peer, first))))
    }

    /// A connection of which this much has come.
    fn new(peer: Peer, first: BytesMut) -> Self {
        Self {
            client: peer.client().clone(),
            peer: RefCell::new(Some(peer)),
            buffer: RefCell::new(first),
            looked: Cell::new(0),
            left: Cell::new(Left::Nothing),
            asking: Cell::new(Asking::Done),
            ahead: RefCell::default(),
            ended: Cell::new(false),
            step: Cell::new(LEAST_READ),
        }
    }

    pub(super) fn client(&self) -> &Rc<Client> {
        &self.client
    }

    /// Whether something has come that has not been used.
    pub(super) fn has_more(&self) -> bool {
        !self.buffer.borrow().is_empty()
    }

    /// Takes a request's head. None when the client has gone.
    pub(super) fn poll_head(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Head, Refused>>> {
        loop {
            match self.read_head() {
                Ok(None) => {}
                Ok(Some(head)) => return Poll::Ready(Some(Ok(head))),
                Err(refused) => return Poll::Ready(Some(Err(refused))),
            }
            if !matches!(ready!(self.poll_read(cx)), Ok(1..)) {
                return Poll::Ready(None);
            }
        }
    }

    /// Looks at what has come of a head. When its beginning is good, it is not looked at again before
    /// another line has ended: it may come byte by byte.
    fn read_head(&self) -> Result<Option<Head>, Refused> {
        let buffer = &mut *self.buffer.borrow_mut();
        if !buffer.is_empty() {
            self.client.has_read();
        }
        let most = self.client.worker.limits().head_bytes;
        let looked = self.looked.get().min(buffer.len());
        let is_new = looked == 0 || memchr::memchr(b'\n', &buffer[looked..]).is_some();
        if !is_new && buffer.len() < most {
            self.looked.set(buffer.len());
            return Ok(None);
        }
        let worker = &self.client.worker;
        let fields = &mut worker.fields.borrow_mut();
        let read = head::read(buffer, most, fields, || worker.headers.take())?;
        self.looked.set(if read.is_some() { 0 } else { buffer.len() });
        Ok(read)
    }

    /// Begins with a request of which so much is to come.
    pub(super) fn begin(&self, left: Left, expects_continue: bool) {
        self.left.set(left);
        let asks = expects_continue && left != Left::Nothing;
        self.asking.set(if asks { Asking::ToDo } else { Asking::Done });
    }

    /// What is still to come of the request's body.
    pub(super) fn left(&self) -> Left {
        self.left.get()
    }

    /// The response begins. What was to go before it and has not does so.
    pub(super) fn answers(&self, out: &mut Vec<u8>) {
        out.append(&mut self.ahead.borrow_mut());
        if self.asking.get() == Asking::ToDo {
            self.asking.set(Asking::Omitted);
        }
    }

    /// Whether another request may follow, as far as the client has kept to the rules, and can still say
    /// something.
    pub(super) fn may_go_on(&self) -> bool {
        !matches!(self.left.get(), Left::Bad(_) | Left::Gone)
            && self.asking.get() == Asking::Done
            && (!self.ended.get() || self.has_more())
    }

    /// Passes over what has come of a body that nobody wants, and makes room for another request; false
    /// when that cannot follow.
    pub(super) fn ends_request(&self) -> bool {
        self.step.set(LEAST_READ);
        self.skips()
    }

    /// Passes over what has come of the body; whether that was all.
    pub(super) fn skips(&self) -> bool {
        loop {
            match self.next() {
                Some(Ok(Piece::End)) => return true,
                Some(Ok(Piece::Data(_) | Piece::Trailers(_))) => {}
                Some(Err(_)) | None => return false,
            }
        }
    }

    /// The next piece of the body, of what has come.
    fn next(&self) -> Option<Result<Piece, BadBody>> {
        let buffer = &mut *self.buffer.borrow_mut();
        let (left, piece) = match self.left.get() {
            Left::Nothing => (Left::Nothing, Ok(Piece::End)),
            Left::Bad(bad) => return Some(Err(bad)),
            Left::Gone => return None,
            Left::Length(_) if buffer.is_empty() => return None,
            Left::Length(length) => {
                let here = usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len());
                let left = length - here as u64;
                let left = if left == 0 { Left::Nothing } else { Left::Length(left) };
                (left, Ok(Piece::Data(buffer.split_to(here).freeze())))
            }
            Left::Chunks(mut chunks) => match chunks.next(buffer) {
                Ok(Some(Piece::End)) => (Left::Nothing, Ok(Piece::End)),
                Ok(Some(piece)) => (Left::Chunks(chunks), Ok(piece)),
                Ok(None) => {
                    self.left.set(Left::Chunks(chunks));
                    return None;
                }
                Err(_) => (Left::Bad(BadBody::Malformed), Err(BadBody::Malformed)),
            },
        };
        self.left.set(left);
        Some(piece)
    }

    /// The next piece of the request's body, for which the client is asked if it waits for that. None comes of
    /// a client that has gone, which [`Self::poll_gone`] tells.
    pub(super) fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Result<Piece, BadBody>> {
        if self.asking.get() == Asking::ToDo {
            self.asking.set(Asking::Done);
            self.ahead.borrow_mut().extend_from_slice(CONTINUE);
        }
        if ready!(self.poll_ahead(cx)).is_err() {
            return Poll::Pending;
        }
        loop {
            if let Some(next) = self.next() {
                return Poll::Ready(next);
            }
            if self.left.get() == Left::Gone {
                return Poll::Pending;
            }
            match ready!(self.poll_fill(cx)) {
                Ok(1..) => {}
                Ok(0) => self.left.set(Left::Bad(BadBody::BrokenOff)),
                Err(_) => self.left.set(Left::Gone),
            }
        }
    }

    /// Has hints go to the client before the response.
    pub(in crate::engine) fn hints(&self, headers: &HeaderMap) {
        let ahead = &mut *self.ahead.borrow_mut();
        ahead.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\n");
        for (name, value) in headers {
            write_field(ahead, name, value.as_bytes());
        }
        ahead.extend_from_slice(b"\r\n");
    }

    /// Sends what goes before the response.
    pub(super) fn poll_ahead(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ahead = &mut *self.ahead.borrow_mut();
        if ahead.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while !ahead.is_empty() {
            match ready!(self.poll_write(cx, &[IoSlice::new(ahead)])) {
                Ok(written) => drop(ahead.drain(..written)),
                Err(error) => {
                    self.left.set(Left::Gone);
                    return Poll::Ready(Err(error));
                }
            }
        }
        // What is encrypted and cannot go out now goes with what is written next.
        let _ = self.poll_flush(cx);
        Poll::Ready(Ok(()))
    }

    /// Ready when the client has gone, which is noticed once all of its request has come. What comes
    /// of the next one meanwhile is kept. One that closes its side may wait for its answer nevertheless,
    /// and has a little time for it.
    pub(super) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        while self.left.get() == Left::Nothing
            && !self.ended.get()
            && self.buffer.borrow().len() < MOST_AHEAD
        {
            let Poll::Ready(read) = self.poll_read(cx) else { return Poll::Pending };
            match read {
                Ok(1..) => {}
                Ok(0) => self.ended.set(true),
                Err(_) => self.left.set(Left::Gone),
            }
        }
        if self.ended.get() {
            self.client.has_closed();
        }
        if self.left.get() == Left::Gone { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Reads what has come, however little it is.
    fn poll_read(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let buffer = &mut *self.buffer.borrow_mut();
        self.with_peer(|peer| peer.poll_read(cx, buffer))
    }

    /// Reads what has come of a body.
    fn poll_fill(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let buffer = &mut *self.buffer.borrow_mut();
        let step = self.step.get();
        buffer.reserve(step);
        let room = buffer.capacity() - buffer.len();
        let read = ready!(self.with_peer(|peer| peer.poll_fill(cx, buffer)))?;
        if read == room {
            self.step.set((step * 2).min(MOST_READ));
        } else if read < step / 4 {
            self.step.set((step / 2).max(LEAST_READ));
        }
        Poll::Ready(Ok(read))
    }

    /// Writes one slice behind the other, as much as the client takes.
    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with_peer(|peer| peer.poll_write(cx, slices))
    }

    /// Has what was written go out.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with_peer(|peer| peer.poll_flush(cx))
    }

    fn with_peer<T>(
        &self,
        poll: impl FnOnce(&mut Peer) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut *self.peer.borrow_mut() {
            Some(peer) => poll(peer),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Hands the client over, between two requests.
    pub(super) fn take_peer(&self) -> Option<Peer> {
        self.peer.take()
    }

    /// Hands the connection over, with what has been read of it.
    pub(super) fn take(&self) -> Option<(Stream, Bytes)> {
        let stream = self.take_peer()?.into_stream()?;
        Some((stream, self.buffer.take().freeze()))
    }
}
