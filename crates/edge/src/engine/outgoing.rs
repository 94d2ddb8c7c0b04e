//! A client's request as it goes out to a container: its head, written once into a buffer that is kept
//! from request to request. An attempt that fails leaves it as it is, for the next.

use http::header::{self, HeaderValue};
use http::{Method, Request, StatusCode, Version};
use hyper::body::Body;

use super::elsewhere::Stripped;
use super::forged;
use super::forwarding::{Forwarding, Said};
use super::hop::{Connection, members, tokens};
use super::page::Page;
use super::request_body::RequestBody;
use crate::compiled::Changes;

/// Of a request, what a container is told another way than the client has said it.
pub(super) struct Seen {
    pub(super) host: HeaderValue,
    /// Another target than the one that was sent.
    pub(super) stripped: Option<Box<Stripped>>,
}

/// Tells a container which path was taken away from the target that it sees.
const PREFIX: &str = "x-forwarded-prefix";

/// How a request's body is framed on the way to the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// There is no body.
    None,
    /// So many bytes.
    Known(u64),
    /// In chunks.
    Chunked,
}

/// What is to be known of a request whose head has been written.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) length: Length,
    /// The response to HEAD has no body, whatever its head says.
    pub(super) is_head: bool,
    /// It asks for another protocol.
    pub(super) upgrade: bool,
    /// It asks for a WebSocket.
    pub(super) websocket: bool,
    /// The client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    pub(super) expects_continue: bool,
    /// It may be sent twice: it has no body, and its method is idempotent (RFC 9110 §9.2.2).
    pub(super) repeatable: bool,
}

impl Outgoing {
    /// Writes the head of a request, whose service changes the fields that its client has sent.
    pub(super) fn write(
        out: &mut Vec<u8>,
        request: &Request<RequestBody>,
        seen: &Seen,
        fields: Option<&Changes>,
        forwarding: &Forwarding,
    ) -> Result<Self, Page> {
        let headers = request.headers();
        let mut connection = Connection::default();
        for value in headers.get_all(header::CONNECTION) {
            connection.read(value.as_bytes());
        }
        out.clear();
        let Seen { host, stripped } = seen;
        write_request_line(out, request, stripped.as_deref());
        line(out, b"host", host.as_bytes());
        let mut said = Said::default();
        let mut expects_continue = false;
        let (mut te, mut upgrade, mut coded) = (false, false, false);
        let mut length = length_by_body(request.body());
        for (name, value) in headers {
            match *name {
                header::HOST => continue,
                header::CONTENT_LENGTH if length == Length::None => length = Length::Known(0),
                header::CONTENT_LENGTH => continue,
                header::TRANSFER_ENCODING => {
                    (length, coded) = (Length::Chunked, true);
                }
                header::TE => te = true,
                header::UPGRADE => upgrade = connection.upgrade,
                header::FORWARDED => said.forwarded = true,
                // In HTTP/1.0 it means nothing (RFC 9110 §10.1.1).
                header::EXPECT if request.version() == Version::HTTP_10 => {}
                header::EXPECT => {
                    if !tokens(value.as_bytes()).all(is_continue) {
                        let text = "The edge meets no other expectation than 100-continue.";
                        return Err(Page::new(StatusCode::EXPECTATION_FAILED, text));
                    }
                    expects_continue = true;
                }
                _ => match name.as_str() {
                    "x-forwarded-for" => said.forwarded_for = true,
                    "x-forwarded-host" | "x-forwarded-proto" => {}
                    _ if connection.is_for_one_hop(name) => {}
                    PREFIX if stripped.is_some() => {}
                    _ if fields.is_some_and(|fields| fields.takes(name)) => {}
                    _ if forged::is(name.as_str(), fields) => {}
                    name => line(out, name.as_bytes(), value.as_bytes()),
                },
            }
        }
        upgrade = upgrade && !members(headers, &header::UPGRADE).any(is_http2);
        forwarding.write(out, host.as_bytes(), headers, said);
        write_changes(out, fields, stripped.as_deref());
        if coded && !is_chunked_only(request) {
            let text = "The edge understands no transfer coding but chunked.";
            return Err(Page::new(StatusCode::NOT_IMPLEMENTED, text));
        }
        if expects_continue && has_body(length) {
            line(out, b"expect", b"100-continue");
        } else {
            expects_continue = false;
        }
        write_length(out, length, request.method());
        write_connection(out, request, te, upgrade);
        out.extend_from_slice(b"\r\n");
        let repeatable = !upgrade && !has_body(length) && is_idempotent(request.method());
        let is_head = request.method() == Method::HEAD;
        let websocket = upgrade && members(headers, &header::UPGRADE).any(is_websocket);
        Ok(Self { length, is_head, upgrade, websocket, expects_continue, repeatable })
    }
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// What the service's rules say of the request. That of the edge itself counts more.
fn write_changes(out: &mut Vec<u8>, fields: Option<&Changes>, stripped: Option<&Stripped>) {
    let set = fields.into_iter().flat_map(Changes::set);
    for (name, value) in set.filter(|(name, _)| stripped.is_none() || name != PREFIX) {
        line(out, name.as_str().as_bytes(), value.as_bytes());
    }
    if let Some(stripped) = stripped {
        line(out, PREFIX.as_bytes(), stripped.prefix.as_bytes());
    }
}

/// Always in the form that begins with the path (RFC 9112 §3.2.1); a whole URI's host is in Host.
fn write_request_line(
    out: &mut Vec<u8>,
    request: &Request<RequestBody>,
    stripped: Option<&Stripped>,
) {
    out.extend_from_slice(request.method().as_str().as_bytes());
    out.push(b' ');
    let sent = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let target = stripped.map_or(sent, |stripped| &stripped.target);
    if target.starts_with('?') {
        out.push(b'/');
    }
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

fn length_by_body(body: &RequestBody) -> Length {
    if body.is_end_stream() {
        return Length::None;
    }
    body.size_hint().exact().map_or(Length::Chunked, Length::Known)
}

fn has_body(length: Length) -> bool {
    !matches!(length, Length::None | Length::Known(0))
}

fn write_length(out: &mut Vec<u8>, length: Length, method: &Method) {
    match length {
        // A method that usually has content says when there is none (RFC 9110 §8.6).
        Length::None if matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {
            line(out, b"content-length", b"0");
        }
        Length::None => {}
        Length::Known(bytes) => {
            out.extend_from_slice(b"content-length: ");
            write_number(out, bytes);
            out.extend_from_slice(b"\r\n");
        }
        Length::Chunked => line(out, b"transfer-encoding", b"chunked"),
    }
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    use std::io::Write;
    // Writing to memory does not fail.
    let _ = write!(out, "{number}");
}

fn write_connection(out: &mut Vec<u8>, request: &Request<RequestBody>, te: bool, upgrade: bool) {
    if upgrade {
        line(out, b"connection", b"upgrade");
        for value in request.headers().get_all(header::UPGRADE) {
            line(out, b"upgrade", value.as_bytes());
        }
    } else if te && members(request.headers(), &header::TE).any(is_trailers) {
        line(out, b"connection", b"te");
        line(out, b"te", b"trailers");
    }
}

/// Whether a client asks to go on in HTTP/2. A container that did would have the requests that follow,
/// whoever they are for, past all rules of the edge. RFC 9113 §3.1 has done away with it.
fn is_http2(protocol: &[u8]) -> bool {
    protocol.eq_ignore_ascii_case(b"h2c") || protocol.eq_ignore_ascii_case(b"h2")
}

fn is_continue(expected: &[u8]) -> bool {
    expected.eq_ignore_ascii_case(b"100-continue")
}

fn is_websocket(protocol: &[u8]) -> bool {
    protocol.eq_ignore_ascii_case(b"websocket")
}

fn is_trailers(member: &[u8]) -> bool {
    member.eq_ignore_ascii_case(b"trailers")
}

fn is_chunked_only(request: &Request<RequestBody>) -> bool {
    let mut codings = members(request.headers(), &header::TRANSFER_ENCODING);
    codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"))
        && codings.next().is_none()
}

fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}
