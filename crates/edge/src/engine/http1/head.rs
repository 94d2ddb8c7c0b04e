//! Reading the head of a client's request, as it stands in RFC 9112 and in no other way.

use std::ops::Range;

use bytes::{Buf, BytesMut};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri, Version};
use httparse::{ParserConfig, Status};

use super::wire::Left;
use crate::engine::chunks::Chunks;
use crate::engine::fields::{self, Fields, has_whole_lines, place};
use crate::engine::hop;

/// The head of a request.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) request: Request<()>,
    /// What is to come of the body.
    pub(super) left: Left,
    /// The client speaks HTTP/1.0.
    pub(super) is_1_0: bool,
    /// The client may send another request.
    pub(super) keep_alive: bool,
    /// The client waits to be asked for the body.
    pub(super) expects_continue: bool,
}

/// Why there is no request in what has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is not HTTP/1, or could be read in two ways.
    Malformed(&'static str),
    TooManyFields,
    TooLong,
    TargetTooLong,
    /// A version of HTTP that is not spoken so.
    Version,
    /// It has taken too long.
    Late,
}

impl Refused {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::TooManyFields | Self::TooLong => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
        }
    }

    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Malformed(why) => why,
            Self::TooManyFields => "The request has too many header fields.",
            Self::TooLong => "The request's header fields are too long.",
            Self::TargetTooLong => "The request's target is too long.",
            Self::Version => "The request is of no version of HTTP that is spoken here.",
            Self::Late => "The head of the request did not come in time.",
        }
    }
}

const NO_HTTP: Refused = Refused::Malformed("This is no request of HTTP.");
const BAD_LINE: Refused =
    Refused::Malformed("Each line of a request's head ends with CR and LF, and with nothing else.");
const BAD_FIELD: Refused = Refused::Malformed("A header field of the request is none.");
const FRAGMENT: Refused =
    Refused::Malformed("A request's target has no fragment: '#' is written %23.");
const BAD_LENGTH: Refused = Refused::Malformed(
    "The request says in two ways how long its body is, or in none that can be read.",
);

/// Takes a head off the front of what has been read. `None` while it is not complete. `room` is an empty map,
/// whose room is used.
pub(super) fn read(
    buffer: &mut BytesMut,
    most_bytes: usize,
    fields: &mut Fields,
    room: impl FnOnce() -> HeaderMap,
) -> Result<Option<Head>, Refused> {
    // Empty lines before a request are passed over (RFC 9112 §2.2).
    while buffer.starts_with(b"\r\n") {
        buffer.advance(2);
    }
    if matches!(buffer[..], [] | [b'\r']) {
        return Ok(None);
    }
    let parsed = match parse(buffer, fields) {
        Err(Refused::Version) => match lower_version(buffer)? {
            Lowered::Yes => parse(buffer, fields)?,
            Lowered::NotYet => None,
        },
        parsed => parsed?,
    };
    let Some(line) = parsed else {
        // What does not end so will not be taken when it has come whole either.
        return match buffer.len() {
            _ if !has_whole_lines(buffer) => Err(BAD_LINE),
            length if length >= most_bytes => Err(Refused::TooLong),
            _ => Ok(None),
        };
    };
    if line.length > most_bytes {
        return Err(Refused::TooLong);
    }
    if !has_whole_lines(&buffer[..line.length]) {
        return Err(BAD_LINE);
    }
    let bytes = if line.length == buffer.len() {
        std::mem::take(buffer).freeze()
    } else {
        buffer.split_to(line.length).freeze()
    };
    if bytes[line.target.clone()].contains(&b'#') {
        return Err(FRAGMENT);
    }
    let mut collected = Collected::default();
    let mut request = Request::new(());
    *request.method_mut() = line.method;
    if line.is_1_0 {
        *request.version_mut() = Version::HTTP_10;
    }
    *request.uri_mut() = Uri::from_maybe_shared(bytes.slice(line.target)).map_err(|error| {
        if error.to_string().contains("too long") { Refused::TargetTooLong } else { NO_HTTP }
    })?;
    *request.headers_mut() = room();
    request.headers_mut().reserve(fields.len());
    for (name, range) in fields.drain(..) {
        collected.take(&name, &bytes[range.clone()])?;
        let value = HeaderValue::from_maybe_shared(bytes.slice(range)).map_err(|_| BAD_FIELD)?;
        request.headers_mut().append(name, value);
    }
    let left = collected.left(line.is_1_0)?;
    let Collected { close, keep_alive, .. } = collected;
    Ok(Some(Head {
        request,
        left,
        is_1_0: line.is_1_0,
        keep_alive: !close && (keep_alive || !line.is_1_0),
        // In HTTP/1.0 it means nothing (RFC 9110 §10.1.1).
        expects_continue: collected.expects_continue && !line.is_1_0,
    }))
}

/// Whether a request could be made one of HTTP/1.1.
enum Lowered {
    Yes,
    /// Its line has not come whole.
    NotYet,
}

/// Makes a request of a later minor version one of HTTP/1.1, as what must be understood of it is the same
/// (RFC 9110 §2.5).
fn lower_version(buffer: &mut [u8]) -> Result<Lowered, Refused> {
    let Some(end) = memchr::memchr(b'\n', buffer) else { return Ok(Lowered::NotYet) };
    let line = buffer[..end].strip_suffix(b"\r").ok_or(BAD_LINE)?;
    let minor = line.len().saturating_sub(1);
    match line.rsplit(|byte| *byte == b' ').next() {
        Some([b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9']) => {
            buffer[minor] = b'1';
            Ok(Lowered::Yes)
        }
        Some([b'H', b'T', b'T', b'P', b'/', b'0' | b'2'..=b'9', b'.', b'0'..=b'9']) => {
            Err(Refused::Version)
        }
        _ => Err(NO_HTTP),
    }
}

struct RequestLine {
    method: Method,
    target: Range<usize>,
    is_1_0: bool,
    /// Of the whole head.
    length: usize,
}

/// Parses a head, and notes where its fields are.
fn parse(buffer: &[u8], fields: &mut Fields) -> Result<Option<RequestLine>, Refused> {
    let mut found = fields::found();
    let mut parsed = httparse::Request::new(&mut []);
    let length = match ParserConfig::default().parse_request_with_uninit_headers(
        &mut parsed,
        buffer,
        &mut found,
    ) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refused::TooManyFields),
        Err(httparse::Error::Version) => return Err(Refused::Version),
        Err(httparse::Error::NewLine) => return Err(BAD_LINE),
        Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => return Err(BAD_FIELD),
        Err(_) => return Err(NO_HTTP),
    };
    let method = parsed.method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    fields::note(buffer, parsed.headers, fields).map_err(|_| BAD_FIELD)?;
    Ok(Some(RequestLine {
        method: method.ok_or(NO_HTTP)?,
        target: place(buffer, parsed.path.unwrap_or_default().as_bytes()),
        is_1_0: parsed.version == Some(0),
        length,
    }))
}

/// What the fields say about the connection and the body.
#[derive(Default)]
struct Collected {
    close: bool,
    keep_alive: bool,
    length: Option<u64>,
    /// Whether the last transfer coding is chunked, if there are some.
    chunked: Option<bool>,
    expects_continue: bool,
}

impl Collected {
    fn take(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Refused> {
        match *name {
            // What else it says is for whoever passes the request on.
            header::CONNECTION => hop::tokens(value).for_each(|token| {
                self.close |= token.eq_ignore_ascii_case(b"close");
                self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
            }),
            header::CONTENT_LENGTH => {
                let length = number(value).ok_or(BAD_LENGTH)?;
                if self.length.replace(length).is_some_and(|before| before != length) {
                    return Err(BAD_LENGTH);
                }
            }
            header::TRANSFER_ENCODING => {
                let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
                self.chunked = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
            }
            header::EXPECT => {
                self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
            }
            _ => {}
        }
        Ok(())
    }

    /// How the body is framed (RFC 9112 §6.3). One that others could frame otherwise is refused.
    fn left(&self, is_1_0: bool) -> Result<Left, Refused> {
        match (self.chunked, self.length) {
            (Some(true), None) if !is_1_0 => Ok(Left::Chunks(Chunks::default())),
            (None, None | Some(0)) => Ok(Left::Nothing),
            (None, Some(length)) => Ok(Left::Length(length)),
            (Some(_), _) => Err(BAD_LENGTH),
        }
    }
}

/// A number of digits and nothing else. `str::parse` would take a sign, too.
fn number(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok())
}

#[cfg(test)]
mod tests;
