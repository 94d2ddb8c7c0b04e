//! Heads of clients' requests.

use bytes::BytesMut;
use launcher_edge::fuzz::{RequestHead, request_head as read};

use crate::pieces::alike;

/// The longest head that is taken, without empty lines before it.
const MOST: usize = 8 << 10;

/// A head is the same in whatever pieces it comes; a reader that goes line by line finds the same in it, and
/// whoever reads one of its fields alone finds the same end of the body.
pub(crate) fn request_head(bytes: &[u8]) {
    let outcome = alike(bytes, |pieces| {
        let (mut buffer, mut taken) = (BytesMut::new(), 0);
        for piece in pieces {
            buffer.extend_from_slice(piece);
            taken += piece.len();
            match read(&mut buffer) {
                Ok(None) => {}
                Ok(Some(head)) => return Ok(Some((said(&head), taken - buffer.len()))),
                Err(_) => return Err(()),
            }
        }
        Ok(None)
    });
    let Ok(Some((said, length))) = outcome else { return };
    let mut head = &bytes[..length];
    while let Some(rest) = head.strip_prefix(b"\r\n") {
        head = rest;
    }
    assert!(head.len() <= MOST);
    assert_eq!(plainly(head).as_ref(), Some(&said));
    check_framing(&said);
}

/// What a head says.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    method: String,
    /// As it was sent, as far as it may be seen in the end.
    target: String,
    is_1_0: bool,
    /// In the order of their names.
    fields: Vec<(String, Vec<u8>)>,
    /// None is in chunks.
    length: Option<u64>,
}

fn said(head: &RequestHead) -> Said {
    let fields = head.request.headers().iter();
    let fields = fields.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    assert!(!(head.is_1_0 && head.expects_continue));
    Said {
        method: head.request.method().to_string(),
        target: head.request.uri().to_string(),
        is_1_0: head.is_1_0,
        fields: by_name(fields.collect()),
        length: head.length,
    }
}

fn by_name(mut fields: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    // Those of one name stay in their order.
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

/// RFC 9112 §3 and §5, line by line.
fn plainly(head: &[u8]) -> Option<Said> {
    let text = head.strip_suffix(b"\r\n\r\n")?;
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    lines.push(rest);
    assert!(!lines.iter().any(|line| line.contains(&b'\n') || line.contains(&b'\r')));
    let (first, fields) = lines.split_first()?;
    let words: Vec<&str> = std::str::from_utf8(first).ok()?.split(' ').collect();
    let [method, target, version] = words[..] else { return None };
    let fields = fields.iter().map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let name = std::str::from_utf8(&line[..at]).ok()?.to_ascii_lowercase();
        Some((name, line[at + 1..].trim_ascii().to_vec()))
    });
    let fields = by_name(fields.collect::<Option<_>>()?);
    let is_1_0 = match version {
        "HTTP/1.0" => true,
        // Later ones are read as that one is (RFC 9110 §2.5).
        _ if matches!(
            version.as_bytes(),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9']
        ) =>
        {
            false
        }
        _ => return None,
    };
    let has = |name: &str| fields.iter().any(|(known, _)| known == name);
    let length = fields.iter().find(|(name, _)| name == "content-length");
    let length = match length {
        Some((_, digits)) => Some(std::str::from_utf8(digits).ok()?.parse().ok()?),
        None => (!has("transfer-encoding")).then_some(0),
    };
    // That would be cut off without a word.
    let target = Some(target).filter(|target| !target.contains('#'))?;
    let target = http::Uri::try_from(target).ok()?.to_string();
    Some(Said { method: method.to_owned(), target, is_1_0, fields, length })
}

fn check_framing(said: &Said) {
    let values = |name: &str| {
        let values = said.fields.iter().filter(move |(known, _)| known == name);
        values.map(|(_, value)| &value[..]).collect::<Vec<_>>()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    assert!(lengths.is_empty() || codings.is_empty(), "{said:?}");
    for length in lengths {
        assert!(!length.is_empty() && length.iter().all(u8::is_ascii_digit), "{said:?}");
        let number = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
        assert_eq!(number, said.length, "{said:?}");
    }
    if let Some(last) = codings.last() {
        assert!(said.length.is_none() && !said.is_1_0, "{said:?}");
        let last = last.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        assert!(last.trim_ascii().eq_ignore_ascii_case(b"chunked"), "{said:?}");
    }
}
