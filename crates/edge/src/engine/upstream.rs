//! A connection to a container, and one request over it.
//!
//! A connection has no task of its own: whoever uses it drives it. So a request and its response
//! take one task from the client's socket to the container's and back, nothing is handed between tasks,
//! and what is dropped is closed. A connection that waits in a pool is driven by nobody; it is looked
//! at when it is taken out.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use hyper::body::Frame;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_util::io::poll_read_buf;

use super::chunks::{Chunks, Piece};
use super::hints::Early;
use super::outgoing::Outgoing;
use super::request_body::BadBody;
use super::worker::Worker;

pub(in crate::engine) mod head;
mod upload;

pub(super) use head::{Framing, Head, Malformed};
pub(super) use upload::{Stopped, Upload};

/// How long a body is held for a container's `100 Continue` before it is sent without (RFC 9110
/// §10.1.1 forbids to wait for ever).
const CONTINUE_WITHIN: Duration = Duration::from_secs(1);

/// The least and the most that is read at once, in bytes.
const LEAST_READ: usize = 8 << 10;
const MOST_READ: usize = 128 << 10;

/// A connection to a container.
pub(super) struct Conn {
    stream: TcpStream,
    /// What has been read and not been used.
    buffer: BytesMut,
    /// How much to read next.
    step: usize,
    /// The rest of the body of the request under way.
    upload: Option<Upload>,
    /// When the body of the request under way had been sent, if it had one.
    uploaded: Option<Instant>,
    /// The body does not go out to its end, so that the container waits for what never comes.
    abandoned: Option<Abandoned>,
    /// No other request can follow.
    spent: bool,
}

/// Why a body does not go out to its end.
#[derive(Debug, Clone, Copy)]
enum Abandoned {
    /// The client has not sent all of it.
    ByClient(BadBody),
    /// It is too large.
    TooLarge,
}

/// Why there is no response.
pub(super) enum Lost {
    /// The connection was gone before any of the request went out.
    Unsent,
    /// The connection broke after the request was begun.
    Broken,
    /// What came back is no response.
    Malformed(Malformed),
    /// The container took too long.
    Late,
    /// The client took too long to send the body.
    ClientLate,
    /// The body does not come to its end.
    BadBody(BadBody),
    /// The body is larger than the service takes.
    TooLarge,
}

/// What is still to come of a response's body.
pub(super) enum Rest {
    Length(u64),
    Chunks(Chunks),
    UntilClose,
}

impl Rest {
    /// Whether a chunk has ended and the next one has not begun.
    pub(super) fn is_between_chunks(&self) -> bool {
        matches!(self, Self::Chunks(chunks) if chunks.is_between())
    }
}

impl From<Framing> for Rest {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunks(Chunks::default()),
            Framing::UntilClose => Self::UntilClose,
        }
    }
}

/// A container's host that has been silent for so long is asked whether it is there.
const SILENT: Duration = Duration::from_secs(5);
/// From one such question to the next.
const ASKED: Duration = Duration::from_secs(1);

/// Connects. The connection breaks when the container's host leaves what is sent to it unacknowledged
/// for as long as connecting may take: a host that is lost says nothing, and a request that hangs there
/// can be answered by another one.
pub(super) async fn connect(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = tokio::time::timeout(timeout, TcpStream::connect(address))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "it does not answer"))??;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_user_timeout(Some(timeout))?;
    // While a response is waited for nothing is sent, so the kernel asks whether the host is there.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENT).with_interval(ASKED))?;
    Ok(stream)
}

impl Conn {
    /// Connects, as [`connect`] does.
    pub(super) async fn open(address: SocketAddr, timeout: Duration) -> io::Result<Box<Self>> {
        let stream = connect(address, timeout).await?;
        let buffer = BytesMut::new();
        Ok(Box::new(Self {
            stream,
            buffer,
            step: LEAST_READ,
            upload: None,
            uploaded: None,
            abandoned: None,
            spent: false,
        }))
    }

    /// Whether a request can be sent: the container has neither closed the connection nor said
    /// anything unasked.
    pub(super) fn is_fresh(&self) -> bool {
        let unread = self.stream.try_read(&mut [0]);
        matches!(unread, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Whether the last exchange has ended on both sides and another may follow.
    pub(super) fn is_reusable(&self) -> bool {
        !self.spent && self.upload.is_none() && self.buffer.is_empty()
    }

    /// Passes over a body that has come whole already, so that another request can follow. False when
    /// more of it is to come.
    pub(super) fn skip(&mut self, framing: Framing) -> bool {
        match framing {
            Framing::Length(length) => {
                let whole = usize::try_from(length).ok().filter(|l| *l <= self.buffer.len());
                whole.inspect(|length| self.buffer.advance(*length)).is_some()
            }
            Framing::Chunked => {
                let mut chunks = Chunks::default();
                loop {
                    match chunks.next(&mut self.buffer) {
                        Ok(Some(Piece::End)) => return true,
                        Ok(Some(Piece::Data(_) | Piece::Trailers(_))) => {}
                        Ok(None) | Err(_) => return false,
                    }
                }
            }
            Framing::UntilClose => false,
        }
    }

    /// Whether the request's body is still going out.
    pub(super) fn is_uploading(&self) -> bool {
        self.upload.is_some()
    }

    /// Lets go of memory that a connection without a request does not need.
    pub(super) fn rest(&mut self) {
        self.step = LEAST_READ;
        if self.buffer.capacity() > 2 * LEAST_READ {
            self.buffer = BytesMut::new();
        }
    }

    /// The socket and what has been read from it, once the container has switched protocols.
    pub(super) fn into_parts(self) -> (TcpStream, Bytes) {
        (self.stream, self.buffer.freeze())
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.reserve(self.step);
        let room = self.buffer.capacity() - self.buffer.len();
        let read = ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.buffer))?;
        if read == room {
            self.step = (self.step * 2).min(MOST_READ);
        } else if read < self.step / 4 {
            self.step = (self.step / 2).max(LEAST_READ);
        }
        Poll::Ready(Ok(read))
    }

    /// Sends what there is of the request's body. A container that does not take it may still answer.
    fn send_body(&mut self, cx: &mut Context<'_>) {
        let Some(upload) = &mut self.upload else { return };
        if let Poll::Ready(sent) = upload.poll_send(cx, &mut self.stream) {
            self.spent |= sent.is_err();
            self.abandoned = match sent {
                Ok(()) | Err(Stopped::ByContainer) => None,
                Err(Stopped::ByClient(bad)) => Some(Abandoned::ByClient(bad)),
                Err(Stopped::TooLarge) => Some(Abandoned::TooLarge),
            };
            self.upload = None;
            self.uploaded = Some(Instant::now());
        }
    }

    /// The next part of the response's body.
    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        rest: &mut Rest,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.send_body(cx);
        if self.abandoned.is_some() {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        loop {
            match rest {
                Rest::Length(0) => return Poll::Ready(None),
                Rest::Length(left) if !self.buffer.is_empty() => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(self.buffer.len());
                    *left -= here as u64;
                    let part = self.buffer.split_to(here).freeze();
                    return Poll::Ready(Some(Ok(Frame::data(part))));
                }
                Rest::UntilClose if !self.buffer.is_empty() => {
                    return Poll::Ready(Some(Ok(Frame::data(self.buffer.split().freeze()))));
                }
                Rest::Chunks(chunks) => match chunks.next(&mut self.buffer) {
                    Ok(Some(Piece::Data(part))) => return Poll::Ready(Some(Ok(Frame::data(part)))),
                    Ok(Some(Piece::Trailers(trailers))) => {
                        return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                    }
                    Ok(Some(Piece::End)) => return Poll::Ready(None),
                    Ok(None) => {}
                    Err(_) => return Poll::Ready(Some(Err(io::ErrorKind::InvalidData.into()))),
                },
                Rest::Length(_) | Rest::UntilClose => {}
            }
            if let Rest::Length(left) = rest {
                // What is known to come is read at once.
                let left = usize::try_from(*left).unwrap_or(usize::MAX);
                self.step = left.clamp(LEAST_READ, MOST_READ);
            }
            match ready!(self.poll_fill(cx)) {
                Ok(0) if matches!(rest, Rest::UntilClose) => return Poll::Ready(None),
                Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

/// One request and the head of its response.
pub(super) struct Exchange<'e> {
    pub(super) conn: &'e mut Conn,
    pub(super) request: &'e Outgoing,
    /// The head of the request.
    pub(super) head: &'e [u8],
    /// An empty map, whose room is used for the response.
    pub(super) headers: &'e mut HeaderMap,
    pub(super) worker: &'e Worker,
    /// How long the container may take, from the moment that the last part of the request has come.
    pub(super) timeout: Duration,
    /// What is done with hints that come before the response.
    pub(super) early: Early<'e>,
}

impl Exchange<'_> {
    /// Sends the request and waits for the response. `timer` is one that is used again and again,
    /// because moving a running timer on costs next to nothing. A body is put back when the request
    /// has not gone out.
    pub(super) async fn run(
        mut self,
        body: &mut Option<Upload>,
        mut timer: Pin<&mut Sleep>,
    ) -> Result<Head, Lost> {
        self.conn.upload = body.take();
        self.conn.uploaded = None;
        let held = self.conn.upload.as_ref().is_some_and(Upload::is_held);
        let first = if held { self.timeout.min(CONTINUE_WITHIN) } else { self.timeout };
        timer.as_mut().reset(self.worker.deadline(first));
        let outcome = poll_fn(|cx| {
            loop {
                if let Poll::Ready(outcome) = self.poll(cx) {
                    return Poll::Ready(outcome);
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                match self.on_timer() {
                    Ok(next) => timer.as_mut().reset(next.into()),
                    Err(lost) => return Poll::Ready(Err(lost)),
                }
            }
        })
        .await;
        match &outcome {
            Ok(head) => self.conn.spent |= !head.keep_alive,
            Err(_) => *body = self.conn.upload.take(),
        }
        outcome
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Head, Lost>> {
        let whole = self.head.len();
        loop {
            let mut stream = Pin::new(&mut self.conn.stream);
            while !self.head.is_empty() && !self.conn.spent {
                match stream.as_mut().poll_write(cx, self.head) {
                    Poll::Ready(Ok(written)) => self.head = &self.head[written..],
                    Poll::Ready(Err(_)) if self.head.len() == whole => {
                        return Poll::Ready(Err(Lost::Unsent));
                    }
                    // It may have answered before it closed.
                    Poll::Ready(Err(_)) => self.conn.spent = true,
                    Poll::Pending => break,
                }
            }
            match self.read() {
                Ok(Some(head)) => {
                    // A container that answers without asking for the body may want it all the same.
                    if let Some(upload) = &mut self.conn.upload {
                        upload.release();
                    }
                    return Poll::Ready(Ok(head));
                }
                Ok(None) => {}
                Err(malformed) => return Poll::Ready(Err(Lost::Malformed(malformed))),
            }
            // After reading, as what was read may have asked for the body.
            if self.head.is_empty() {
                self.conn.send_body(cx);
            }
            match self.conn.abandoned {
                None => {}
                Some(Abandoned::ByClient(bad)) => return Poll::Ready(Err(Lost::BadBody(bad))),
                Some(Abandoned::TooLarge) => return Poll::Ready(Err(Lost::TooLarge)),
            }
            if !matches!(ready!(self.conn.poll_fill(cx)), Ok(1..)) {
                return Poll::Ready(Err(Lost::Broken));
            }
        }
    }

    /// Reads a head that is final; what is said before only concerns the edge (RFC 9110 §15.2), but for hints.
    fn read(&mut self) -> Result<Option<Head>, Malformed> {
        loop {
            let read = head::read_head(
                &mut self.conn.buffer,
                self.worker.limits().head_bytes,
                self.request.is_head,
                &mut self.worker.fields.borrow_mut(),
                self.headers,
            )?;
            let Some(head) = read else { return Ok(None) };
            if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Some(head));
            }
            if let Some(upload) = &mut self.conn.upload
                && head.status == StatusCode::CONTINUE
            {
                upload.release();
            }
            self.early.take(head.status, head.headers);
        }
    }

    /// The timer has run out: when to look next, or who is late.
    fn on_timer(&mut self) -> Result<Instant, Lost> {
        let now = Instant::now();
        let (since, lost) = match &mut self.conn.upload {
            Some(upload) if upload.is_held() => {
                upload.release();
                (Some(now), Lost::Late)
            }
            Some(upload) if upload.is_starved() => (Some(upload.progress()), Lost::ClientLate),
            Some(upload) => (Some(upload.progress()), Lost::Late),
            None => (self.conn.uploaded, Lost::Late),
        };
        let next = since.map(|since| since + self.timeout).filter(|next| *next > now);
        next.ok_or(lost)
    }
}
