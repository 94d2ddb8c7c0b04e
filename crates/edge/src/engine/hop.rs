//! Fields that are meant for one hop and that a proxy takes away (RFC 9110 §7.6.1).

use http::HeaderMap;
use http::header::{self, HeaderName};

/// What the Connection fields of a message say.
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
    /// Other fields that are meant for this hop alone.
    named: Vec<HeaderName>,
}

impl Connection {
    /// Reads one Connection field.
    pub(super) fn read(&mut self, value: &[u8]) {
        for token in tokens(value) {
            match token {
                _ if token.eq_ignore_ascii_case(b"close") => self.close = true,
                _ if token.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                _ if token.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
                _ => self.named.extend(HeaderName::from_bytes(token).ok().filter(may_be_taken)),
            }
        }
    }

    /// Whether a field is for this hop alone because it always is, or because the message says so.
    pub(super) fn is_for_one_hop(&self, name: &HeaderName) -> bool {
        match *name {
            header::CONNECTION | header::TE | header::TRANSFER_ENCODING | header::UPGRADE => true,
            _ => {
                matches!(name.as_str(), "keep-alive" | "proxy-connection")
                    || !self.named.is_empty() && self.named.contains(name)
            }
        }
    }

    /// Takes away the fields that the message names.
    pub(super) fn remove_named(&self, headers: &mut HeaderMap) {
        for name in &self.named {
            headers.remove(name);
        }
    }
}

/// Fields without which a message would go astray or be framed otherwise are not the sender's to take
/// away.
fn may_be_taken(name: &HeaderName) -> bool {
    !matches!(*name, header::HOST | header::CONTENT_LENGTH)
}

/// The members of one value of a comma-separated field.
pub(super) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// The members of a comma-separated field.
pub(super) fn members<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h [u8]> {
    headers.get_all(name).into_iter().flat_map(|value| tokens(value.as_bytes()))
}
