//! Frames of WebSockets.

use std::io::Cursor;

use launcher_edge::fuzz::WebSocket;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::pieces::ways;

/// Messages end where a foreign library says that they do, in whatever pieces their frames come.
pub(crate) fn websocket(bytes: &[u8]) {
    let known = known(bytes);
    for way in ways(bytes) {
        let (mut followed, mut at) = (WebSocket::default(), 0);
        for piece in &way {
            let to = at + piece.len();
            let whole = followed.whole_messages(piece).map(|whole| at + whole);
            if let Some(Known { ends, closed }) = &known {
                let ends = ends.iter().copied().filter(|end| (at..=to).contains(end));
                let open = closed.is_none_or(|closed| closed > to);
                assert_eq!(whole, ends.max().filter(|_| open), "from {at} to {to}");
                followed.follow(piece);
                assert_eq!(followed.is_closed(), !open, "at {to}");
            } else {
                followed.follow(piece);
            }
            at = to;
        }
        let mut at_once = WebSocket::default();
        at_once.follow(bytes);
        let state = |one: &WebSocket| {
            (one.is_between_frames(), one.is_closed(), one.whole_messages(b"\x81\x00\x89"))
        };
        assert_eq!(state(&followed), state(&at_once));
    }
}

/// What the library says.
struct Known {
    /// Where a place between messages is.
    ends: Vec<usize>,
    /// Where the first Close frame has ended.
    closed: Option<usize>,
}

/// Nothing where there are frames of kinds that do not exist.
fn known(bytes: &[u8]) -> Option<Known> {
    let mut known = Known { ends: vec![0], closed: None };
    let (mut at, mut fragmented) = (0, false);
    loop {
        let mut cursor = Cursor::new(&bytes[at..]);
        let Some((header, length)) = FrameHeader::parse(&mut cursor).ok()? else {
            return Some(known);
        };
        let length = cursor.position().saturating_add(length);
        let end = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(at);
        if end > bytes.len() {
            return Some(known);
        }
        match header.opcode {
            OpCode::Data(Data::Continue | Data::Text | Data::Binary) => {
                fragmented = !header.is_final;
            }
            OpCode::Control(Control::Close) => known.closed = known.closed.or(Some(end)),
            _ => {}
        }
        if !fragmented {
            known.ends.push(end);
        }
        at = end;
    }
}
