//! A response on its way to a client by HTTP/1.
//!
//! What is there at once goes out at once, as one write; no more is taken from the container than that until
//! the client has taken it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::{Body, Frame};
use hyper::ext::ReasonPhrase;

use super::outbox::Outbox;
use super::wire::Wire;
use crate::engine::body::ResponseBody;

/// So many slices are written at once.
const SLICES: usize = 16;

/// So much is gathered before it is written, in bytes.
const GATHERED: usize = 128 << 10;

/// Of a request, what its response depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) is_head: bool,
    pub(super) is_1_0: bool,
    /// The client may send another request.
    pub(super) keep_alive: bool,
}

/// How the body of a response is framed (RFC 9112 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// There is none.
    Nothing,
    /// So many bytes more.
    Length(u64),
    Chunked,
    UntilClose,
}

/// A response, as far as it has not been sent.
pub(super) struct Answer<'w> {
    wire: &'w Wire,
    body: ResponseBody,
    framing: Framing,
    keep_alive: bool,
    out: Outbox,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// More may come.
    Open,
    /// All has come.
    Whole,
    /// The body breaks off: what has come is sent, and the connection closed.
    Broken,
}

impl<'w> Answer<'w> {
    /// Begins with the head of a response.
    pub(super) fn begin(wire: &'w Wire, asked: Asked, response: Response<ResponseBody>) -> Self {
        let (mut parts, body) = response.into_parts();
        let worker = &wire.client().worker;
        let switches = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        let framing = framing(&parts, &body, asked);
        let mut out = worker.outs.take();
        wire.answers(&mut out);
        let follows = matches!(body, ResponseBody::Relay(_)) || wire.skips();
        let keep_alive = asked.keep_alive
            && follows
            && !worker.is_leaving()
            && framing != Framing::UntilClose
            && wire.may_go_on();
        write_head(&mut out, &parts, framing, asked, &body);
        if !switches {
            write_connection(&mut out, asked, keep_alive);
        }
        if !parts.headers.contains_key(header::DATE) {
            worker.write_date(&mut out);
        }
        out.extend_from_slice(b"\r\n");
        // Its room is the next request's.
        parts.headers.clear();
        worker.headers.keep(parts.headers);
        let stage = if framing == Framing::Nothing { Stage::Whole } else { Stage::Open };
        Self { wire, body, framing, keep_alive, out: Outbox::new(out), stage }
    }

    /// Whether another request may follow.
    pub(super) fn keeps_alive(&self) -> bool {
        self.keep_alive
    }

    /// Sends as much as goes; ready at the end, with whether that was the end of the response.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            let waits = self.gather(cx);
            if ready!(self.poll_write(cx)).is_err() {
                return Poll::Ready(false);
            }
            if self.stage == Stage::Open && !waits {
                continue;
            }
            if ready!(self.wire.poll_flush(cx)).is_err() {
                return Poll::Ready(false);
            }
            return match self.stage {
                Stage::Open => Poll::Pending,
                Stage::Whole => Poll::Ready(true),
                Stage::Broken => Poll::Ready(false),
            };
        }
    }

    /// Takes what has come of the body, as long as there is room for it; whether more has to be waited for.
    fn gather(&mut self, cx: &mut Context<'_>) -> bool {
        while self.stage == Stage::Open && self.out.len() < GATHERED {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return true,
                Poll::Ready(None) => self.end(None),
                Poll::Ready(Some(Err(_))) => self.stage = Stage::Broken,
                Poll::Ready(Some(Ok(frame))) => self.take(frame),
            }
        }
        false
    }

    fn take(&mut self, frame: Frame<Bytes>) {
        let part = match frame.into_data() {
            Ok(part) if part.is_empty() => return,
            Ok(part) => part,
            Err(frame) => return self.end(frame.trailers_ref()),
        };
        match &mut self.framing {
            Framing::Chunked => {
                write_size(self.out.text(), part.len());
                self.out.put(part);
                self.out.text().extend_from_slice(b"\r\n");
                return;
            }
            Framing::Length(left) => *left = left.saturating_sub(part.len() as u64),
            Framing::UntilClose | Framing::Nothing => {}
        }
        self.out.put(part);
        if self.body.is_end_stream() {
            self.end(None);
        }
    }

    fn end(&mut self, trailers: Option<&HeaderMap>) {
        self.stage = match self.framing {
            Framing::Length(1..) => Stage::Broken,
            _ => Stage::Whole,
        };
        if self.framing == Framing::Chunked {
            let out = self.out.text();
            out.extend_from_slice(b"0\r\n");
            let trailers = trailers.into_iter().flatten();
            for (name, value) in trailers.filter(|(name, _)| may_trail(name)) {
                write_field(out, name, value.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Writes all that was gathered.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.out.len() > 0 {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let n = self.out.slices(&mut slices);
            let written = ready!(self.wire.poll_write(cx, &slices[..n]))?;
            self.out.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        self.wire.client().worker.outs.keep_room(self.out.take_room());
    }
}

/// How the body of a response is framed.
fn framing(parts: &Parts, body: &ResponseBody, asked: Asked) -> Framing {
    let never = parts.status.is_informational()
        || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if asked.is_head || never {
        return Framing::Nothing;
    }
    // Where the body does not know, the container has said it, and is held to it.
    let said = || parts.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    match body.size_hint().exact().or_else(said) {
        Some(0) => Framing::Nothing,
        Some(length) => Framing::Length(length),
        None if asked.is_1_0 => Framing::UntilClose,
        None => Framing::Chunked,
    }
}

fn write_head(
    out: &mut Vec<u8>,
    parts: &Parts,
    framing: Framing,
    asked: Asked,
    body: &ResponseBody,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(parts.status.as_str().as_bytes());
    out.push(b' ');
    let reason = parts.extensions.get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
    let usual = || parts.status.canonical_reason().unwrap_or_default().as_bytes();
    out.extend_from_slice(reason.unwrap_or_else(usual));
    out.extend_from_slice(b"\r\n");
    let mut has_length = false;
    for (name, value) in &parts.headers {
        if *name == header::CONTENT_LENGTH {
            has_length = true;
            // Of a body that is not there it is said how long the one is that GET would get.
            if framing != Framing::Nothing || !may_have_length(parts.status) {
                continue;
            }
        }
        write_field(out, name, value.as_bytes());
    }
    match framing {
        Framing::Length(length) => write_length(out, length),
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::UntilClose => {}
        Framing::Nothing if has_length || parts.status == StatusCode::NOT_MODIFIED => {}
        Framing::Nothing if !may_have_length(parts.status) => {}
        Framing::Nothing => match body.size_hint().exact() {
            Some(length) if !asked.is_head || length > 0 => write_length(out, length),
            _ => {}
        },
    }
}

/// Whether a response may say how long its body is (RFC 9110 §8.6).
fn may_have_length(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT
}

fn write_connection(out: &mut Vec<u8>, asked: Asked, keep_alive: bool) {
    if !keep_alive {
        out.extend_from_slice(b"connection: close\r\n");
    } else if asked.is_1_0 {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
}

pub(super) fn write_field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn write_length(out: &mut Vec<u8>, length: u64) {
    use std::io::Write;
    // Writing to memory does not fail.
    let _ = write!(out, "content-length: {length}\r\n");
}

fn write_size(out: &mut Vec<u8>, size: usize) {
    use std::io::Write;
    let _ = write!(out, "{size:x}\r\n");
}

/// Whether a field may come behind a body (RFC 9110 §6.5.1).
fn may_trail(name: &HeaderName) -> bool {
    !matches!(
        *name,
        header::CONTENT_LENGTH
            | header::TRANSFER_ENCODING
            | header::TRAILER
            | header::CONNECTION
            | header::HOST
            | header::TE
            | header::UPGRADE
    )
}
