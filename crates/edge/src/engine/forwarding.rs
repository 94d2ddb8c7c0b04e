//! What containers are told of a client: the X-Forwarded fields and Forwarded (RFC 7239).

use std::cell::Cell;
use std::io::Write;
use std::net::IpAddr;

use http::HeaderMap;
use http::header;

/// What is said of the client of one connection.
pub(super) struct Forwarding {
    address: IpAddr,
    secure: bool,
    /// Put together once, and not per request.
    last: Cell<Option<Box<Lines>>>,
}

/// What is said with one Host.
struct Lines {
    host: Vec<u8>,
    lines: Vec<u8>,
}

impl Forwarding {
    pub(super) fn of(address: IpAddr, secure: bool) -> Self {
        // A client of IPv4 on a socket of IPv6 is known by its real address.
        Self { address: address.to_canonical(), secure, last: Cell::default() }
    }

    /// The same of another request of the client.
    pub(super) fn again(&self) -> Self {
        Self::of(self.address, self.secure)
    }

    /// Who the client is.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// It speaks HTTPS, and not HTTP.
    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Lets go of what is put together anew with the next request.
    pub(super) fn rests(&self) {
        self.last.take();
    }

    /// Writes the header lines for a request to this host. What the client itself said stays in
    /// front, as of a proxy before this one; the host and the protocol are those that the edge saw.
    pub(super) fn write(&self, out: &mut Vec<u8>, host: &[u8], headers: &HeaderMap, said: Said) {
        if said.forwarded_for || said.forwarded {
            let before = |name: &str, said| if said { all(headers, name) } else { Vec::new() };
            let forwarded_for = before("x-forwarded-for", said.forwarded_for);
            let forwarded = before(header::FORWARDED.as_str(), said.forwarded);
            return self.lines(out, host, &forwarded_for, &forwarded);
        }
        let last = self.last.take().filter(|last| last.host == host).unwrap_or_else(|| {
            let mut lines = Vec::new();
            self.lines(&mut lines, host, &[], &[]);
            Box::new(Lines { host: host.to_vec(), lines })
        });
        out.extend_from_slice(&last.lines);
        self.last.set(Some(last));
    }

    fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Writes the client's address as X-Forwarded-For has it.
    fn write_address(&self, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = write!(out, "{}", self.address);
    }

    /// Writes the same as Forwarded has it (RFC 7239 §6): `for=192.0.2.1`, `for="[2001:db8::1]"`.
    fn write_node(&self, out: &mut Vec<u8>) {
        let _ = match self.address {
            IpAddr::V4(address) => write!(out, "for={address}"),
            IpAddr::V6(address) => write!(out, "for=\"[{address}]\""),
        };
    }

    fn lines(&self, out: &mut Vec<u8>, host: &[u8], forwarded_for: &[u8], forwarded: &[u8]) {
        let quote: &[u8] = if host.iter().copied().all(is_token) { b"" } else { b"\"" };
        put(out, &[b"x-forwarded-for: ", forwarded_for]);
        self.write_address(out);
        let scheme = self.scheme().as_bytes();
        put(out, &[b"\r\nx-forwarded-host: ", host, b"\r\nx-forwarded-proto: ", scheme]);
        put(out, &[b"\r\nforwarded: ", forwarded]);
        self.write_node(out);
        put(out, &[b";host=", quote, host, quote, b";proto=", scheme, b"\r\n"]);
    }
}

/// Which of the fields a client has sent itself.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Said {
    pub(super) forwarded_for: bool,
    pub(super) forwarded: bool,
}

/// All values of a list field, each followed by a comma.
fn all(headers: &HeaderMap, name: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        all.extend_from_slice(value.as_bytes());
        all.extend_from_slice(b", ");
    }
    all
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// A character of a token (RFC 9110 §5.6.2), which needs no quotes.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn written(address: &str, host: &str, headers: &HeaderMap) -> String {
        let forwarding = Forwarding::of(address.parse().unwrap(), false);
        let said = Said {
            forwarded_for: headers.contains_key("x-forwarded-for"),
            forwarded: headers.contains_key("forwarded"),
        };
        let mut out = Vec::new();
        forwarding.write(&mut out, host.as_bytes(), headers, said);
        let mut again = Vec::new();
        forwarding.write(&mut again, host.as_bytes(), headers, said);
        assert_eq!(out, again);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_container_learns_who_asked_for_what() {
        assert_eq!(
            written("192.0.2.1", "shop.test", &HeaderMap::new()),
            "x-forwarded-for: 192.0.2.1\r\nx-forwarded-host: shop.test\r\nx-forwarded-proto: http\r\n\
             forwarded: for=192.0.2.1;host=shop.test;proto=http\r\n"
        );
        assert_eq!(
            written("::ffff:192.0.2.1", "shop.test:81", &HeaderMap::new()),
            "x-forwarded-for: 192.0.2.1\r\nx-forwarded-host: shop.test:81\r\n\
             x-forwarded-proto: http\r\nforwarded: for=192.0.2.1;host=\"shop.test:81\";proto=http\r\n"
        );
        assert!(
            written("2001:db8::1", "a", &HeaderMap::new())
                .contains("for=\"[2001:db8::1]\";host=a;")
        );
    }

    #[test]
    fn a_container_learns_that_its_client_speaks_https() {
        let mut out = Vec::new();
        let forwarding = Forwarding::of("192.0.2.1".parse().unwrap(), true);
        forwarding.write(&mut out, b"a", &HeaderMap::new(), Said::default());
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\r\nx-forwarded-proto: https\r\n"), "{text}");
        assert!(text.ends_with(";host=a;proto=https\r\n"), "{text}");
    }

    #[test]
    fn what_proxies_before_have_said_stays_in_front() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("198.51.100.7"));
        headers.append("x-forwarded-for", HeaderValue::from_static("198.51.100.8"));
        let text = written("192.0.2.1", "a", &headers);
        assert!(
            text.starts_with("x-forwarded-for: 198.51.100.7, 198.51.100.8, 192.0.2.1\r\n"),
            "{text}"
        );
        assert!(text.contains("\r\nforwarded: for=192.0.2.1;"), "{text}");
        headers.append("forwarded", HeaderValue::from_static("for=_a"));
        assert!(
            written("192.0.2.1", "a", &headers).contains("forwarded: for=_a, for=192.0.2.1;host=a")
        );
    }
}
