use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn verdict(bytes: &[u8]) -> Verdict {
    Guard::default().pass(bytes)
}

/// A request with these fields and body.
fn post(rest: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}").into_bytes()
}

#[test]
fn what_can_be_read_in_one_way_passes() {
    for rest in [
        "\r\n",
        "Content-Length: 0\r\n\r\n",
        "Content-Length: 5\r\n\r\nhello",
        "content-length:5\r\nCONTENT-LENGTH:\t5 \r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "transfer-encoding: gzip, Chunked\r\n\r\nA ;a=\"b\"\r\n0123456789\r\n000\r\nx: y\r\n\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Lengths: x\r\nTransfer: y\r\nX: Content-Length: 7\r\n\r\n",
    ] {
        let request = post(rest);
        let twice = [&request[..], b"\r\n\r\n", &request, GET].concat();
        let mut guard = Guard::default();
        assert_eq!(guard.pass(&twice), Verdict::Pass, "{rest:?}");
        assert_eq!((guard.heads(), guard.is_in_head()), (3, true), "{rest:?}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_does_not() {
    for rest in [
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "Content-Length: 5, 5\r\n\r\n",
        "Content-Length: +5\r\n\r\n",
        "Content-Length: 0x5\r\n\r\n",
        "Content-Length: -0\r\n\r\n",
        "Content-Length:\r\n\r\n",
        "Content-Length: 99999999999999999999\r\n\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked, gzip\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n",
        "Transfer-Encoding: \"chunked\"\r\n\r\n",
        "Transfer-Encoding: chunked;q=1\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        "Transfer-Encoding:\r\n\r\n",
        "X: a\n\r\n",
        "X: a\r\n\n",
        "X: a\n\n",
        "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\nx: y\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\n",
    ] {
        let request = post(rest);
        let Verdict::Refuse(at) = verdict(&request) else { panic!("{rest:?} passes") };
        assert!(at < request.len(), "{rest:?}");
    }
    assert_eq!(verdict(b"GET / HTTP/1.1\nHost: a\n\n"), Verdict::Refuse(14));
    assert_eq!(verdict(b"\nGET / HTTP/1.1\r\n"), Verdict::Refuse(0));
}

#[test]
fn what_follows_a_request_for_another_protocol_is_held_until_it_is_answered() {
    let upgrade = post("Upgrade: websocket\r\nContent-Length: 2\r\n\r\nhi");
    let sent = [GET, &upgrade, b"\x81\x00\n"].concat();
    let mut guard = Guard::default();
    assert_eq!(guard.pass(&sent), Verdict::Hold(GET.len() + upgrade.len()));
    assert!(guard.is_waiting());
    assert_eq!((guard.heads(), guard.pass(b"more")), (2, Verdict::Hold(0)));
    guard.resume();
    assert_eq!(guard.pass(GET), Verdict::Pass);
    assert_eq!(guard.pass(b"\n"), Verdict::Refuse(0));
}

#[test]
fn the_preface_of_http_2_counts_at_the_beginning_alone() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\n";
    assert_eq!(verdict(preface), Verdict::Pass);
    let later = [GET, preface].concat();
    assert!(matches!(verdict(&later), Verdict::Refuse(_)));
}

/// Beginnings, middles and ends of heads, good and bad.
fn head() -> impl Strategy<Value = Vec<u8>> {
    let first = select(vec!["GET / HTTP/1.1", "POST /a HTTP/1.0", "\r\nGET /", "G\0T / HTTP/1.1"]);
    let field = select(vec![
        "Host: a",
        "Content-Length: 3",
        "Content-Length: 03",
        "content-length : 3",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        " folded",
        "x:",
        "Connection: \u{b}close",
        "no field",
        "Content-Length: 3\rX: y",
        "X: \u{e9}",
    ]);
    let end = || select(vec!["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n"]);
    let fields = prop::collection::vec((field, end()), 0..6);
    (first, end(), fields, end()).prop_map(|(first, end, fields, last)| {
        let mut head = format!("{first}{end}");
        fields.iter().for_each(|(field, end)| head.extend([*field, *end]));
        head.push_str(last);
        head.into_bytes()
    })
}

/// How many bytes a head has that both take, as hyper reads it.
fn parsed(bytes: &[u8]) -> Option<usize> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    match httparse::Request::new(&mut fields).parse(bytes) {
        Ok(httparse::Status::Complete(length)) => Some(length),
        _ => None,
    }
}

proptest! {
    #[test]
    fn it_does_not_matter_how_bytes_come(
        heads in prop::collection::vec(head(), 1..4),
        body in "[0-9a-f\r\n;]{0,20}",
        cuts in prop::collection::vec(1usize..9, 0..60),
    ) {
        let wire = [heads.concat(), body.into_bytes()].concat();
        let whole = verdict(&wire);
        let (mut guard, mut from) = (Guard::default(), 0);
        let mut cut = None;
        for length in cuts.into_iter().chain([wire.len()]) {
            let part = &wire[from..(from + length).min(wire.len())];
            match guard.pass(part) {
                Verdict::Pass => from += part.len(),
                Verdict::Hold(at) => cut = Some(Verdict::Hold(from + at)),
                Verdict::Refuse(at) => cut = Some(Verdict::Refuse(from + at)),
            }
            if cut.is_some() || from == wire.len() {
                break;
            }
        }
        prop_assert_eq!(cut.unwrap_or(Verdict::Pass), whole);
    }

    #[test]
    fn a_head_ends_where_hyper_ends_it(head in head()) {
        let mut guard = Guard::default();
        let mut end = None;
        for (at, byte) in head.iter().enumerate() {
            if guard.pass(&[*byte]) != Verdict::Pass {
                break;
            }
            if guard.heads() == 1 {
                end = Some(at + 1);
                break;
            }
        }
        // What passes whole is refused by hyper, or ends at the same place.
        if let (Some(end), Some(parsed)) = (end, parsed(&head)) {
            prop_assert_eq!(end, parsed);
        }
    }

    #[test]
    fn whatever_comes_is_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut guard = Guard::default();
        for part in bytes.chunks(7) {
            if let Verdict::Refuse(at) | Verdict::Hold(at) = guard.pass(part) {
                prop_assert!(at <= part.len());
                break;
            }
        }
    }
}
