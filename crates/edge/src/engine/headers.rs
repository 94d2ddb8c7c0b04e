//! What a proxy must change in a message's headers: the fields that are meant for one hop (RFC 9110
//! §7.6.1), and those that tell the container who asked (RFC 7239 and its forerunners).

use std::cell::RefCell;
use std::net::IpAddr;

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

use super::page::Page;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Which fields that need attention a message has, found in one pass over it.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    connection: bool,
    keep_alive: bool,
    proxy_connection: bool,
    te: bool,
    transfer_encoding: bool,
    upgrade: bool,
    forwarded: bool,
    x_forwarded_for: bool,
}

impl Seen {
    fn in_headers(headers: &HeaderMap) -> Self {
        let mut seen = Self::default();
        for name in headers.keys() {
            match *name {
                header::CONNECTION => seen.connection = true,
                header::TE => seen.te = true,
                header::TRANSFER_ENCODING => seen.transfer_encoding = true,
                header::UPGRADE => seen.upgrade = true,
                header::FORWARDED => seen.forwarded = true,
                _ => match name.as_str() {
                    "keep-alive" => seen.keep_alive = true,
                    "proxy-connection" => seen.proxy_connection = true,
                    "x-forwarded-for" => seen.x_forwarded_for = true,
                    _ => {}
                },
            }
        }
        seen
    }
}

/// Makes the headers of a client's request those of a request to a container. Says whether it asks for
/// another protocol.
pub(super) fn to_container(
    headers: &mut HeaderMap,
    host: &HeaderValue,
    forwarding: &Forwarding,
) -> Result<bool, Page> {
    let seen = Seen::in_headers(headers);
    if seen.transfer_encoding && !is_chunked_only(headers) {
        let text = "The edge understands no transfer coding but chunked.";
        return Err(Page::new(StatusCode::NOT_IMPLEMENTED, text));
    }
    let upgrade = seen.upgrade && seen.connection && names(headers, "upgrade");
    let trailers = seen.te && has_token(headers, &header::TE, "trailers");
    if seen.connection {
        remove_named(headers);
    }
    remove_hop_by_hop(headers, seen, upgrade);
    if upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    } else if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    forwarding.add(headers, host, seen);
    Ok(upgrade)
}

/// Makes the headers of a container's response those of a response to a client. `upgrade` keeps what a
/// switch of protocols needs.
pub(super) fn to_client(headers: &mut HeaderMap, upgrade: bool) {
    let seen = Seen::in_headers(headers);
    if seen.connection {
        remove_named(headers);
    }
    remove_hop_by_hop(headers, seen, upgrade);
    if seen.transfer_encoding {
        headers.remove(header::TRANSFER_ENCODING);
    }
    if upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap, seen: Seen, keep_upgrade: bool) {
    if seen.connection {
        headers.remove(header::CONNECTION);
    }
    if seen.keep_alive {
        headers.remove(KEEP_ALIVE);
    }
    if seen.proxy_connection {
        headers.remove(PROXY_CONNECTION);
    }
    if seen.te {
        headers.remove(header::TE);
    }
    if seen.upgrade && !keep_upgrade {
        headers.remove(header::UPGRADE);
    }
}

/// Removes the fields that Connection names as meant for one hop. Those without which the message
/// would go astray or be framed otherwise are not the sender's to take away.
fn remove_named(headers: &mut HeaderMap) {
    let only_usual = headers.get_all(header::CONNECTION).iter().all(|value| {
        let value = value.as_bytes();
        [&b"keep-alive"[..], b"close", b"upgrade", b"keep-alive, upgrade"]
            .iter()
            .any(|usual| value.eq_ignore_ascii_case(usual))
    });
    if only_usual {
        return;
    }
    let named: Vec<HeaderName> = tokens(headers, &header::CONNECTION)
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .filter(|name| {
            ![
                header::CONNECTION,
                header::HOST,
                header::CONTENT_LENGTH,
                header::TRANSFER_ENCODING,
                header::UPGRADE,
            ]
            .contains(name)
        })
        .collect();
    for name in named {
        headers.remove(name);
    }
}

fn names(headers: &HeaderMap, token: &str) -> bool {
    has_token(headers, &header::CONNECTION, token)
}

fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// The members of a comma-separated field.
fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h [u8]> {
    let values = headers.get_all(name).into_iter();
    values.flat_map(|value| value.as_bytes().split(|b| *b == b',')).map(<[u8]>::trim_ascii)
}

fn is_chunked_only(headers: &HeaderMap) -> bool {
    let mut codings = tokens(headers, &header::TRANSFER_ENCODING);
    codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"))
        && codings.next().is_none()
}

/// What containers are told of a client, made once per connection.
pub(super) struct Forwarding {
    /// The client's address, as X-Forwarded-For has it.
    address: HeaderValue,
    /// The same as Forwarded has it (RFC 7239 §6): `for=192.0.2.1`, `for="[2001:db8::1]"`.
    node: String,
    /// The last Host and the Forwarded that was made of it.
    last: RefCell<Option<(HeaderValue, HeaderValue)>>,
}

impl Forwarding {
    pub(super) fn of(address: IpAddr) -> Self {
        // A client of IPv4 on a socket of IPv6 is known by its real address.
        let address = address.to_canonical();
        let node = match address {
            IpAddr::V4(_) => format!("for={address}"),
            IpAddr::V6(_) => format!("for=\"[{address}]\""),
        };
        let address = HeaderValue::try_from(address.to_string())
            .unwrap_or(const { HeaderValue::from_static("unknown") });
        Self { address, node, last: RefCell::default() }
    }

    fn add(&self, headers: &mut HeaderMap, host: &HeaderValue, seen: Seen) {
        let address = if seen.x_forwarded_for {
            appended(headers, &X_FORWARDED_FOR, &self.address)
        } else {
            self.address.clone()
        };
        headers.insert(X_FORWARDED_FOR, address);
        headers.insert(X_FORWARDED_HOST, host.clone());
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
        let mut forwarded = self.forwarded(host);
        if seen.forwarded {
            forwarded = appended(headers, &header::FORWARDED, &forwarded);
        }
        headers.insert(header::FORWARDED, forwarded);
    }

    fn forwarded(&self, host: &HeaderValue) -> HeaderValue {
        let mut last = self.last.borrow_mut();
        if let Some((for_host, forwarded)) = &*last
            && for_host == host
        {
            return forwarded.clone();
        }
        let name = host.to_str().unwrap_or_default();
        let quote = if name.bytes().all(is_token) { "" } else { "\"" };
        let text = format!("{};host={quote}{name}{quote};proto=http", self.node);
        let made = HeaderValue::try_from(text)
            .unwrap_or(const { HeaderValue::from_static("for=unknown;proto=http") });
        // A copy of its own: a part of the read buffer would keep the whole buffer.
        let own = HeaderValue::from_bytes(host.as_bytes()).unwrap_or_else(|_| host.clone());
        *last = Some((own, made.clone()));
        made
    }
}

/// A character of a token (RFC 9110 §5.6.2), which needs no quotes.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// All that a list field has, and one more.
fn appended(headers: &HeaderMap, name: &HeaderName, more: &HeaderValue) -> HeaderValue {
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        all.extend_from_slice(value.as_bytes());
        all.extend_from_slice(b", ");
    }
    all.extend_from_slice(more.as_bytes());
    HeaderValue::try_from(all).unwrap_or_else(|_| more.clone())
}
