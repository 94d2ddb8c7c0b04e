//! Streams of events (WHATWG HTML §9.2, "Server-sent events"): where one event ends and the next begins.

use bytes::Bytes;
use http::HeaderMap;
use http::header;

use super::upstream::Framing;

/// Where in a stream of events a response is.
#[derive(Debug)]
pub(super) enum Events {
    /// It can be read: an event ends with an empty line. These are the last bytes that have passed.
    Readable { last: [u8; 3] },
    /// It is coded. A container ends its chunks where its events end, else they would not arrive.
    Coded,
}

impl Events {
    /// The same for a body that is framed so: what says how long it is, is no stream that goes on.
    pub(super) fn of_body(framing: Framing, headers: &HeaderMap) -> Option<Self> {
        match framing {
            Framing::Length(_) => None,
            Framing::Chunked | Framing::UntilClose => Self::of(headers),
        }
    }

    /// `None` when the response is no stream of events.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        if !is_event_stream(headers) {
            return None;
        }
        let coded = headers.contains_key(header::CONTENT_ENCODING);
        // The beginning is as good as the end of an event.
        Some(if coded { Self::Coded } else { Self::Readable { last: *b"\n\n\n" } })
    }

    /// Notes what passes.
    pub(super) fn pass(&mut self, part: &[u8]) {
        if let Self::Readable { last } = self {
            *last = ending(*last, part);
        }
    }

    /// Whether what has passed ends with an event. `at_chunk` says whether a chunk has ended.
    pub(super) fn is_between(&self, at_chunk: bool) -> bool {
        match self {
            Self::Readable { last } => is_empty_line(*last),
            Self::Coded => at_chunk,
        }
    }

    /// As much of what comes next as belongs to events that end in it, if one does.
    pub(super) fn whole(&self, part: &Bytes) -> Option<Bytes> {
        let Self::Readable { last } = self else { return None };
        let ends = |to: &usize| is_empty_line(ending(*last, &part[..*to]));
        (1..=part.len()).rev().find(ends).map(|to| part.slice(..to))
    }
}

/// Whether a response with these fields is a stream of events.
pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    let kind = kind.and_then(|kind| kind.split(|byte| *byte == b';').next());
    kind.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
}

/// The last bytes when `part` follows.
fn ending(last: [u8; 3], part: &[u8]) -> [u8; 3] {
    let mut all = last;
    for byte in &part[part.len().saturating_sub(3)..] {
        all = [all[1], all[2], *byte];
    }
    all
}

/// Lines end with CRLF, LF or CR.
fn is_empty_line(last: [u8; 3]) -> bool {
    matches!(last, [_, b'\n', b'\n' | b'\r'] | [_, b'\r', b'\r'] | [b'\n' | b'\r', b'\r', b'\n'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn events(kind: &'static str) -> Option<Events> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        Events::of(&headers)
    }

    #[test]
    fn streams_of_events_are_known_by_their_type() {
        for kind in ["text/event-stream", "Text/Event-Stream; charset=utf-8"] {
            assert!(events(kind).is_some(), "{kind}");
        }
        for kind in ["text/plain", "text/event-streams", ""] {
            assert!(events(kind).is_none(), "{kind}");
        }
        assert!(Events::of(&HeaderMap::new()).is_none());
    }

    #[test]
    fn an_event_ends_with_an_empty_line() {
        for (parts, between) in [
            (&[""][..], true),
            (&["data: 1\n\n"], true),
            (&["data: 1\r\n\r\n"], true),
            (&["data: 1\r\r"], true),
            (&["data: 1\r\n", "\r\n"], true),
            (&["data: 1\n", "\n"], true),
            (&["data: 1\n", "", "\n", ":"], false),
            (&["data: 1\n"], false),
            (&["data: 1\r\n"], false),
            (&["d"], false),
        ] {
            let mut events = events("text/event-stream").unwrap();
            parts.iter().for_each(|part| events.pass(part.as_bytes()));
            assert_eq!(events.is_between(false), between, "{parts:?}");
        }
    }

    #[test]
    fn a_part_is_cut_behind_its_last_event() {
        let mut events = events("text/event-stream").unwrap();
        let whole = |events: &Events, part: &'static str| {
            events.whole(&Bytes::from_static(part.as_bytes()))
        };
        assert_eq!(whole(&events, "data: 1\n\ndata: 2\n\nda").unwrap(), "data: 1\n\ndata: 2\n\n");
        events.pass(b"data: 1\n");
        assert_eq!(whole(&events, "\ndata: 2").unwrap(), "\n");
        assert!(whole(&events, "data: 2\n").is_none());
    }

    #[test]
    fn a_coded_stream_ends_where_a_chunk_does() {
        let mut events = Events::Coded;
        events.pass(b"\n\n");
        assert!(!events.is_between(false) && events.is_between(true));
    }
}
