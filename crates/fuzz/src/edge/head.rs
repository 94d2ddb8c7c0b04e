//! Heads of containers' responses.

use bytes::BytesMut;
use http::StatusCode;
use launcher_edge::fuzz::{ResponseHead, response_head as read};

use crate::pieces::alike;

/// The longest head that is taken.
const MOST: usize = 8 << 10;
/// As many fields as a response may have; an upgrade gets two that say so.
const MOST_FIELDS: usize = 100 + 2;
/// Fields that are meant for the edge alone.
const FOR_ONE_HOP: [&str; 4] = ["keep-alive", "proxy-connection", "te", "transfer-encoding"];

/// A head is the same in whatever pieces it comes, has nothing in it that was for the edge alone, and says
/// in one way where its body ends: written anew it is read as the same.
pub(crate) fn response_head(bytes: &[u8]) {
    for to_head in [false, true] {
        let outcome = alike(bytes, |pieces| {
            let mut buffer = BytesMut::new();
            let mut taken = 0;
            for piece in pieces {
                buffer.extend_from_slice(piece);
                taken += piece.len();
                match read(&mut buffer, to_head) {
                    Ok(None) => {}
                    Ok(Some(head)) => return Ok(Some((head, taken - buffer.len()))),
                    Err(_) => return Err(()),
                }
            }
            Ok(None)
        });
        if let Ok(Some((head, length))) = outcome {
            assert!(length <= MOST, "{length}");
            check(&head, to_head);
        }
    }
}

fn check(head: &ResponseHead, to_head: bool) {
    let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
    assert!(head.headers.len() <= MOST_FIELDS);
    assert!(!FOR_ONE_HOP.iter().any(|name| head.headers.contains_key(*name)), "{head:?}");
    assert!(switches || !head.headers.contains_key("upgrade"), "{head:?}");
    assert_eq!(switches, head.headers.contains_key("connection"), "{head:?}");
    let lengths: Vec<_> = head.headers.get_all("content-length").into_iter().collect();
    assert!(lengths.len() <= 1, "{head:?}");
    assert!(!(head.chunked && head.length.is_some()), "{head:?}");
    if head.chunked {
        assert!(lengths.is_empty(), "{head:?}");
    }
    if !head.keep_alive {
        return;
    }
    // Whoever comes next on this connection must find the place at which this response ends.
    assert!(head.chunked || head.length.is_some(), "{head:?}");
    let mut text = written(head);
    if text.len() > MOST {
        return;
    }
    let again = read(&mut text, to_head);
    assert_eq!(again.as_ref().map(Option::as_ref), Ok(Some(head)));
    assert!(text.is_empty());
}

/// A head that says the same.
fn written(head: &ResponseHead) -> BytesMut {
    let mut text = BytesMut::from(format!("HTTP/1.1 {} ", head.status.as_u16()).as_bytes());
    text.extend_from_slice(head.reason.as_deref().unwrap_or_default());
    for (name, value) in &head.headers {
        for part in [b"\r\n", name.as_str().as_bytes(), b":", value.as_bytes()] {
            text.extend_from_slice(part);
        }
    }
    if head.chunked {
        text.extend_from_slice(b"\r\ntransfer-encoding:chunked");
    }
    text.extend_from_slice(b"\r\n\r\n");
    text
}
