use super::*;
use crate::engine::fields::MOST_FIELDS;
use proptest::prelude::*;

fn read(text: &str, to_head: bool) -> Result<Option<Head>, Malformed> {
    let mut buffer = BytesMut::from(text);
    read_head(&mut buffer, 8 << 10, to_head, &mut Vec::new(), &mut HeaderMap::new())
}

fn whole(text: &str) -> Head {
    read(text, false).unwrap().unwrap()
}

#[test]
fn bodies_are_framed_as_the_head_says() {
    for (text, framing, keep_alive) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", Framing::Length(5), true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n", Framing::Length(5), true),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nContent-Length: 5\r\n\r\n",
            Framing::Length(5),
            true,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", Framing::Chunked, true),
        ("HTTP/1.1 200 OK\r\n\r\n", Framing::UntilClose, false),
        ("HTTP/1.1 204 No Content\r\n\r\n", Framing::Length(0), true),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", Framing::Length(0), true),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n",
            Framing::Length(5),
            false,
        ),
        ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n", Framing::Length(5), false),
        (
            "HTTP/1.0 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\n",
            Framing::Length(5),
            true,
        ),
    ] {
        let head = whole(text);
        assert_eq!((head.framing, head.keep_alive), (framing, keep_alive), "{text}");
    }
    let head = read("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", true).unwrap().unwrap();
    assert_eq!((head.framing, head.keep_alive), (Framing::Length(0), true));
    assert_eq!(head.headers["content-length"], "5");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0x5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        "HTTP/1.1 200 OK\ncontent-length: 5\n\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\n",
        "HTTP/1.1 200 OK\n",
        "\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
        "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        assert!(read(text, false).is_err(), "{text}");
    }
}

#[test]
fn heads_have_bounds() {
    let field = "x: y\r\n";
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", field.repeat(MOST_FIELDS + 1));
    assert_eq!(read(&many, false).unwrap_err(), Malformed("too many header fields"));
    for end in ["", "\r\n\r\n"] {
        let long = format!("HTTP/1.1 200 OK\r\nx: {}{end}", "y".repeat(9 << 10));
        assert_eq!(read(&long, false).unwrap_err(), Malformed("a head that is too long"));
    }
}

#[test]
fn what_is_for_one_hop_stays_here() {
    let head = whole(
        "HTTP/1.1 200 OK\r\nx-before: 1\r\nconnection: close, x-before, x-behind, content-length\r\n\
         keep-alive: timeout=5\r\nproxy-connection: close\r\nupgrade: h2c\r\nte: a\r\nx-behind: 1\r\n\
         set-cookie: a\r\nset-cookie: b\r\ncontent-length: 3\r\ntrailer: x-sum\r\n\r\n",
    );
    let mut names: Vec<_> = head.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "set-cookie", "trailer"]);
    assert_eq!(head.headers.get_all("set-cookie").iter().count(), 2);

    let switched = whole(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
    );
    assert_eq!(switched.headers["upgrade"], "websocket");
    assert_eq!(switched.headers["connection"], "upgrade");
}

#[test]
fn an_unusual_reason_is_passed_on() {
    assert!(whole("HTTP/1.1 200 OK\r\n\r\n").reason.is_none());
    assert!(whole("HTTP/1.1 200\r\n\r\n").reason.is_none());
    let reason = whole("HTTP/1.1 200 Fine\r\n\r\n").reason.unwrap();
    assert_eq!(reason.as_bytes(), b"Fine");
}

/// Fields that frame a message, in any order and number.
fn framing_fields() -> impl Strategy<Value = Vec<&'static str>> {
    let field = prop::sample::select(vec![
        "content-length: 3",
        "Content-Length:3",
        "content-length: 3, 3",
        "content-length: 4",
        "content-length: 03",
        "content-length : 3",
        "transfer-encoding: chunked",
        "Transfer-Encoding: CHUNKED",
        "transfer-encoding: gzip",
        "connection: content-length, transfer-encoding",
        "connection: close",
        "x: content-length: 9",
    ]);
    prop::collection::vec(field, 0..6)
}

proptest! {
    #[test]
    fn a_head_that_passes_can_be_read_in_one_way(fields in framing_fields(), to_head in any::<bool>()) {
        let text = format!("HTTP/1.1 200 OK\r\n{}\r\n", fields.iter().fold(String::new(), |all, one| all + one + "\r\n"));
        let Ok(Some(head)) = read(&text, to_head) else { return Ok(()) };
        let has = |name: &str| fields.iter().filter(|one| one.to_ascii_lowercase().starts_with(name)).count();
        let (lengths, codings) = (has("content-length"), has("transfer-encoding"));
        prop_assert!(codings <= 1 && (codings == 0 || lengths == 0), "{}", text);
        let four = fields.contains(&"content-length: 4");
        let framing = match (to_head, codings, lengths) {
            (true, ..) => Framing::Length(0),
            (false, 1.., _) => Framing::Chunked,
            (false, 0, 0) => Framing::UntilClose,
            (false, 0, _) => Framing::Length(if four { 4 } else { 3 }),
        };
        prop_assert_eq!(head.framing, framing);
        prop_assert_eq!(head.headers.get_all("content-length").iter().count(), lengths.min(1));
    }

    #[test]
    fn it_does_not_matter_how_a_head_is_cut(cut in 0usize..200, empty in any::<bool>()) {
        let value = if empty { "" } else { "text/plain" };
        let text = format!(
            "HTTP/1.1 404 Nowhere\r\ncontent-type: {value}\r\nCONTENT-LENGTH:3\r\nx-y:  z \r\n\r\nabcd"
        );
        let (first, second) = text.as_bytes().split_at(cut.min(text.len()));
        let (mut fields, mut headers) = (Vec::new(), HeaderMap::new());
        let mut buffer = BytesMut::from(first);
        let mut read = || read_head(&mut buffer, 8192, false, &mut fields, &mut headers);
        let mut head = read().unwrap();
        if head.is_none() {
            buffer.extend_from_slice(second);
            head = read_head(&mut buffer, 8192, false, &mut fields, &mut headers).unwrap();
        } else {
            buffer.extend_from_slice(second);
        }
        let head = head.unwrap();
        prop_assert_eq!(head.status, StatusCode::NOT_FOUND);
        prop_assert_eq!(head.framing, Framing::Length(3));
        prop_assert_eq!(&head.headers["content-type"], value);
        prop_assert_eq!(&head.headers["x-y"], "z");
        prop_assert_eq!(&buffer[..], b"abcd");
    }

    #[test]
    fn nothing_that_comes_is_taken_for_more_than_it_is(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut buffer = BytesMut::from(&bytes[..]);
        let _ = read_head(&mut buffer, 256, false, &mut Vec::new(), &mut HeaderMap::new());
    }
}
