//! The bytes of one client's connection, on which a request's head, its body and the response follow each
//! other.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::head::{self, Head, Refused};
use crate::engine::chunks::{Chunks, Piece};
use crate::engine::client::Client;
use crate::engine::socket::Stream;

/// So much is read at once before it is known what comes, in bytes.
const ROOM: usize = 64 << 10;

/// The least and the most of a body that is read at once, in bytes.
const LEAST_READ: usize = 8 << 10;
const MOST_READ: usize = 128 << 10;

/// So much is taken of what follows a request before that is answered, in bytes.
const MOST_AHEAD: usize = 64 << 10;

/// How long a connection is listened to after the edge has closed its side. How much comes meanwhile does
/// not count: a client may be in the middle of a large body, and reads the answer when it gets to it.
const LINGER: Duration = Duration::from_secs(2);

/// What asks a client for the body that it holds back (RFC 9110 §15.2.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Room for what is read, which the connections of one thread use one after the other: so one that waits
/// needs none.
pub(in crate::engine) struct Room(Box<[u8]>);

impl Default for Room {
    fn default() -> Self {
        Self(vec![0; ROOM].into())
    }
}

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
    Broken,
}

/// A connection, shared by who serves it and by the body of the request under way. Both belong to one task.
pub(super) struct Wire {
    client: Rc<Client>,
    /// None once somebody else has it.
    stream: RefCell<Option<Stream>>,
    /// What has been read and not been used.
    buffer: RefCell<BytesMut>,
    /// So much of the head that is coming has been looked at.
    looked: Cell<usize>,
    left: Cell<Left>,
    /// What is to be sent before the client sends the body.
    asks: Cell<&'static [u8]>,
    /// The client was answered before it was asked for the body. It may send that, or another request.
    unasked: Cell<bool>,
    /// How much of a body to read next.
    step: Cell<usize>,
}

impl Wire {
    pub(super) fn new(client: Rc<Client>, stream: Stream) -> Self {
        Self {
            client,
            stream: RefCell::new(Some(stream)),
            buffer: RefCell::default(),
            looked: Cell::new(0),
            left: Cell::new(Left::Nothing),
            asks: Cell::default(),
            unasked: Cell::new(false),
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

    /// Waits for the first bytes of a request; false when there are none, as the client has gone.
    pub(super) fn poll_begun(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.poll_read(cx).map(|read| matches!(read, Ok(1..)))
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
        let read =
            head::read(buffer, most, &mut worker.fields.borrow_mut(), worker.headers.take())?;
        self.looked.set(if read.is_some() { 0 } else { buffer.len() });
        Ok(read)
    }

    /// Begins with a request of which so much is to come.
    pub(super) fn begin(&self, left: Left, expects_continue: bool) {
        self.left.set(left);
        let asks = expects_continue && left != Left::Nothing;
        self.asks.set(if asks { CONTINUE } else { b"" });
    }

    /// What is still to come of the request's body.
    pub(super) fn left(&self) -> Left {
        self.left.get()
    }

    /// The response begins. What asks for the body and has gone out in part goes before it.
    pub(super) fn answers(&self, out: &mut Vec<u8>) {
        let asks = self.asks.take();
        self.unasked.set(asks == CONTINUE);
        if asks != CONTINUE {
            out.extend_from_slice(asks);
        }
    }

    /// Whether another request may follow, as far as the client has kept to the rules.
    pub(super) fn may_go_on(&self) -> bool {
        self.left.get() != Left::Broken && !self.unasked.get()
    }

    /// Passes over what has come of a body that nobody wants, and makes room for another request; false
    /// when that cannot follow.
    pub(super) fn ends_request(&self) -> bool {
        let ends = self.skips();
        self.step.set(LEAST_READ);
        let buffer = &mut *self.buffer.borrow_mut();
        if buffer.is_empty() {
            *buffer = BytesMut::new();
        }
        ends
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
    fn next(&self) -> Option<io::Result<Piece>> {
        let buffer = &mut *self.buffer.borrow_mut();
        let (left, piece) = match self.left.get() {
            Left::Nothing => (Left::Nothing, Piece::End),
            Left::Broken => return Some(Err(io::ErrorKind::InvalidData.into())),
            Left::Length(_) if buffer.is_empty() => return None,
            Left::Length(length) => {
                let here = usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len());
                let left = length - here as u64;
                let left = if left == 0 { Left::Nothing } else { Left::Length(left) };
                (left, Piece::Data(buffer.split_to(here).freeze()))
            }
            Left::Chunks(mut chunks) => match chunks.next(buffer) {
                Ok(Some(Piece::End)) => (Left::Nothing, Piece::End),
                Ok(Some(piece)) => (Left::Chunks(chunks), piece),
                Ok(None) => {
                    self.left.set(Left::Chunks(chunks));
                    return None;
                }
                Err(_) => {
                    self.left.set(Left::Broken);
                    return Some(Err(io::ErrorKind::InvalidData.into()));
                }
            },
        };
        self.left.set(left);
        Some(Ok(piece))
    }

    /// The next piece of the request's body, for which the client is asked if it waits for that.
    pub(super) fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<io::Result<Piece>> {
        if !self.asks.get().is_empty() {
            ready!(self.poll_ask(cx))?;
        }
        loop {
            if let Some(next) = self.next() {
                return Poll::Ready(next);
            }
            let read = ready!(self.poll_fill(cx));
            if !matches!(read, Ok(1..)) {
                self.left.set(Left::Broken);
                let gone = || io::ErrorKind::UnexpectedEof.into();
                return Poll::Ready(Err(read.err().unwrap_or_else(gone)));
            }
        }
    }

    fn poll_ask(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.asks.get().is_empty() {
            let written = ready!(self.poll_write(cx, &[IoSlice::new(self.asks.get())]))?;
            self.asks.set(&self.asks.get()[written..]);
        }
        // What is encrypted and cannot go out now goes with what is written next.
        let _ = self.poll_flush(cx)?;
        Poll::Ready(Ok(()))
    }

    /// Ready when the client has gone, which is noticed once all of its request has come. What comes
    /// of the next one meanwhile is kept.
    pub(super) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        while self.left.get() == Left::Nothing && self.buffer.borrow().len() < MOST_AHEAD {
            if !matches!(ready!(self.poll_read(cx)), Ok(1..)) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Reads what has come, however little it is.
    fn poll_read(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = &mut *self.stream.borrow_mut();
        let stream = stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let room = &mut *self.client.worker.room.borrow_mut();
        let mut read = ReadBuf::new(&mut room.0);
        ready!(Pin::new(stream).poll_read(cx, &mut read))?;
        self.client.has_read();
        self.buffer.borrow_mut().extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Reads what has come of a body, where it stays: that may be much.
    fn poll_fill(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = &mut *self.stream.borrow_mut();
        let stream = stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let buffer = &mut *self.buffer.borrow_mut();
        let step = self.step.get();
        buffer.reserve(step);
        let room = buffer.capacity() - buffer.len();
        let read = ready!(poll_read_buf(Pin::new(stream), cx, buffer))?;
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
        let stream = &mut *self.stream.borrow_mut();
        let stream = Pin::new(stream.as_mut().ok_or(io::ErrorKind::NotConnected)?);
        // A plain write costs the kernel noticeably less than a gathered one.
        let polled = match slices {
            [only] => stream.poll_write(cx, only),
            several => stream.poll_write_vectored(cx, several),
        };
        self.client.has_written(&polled);
        polled.map(|written| match written {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            written => written,
        })
    }

    /// Has what was written go out.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = &mut *self.stream.borrow_mut();
        let stream = Pin::new(stream.as_mut().ok_or(io::ErrorKind::NotConnected)?);
        let polled = stream.poll_flush(cx);
        // What is encrypted may have been taken and not be out yet.
        self.client.has_written(&polled);
        polled
    }

    /// Hands the connection over, with what has been read of it.
    pub(super) fn take(&self) -> Option<(Stream, Bytes)> {
        let stream = self.stream.take()?;
        Some((stream, self.buffer.take().freeze()))
    }
}

/// A socket that is closed while the client still sends is reset, and the client may never see the
/// response that said why (RFC 9112 §9.6). So the edge closes its own side and listens a little longer.
impl Drop for Wire {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        let stream = stream.into_tcp(self.client.is_at_rest());
        let client_is_there = matches!(stream.try_read(&mut [0; 512]), Ok(1..) | Err(_));
        if client_is_there && !self.client.worker.is_closing() && !std::thread::panicking() {
            tokio::task::spawn_local(linger(stream));
        }
    }
}

/// Closes the edge's side, and listens a little longer.
pub(in crate::engine) async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let listened = async {
        stream.shutdown().await?;
        let mut buffer = vec![0; 16 << 10];
        while stream.read(&mut buffer).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER, listened).await;
}
