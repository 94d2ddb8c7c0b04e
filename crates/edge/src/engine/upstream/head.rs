//! Reading the head of a container's response.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use httparse::{ParserConfig, Status};
use hyper::ext::ReasonPhrase;

use crate::engine::fields::{self, Fields, has_whole_lines, place};
use crate::engine::hop::Connection;

/// How the body of a response is framed (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Framing {
    /// So many bytes more.
    Length(u64),
    Chunked,
    UntilClose,
}

/// The head of a response, ready to be passed on: what was meant for the edge alone has been taken
/// out.
#[derive(Debug)]
pub(in crate::engine) struct Head {
    pub(in crate::engine) status: StatusCode,
    pub(in crate::engine) reason: Option<ReasonPhrase>,
    pub(in crate::engine) headers: HeaderMap,
    pub(in crate::engine) framing: Framing,
    /// The container keeps the connection open for another request.
    pub(in crate::engine) keep_alive: bool,
}

/// What makes a response none, in words that end "answered with".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Malformed(pub(in crate::engine) &'static str);

/// Whoever does not take it for the end of a line would see other fields (RFC 9112 §2.2).
const BARE_LF: Malformed = Malformed("a head whose lines do not end with CR and LF");

/// Takes a head off the front of what has been read. `None` while it is not complete. `headers` is an
/// empty map, whose room is used.
pub(in crate::engine) fn read_head(
    buffer: &mut BytesMut,
    most_bytes: usize,
    to_head: bool,
    fields: &mut Fields,
    headers: &mut HeaderMap,
) -> Result<Option<Head>, Malformed> {
    if buffer.is_empty() {
        return Ok(None);
    }
    let Some(line) = parse(buffer, fields)? else {
        // What does not end so will not be taken when it has come whole either.
        return match buffer.len() {
            _ if !has_whole_lines(buffer) => Err(BARE_LF),
            length if length >= most_bytes => Err(Malformed("a head that is too long")),
            _ => Ok(None),
        };
    };
    if line.length > most_bytes {
        return Err(Malformed("a head that is too long"));
    }
    if !has_whole_lines(&buffer[..line.length]) {
        return Err(BARE_LF);
    }
    let bytes = buffer.split_to(line.length).freeze();
    let reason = line.reason.and_then(|range| ReasonPhrase::try_from(bytes.slice(range)).ok());
    let mut collected = Collected::default();
    let mut headers = std::mem::take(headers);
    headers.reserve(fields.len());
    for (name, range) in fields.drain(..) {
        collected.take(name, bytes.slice(range), &mut headers)?;
    }
    collected.connection.remove_named(&mut headers);
    let framing = collected.framing(line.status, to_head, line.is_1_0)?;
    let ends = framing != Framing::UntilClose;
    let connection = &collected.connection;
    let kept = if line.is_1_0 { connection.keep_alive } else { true };
    let keep_alive = kept && !connection.close && ends;
    if line.status == StatusCode::SWITCHING_PROTOCOLS {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.extend(collected.upgrade.map(|value| (header::UPGRADE, value)));
    }
    Ok(Some(Head { status: line.status, reason, headers, framing, keep_alive }))
}

struct StatusLine {
    status: StatusCode,
    is_1_0: bool,
    /// When it is not the usual one.
    reason: Option<Range<usize>>,
    /// Of the whole head.
    length: usize,
}

/// Parses a head, and notes where its fields are.
fn parse(buffer: &[u8], fields: &mut Fields) -> Result<Option<StatusLine>, Malformed> {
    let mut found = fields::found();
    let mut parsed = httparse::Response::new(&mut []);
    let length = match ParserConfig::default().parse_response_with_uninit_headers(
        &mut parsed,
        buffer,
        &mut found,
    ) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Malformed("too many header fields")),
        Err(_) => return Err(Malformed("something that is not HTTP")),
    };
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Malformed("an impossible status"))?;
    let reason = parsed.reason.filter(|reason| Some(*reason) != status.canonical_reason());
    let reason =
        reason.filter(|reason| !reason.is_empty()).map(|reason| place(buffer, reason.as_bytes()));
    fields::note(buffer, parsed.headers, fields)
        .map_err(|_| Malformed("an impossible header field"))?;
    Ok(Some(StatusLine { status, is_1_0: parsed.version == Some(0), reason, length }))
}

/// What the fields say about the connection and the framing.
#[derive(Default)]
struct Collected {
    connection: Connection,
    length: Option<u64>,
    chunked: bool,
    upgrade: Option<HeaderValue>,
}

impl Collected {
    /// Takes one field: notes it, and passes it on when it is not for one hop.
    fn take(
        &mut self,
        name: HeaderName,
        value: Bytes,
        on: &mut HeaderMap,
    ) -> Result<(), Malformed> {
        let bad = |_| Malformed("an impossible header field");
        match name {
            header::CONNECTION => self.connection.read(&value),
            header::TRANSFER_ENCODING => {
                // Others must be asked for, which the edge never does (RFC 9112 §7.3).
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Malformed("a transfer coding that was not asked for"));
                }
                self.chunked = true;
            }
            header::CONTENT_LENGTH => {
                let length = content_length(&value)?;
                if self.length.replace(length).is_some_and(|before| before != length) {
                    return Err(Malformed("two lengths"));
                }
                let one = value.iter().all(u8::is_ascii_digit);
                let shared = HeaderValue::from_maybe_shared(value).ok().filter(|_| one);
                on.insert(name, shared.unwrap_or_else(|| length.into()));
            }
            header::UPGRADE => {
                self.upgrade = Some(HeaderValue::from_maybe_shared(value).map_err(bad)?);
            }
            _ if self.connection.is_for_one_hop(&name) => {}
            _ => {
                on.append(name, HeaderValue::from_maybe_shared(value).map_err(bad)?);
            }
        }
        // Who reads both may understand either (RFC 9112 §6.3).
        if self.chunked && self.length.is_some() {
            return Err(Malformed("both a length and a transfer coding"));
        }
        Ok(())
    }

    fn framing(
        &self,
        status: StatusCode,
        to_head: bool,
        is_1_0: bool,
    ) -> Result<Framing, Malformed> {
        let never = status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if to_head || never {
            return Ok(Framing::Length(0));
        }
        match (self.chunked, self.length) {
            (true, _) if is_1_0 => Err(Malformed("a transfer coding that HTTP/1.0 does not have")),
            (true, _) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::UntilClose),
        }
    }
}

/// Reads a length, also one that a recipient before has joined of equal ones (RFC 9110 §8.6).
fn content_length(value: &[u8]) -> Result<u64, Malformed> {
    let mut lengths = value.split(|byte| *byte == b',').map(|part| {
        let digits = part.trim_ascii();
        let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(digits).ok().filter(|_| all_digits);
        text.and_then(|text| text.parse::<u64>().ok()).ok_or(Malformed("an impossible length"))
    });
    let first = lengths.next().unwrap_or(Err(Malformed("an impossible length")))?;
    for other in lengths {
        if other? != first {
            return Err(Malformed("two lengths"));
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests;
