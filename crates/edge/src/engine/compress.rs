//! What compressing a response changes in its head (RFC 9110 §8.4, §12.5.5).

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{HeaderMap, Method};
use launcher_model::service::Algorithm;

use super::coder::Coder;
use super::events::is_event_stream;
use super::upstream::{Framing, Head};
use crate::compiled::{Compression, Site};

/// What may become of the response to a request.
pub(super) struct Compress {
    rules: Arc<Compression>,
    /// What its client takes, if anything.
    algorithm: Option<Algorithm>,
}

impl Compress {
    /// None for a request whose response stays as it is: its service says nothing else, or the request
    /// asks for a head or for a part.
    pub(super) fn of(site: &Site, method: &Method, headers: &HeaderMap) -> Option<Self> {
        let rules = site.compression.as_ref()?;
        let whole = *method != Method::HEAD && !headers.contains_key(header::RANGE);
        whole.then(|| Self { rules: rules.clone(), algorithm: rules.chosen(headers) })
    }

    /// Changes the head of a response that is to be compressed. Returns what compresses the body.
    pub(super) fn begin(&self, head: &mut Head) -> Option<Box<Coder>> {
        let length = match head.framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::UntilClose => None,
        };
        let headers = &mut head.headers;
        if !self.rules.applies(head.status, headers, length) {
            return None;
        }
        // Also for who takes none: a cache must not give it to others.
        vary(headers);
        let algorithm = self.algorithm?;
        // What goes on has its pauses, in which a client waits for what was written; and it may end early.
        let length = length.filter(|_| !is_event_stream(headers));
        let coder = Coder::new(algorithm, length, length.is_none()).ok()?;
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name(algorithm)));
        headers.remove(header::CONTENT_LENGTH);
        // A part would be one of what the container has.
        headers.remove(header::ACCEPT_RANGES);
        weaken(headers);
        Some(Box::new(coder))
    }
}

fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Br => "br",
        Algorithm::Gzip => "gzip",
        Algorithm::Zstd => "zstd",
    }
}

fn vary(headers: &mut HeaderMap) {
    let said = headers.get_all(header::VARY).into_iter();
    let mut members = said.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_said = |member: &[u8]| {
        let member = member.trim_ascii();
        member == b"*" || member.eq_ignore_ascii_case(b"accept-encoding")
    };
    if !members.any(is_said) {
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// A strong validator vouches for each byte, of which others are sent now (RFC 9110 §8.8.1).
fn weaken(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(header::ETAG).map(HeaderValue::as_bytes) else { return };
    if tag.starts_with(b"W/") {
        return;
    }
    match HeaderValue::from_bytes(&[b"W/", tag].concat()) {
        Ok(weak) => drop(headers.insert(header::ETAG, weak)),
        Err(_) => drop(headers.remove(header::ETAG)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn caches_are_told_once() {
        for (before, after) in [
            (&[][..], &["Accept-Encoding"][..]),
            (&["Cookie"], &["Cookie", "Accept-Encoding"]),
            (&["Cookie, accept-encoding"], &["Cookie, accept-encoding"]),
            (&["*"], &["*"]),
        ] {
            let fields: Vec<_> = before.iter().map(|value| ("vary", *value)).collect();
            let mut headers = map(&fields);
            vary(&mut headers);
            let said: Vec<_> = headers.get_all("vary").iter().collect();
            assert_eq!(said, after);
        }
    }

    #[test]
    fn a_strong_tag_is_made_weak() {
        for (before, after) in [("\"a\"", "W/\"a\""), ("W/\"a\"", "W/\"a\""), ("\"\"", "W/\"\"")] {
            let mut headers = map(&[("etag", before)]);
            weaken(&mut headers);
            assert_eq!(headers["etag"], after);
        }
    }
}
