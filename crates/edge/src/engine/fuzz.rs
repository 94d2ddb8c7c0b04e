//! Doors to the readers of the engine.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};

use super::chunks::{Chunks, Piece};
use super::events::Events;
pub use super::http1::fuzz::{RequestHead, request_head};
use super::upstream::head::{Framing, read_head};
use super::websocket::frames::Frames;

/// The longest head that is taken here, in bytes.
pub(super) const MOST_HEAD: usize = 8 << 10;

/// The head of a container's response.
#[derive(Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Its status.
    pub status: StatusCode,
    /// The reason, where it is not the usual one.
    pub reason: Option<Vec<u8>>,
    /// The fields that are passed on.
    pub headers: HeaderMap,
    /// How long the body is, where that is said.
    pub length: Option<u64>,
    /// The body comes in chunks.
    pub chunked: bool,
    /// The connection stays open.
    pub keep_alive: bool,
}

/// Takes a head off the front, as it is read of a connection; none while it is not whole.
///
/// # Errors
/// When it is none.
pub fn response_head(
    buffer: &mut BytesMut,
    to_head: bool,
) -> Result<Option<ResponseHead>, &'static str> {
    let (mut fields, mut headers) = (Vec::new(), HeaderMap::new());
    let head = read_head(buffer, MOST_HEAD, to_head, &mut fields, &mut headers);
    let head = head.map_err(|malformed| malformed.0)?;
    Ok(head.map(|head| ResponseHead {
        status: head.status,
        reason: head.reason.map(|reason| reason.as_bytes().to_vec()),
        headers: head.headers,
        length: match head.framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::UntilClose => None,
        },
        chunked: head.framing == Framing::Chunked,
        keep_alive: head.keep_alive,
    }))
}

/// A container's body in chunks.
#[derive(Debug, Default)]
pub struct BodyChunks {
    chunks: Chunks,
    buffer: BytesMut,
    /// What has come of it.
    pub body: Vec<u8>,
    /// What came behind it.
    pub trailers: Option<HeaderMap>,
    /// How many bytes are behind all of it, once it has ended.
    pub behind: Option<usize>,
}

impl BodyChunks {
    /// Takes in what comes next; false when it is not chunked as it should be.
    pub fn take(&mut self, part: &[u8]) -> bool {
        self.buffer.extend_from_slice(part);
        loop {
            match self.chunks.next(&mut self.buffer) {
                Ok(None) => return true,
                Ok(Some(Piece::Data(data))) => self.body.extend_from_slice(&data),
                Ok(Some(Piece::Trailers(trailers))) => self.trailers = Some(trailers),
                Ok(Some(Piece::End)) => {
                    self.behind = Some(self.buffer.len());
                    return true;
                }
                Err(_) => return false,
            }
        }
    }
}

/// One direction of a WebSocket.
#[derive(Debug, Default)]
pub struct WebSocket(Frames);

impl WebSocket {
    /// Goes on behind these bytes.
    pub fn follow(&mut self, bytes: &[u8]) {
        self.0.follow(bytes);
    }

    /// How many of the bytes that come next belong to messages that end in them.
    #[must_use]
    pub fn whole_messages(&self, bytes: &[u8]) -> Option<usize> {
        self.0.whole_messages(bytes)
    }

    /// Whether a frame has ended and none has begun.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.0.is_between_frames()
    }

    /// Whether a Close frame has passed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// A stream of events that is not coded.
#[derive(Debug)]
pub struct EventStream(Events);

impl EventStream {
    /// One that begins; none where a response of this type is no such stream.
    #[must_use]
    pub fn of(kind: &str) -> Option<Self> {
        let kind = kind.parse().ok()?;
        Events::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind)])).map(Self)
    }

    /// Notes what passes.
    pub fn pass(&mut self, part: &[u8]) {
        self.0.pass(part);
    }

    /// Whether what has passed ends with an event.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.0.is_between(false)
    }

    /// How much of what comes next belongs to events that end in it, if one does.
    #[must_use]
    pub fn whole(&self, part: &[u8]) -> Option<usize> {
        self.0.whole(&Bytes::copy_from_slice(part)).map(|whole| whole.len())
    }
}
