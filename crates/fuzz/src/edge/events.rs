//! Streams of events.

use launcher_edge::fuzz::EventStream;

use crate::pieces::ways;

/// An event ends where a reader that goes byte by byte says so, in whatever pieces the stream comes.
pub(crate) fn event_stream(bytes: &[u8]) {
    let ends = ends(bytes);
    for way in ways(bytes) {
        let Some(mut stream) = EventStream::of("text/event-stream") else { panic!("it is one") };
        let mut at = 0;
        for piece in way {
            let to = at + piece.len();
            let last = (at + 1..=to).rev().find(|end| ends[*end]).map(|end| end - at);
            assert_eq!(stream.whole(piece), last, "at {at}");
            stream.pass(piece);
            assert_eq!(stream.is_between(), ends[to], "at {to}");
            at = to;
        }
    }
    if let Ok(kind) = std::str::from_utf8(bytes) {
        let is_one = kind.split(';').next().map(str::trim_ascii);
        let is_one = is_one.is_some_and(|kind| kind.eq_ignore_ascii_case("text/event-stream"));
        let is_field = http::HeaderValue::try_from(kind).is_ok();
        assert_eq!(EventStream::of(kind).is_some(), is_one && is_field);
    }
}

/// Before each byte, and behind the last: whether an event has ended there.
fn ends(bytes: &[u8]) -> Vec<bool> {
    let (mut ends, mut is_line_empty, mut before) = (vec![true], true, b'\n');
    let mut ended = true;
    for byte in bytes {
        match (before, byte) {
            // The second half of a line's end.
            (b'\r', b'\n') => {}
            (_, b'\r' | b'\n') => (ended, is_line_empty) = (is_line_empty, true),
            _ => (ended, is_line_empty) = (false, false),
        }
        ends.push(ended);
        before = *byte;
    }
    ends
}
