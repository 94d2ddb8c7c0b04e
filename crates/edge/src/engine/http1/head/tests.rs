use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::engine::chunks::Piece;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const MOST: usize = 8 << 10;

/// What one client sends, as far as it has come.
#[derive(Default)]
struct Reader {
    buffer: BytesMut,
    left: Option<Left>,
    fields: Fields,
    /// How many requests have come whole.
    whole: usize,
}

impl Reader {
    /// Takes what comes next; says why nothing behind it is read.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.buffer.extend_from_slice(bytes);
        loop {
            let left = match self.left.take() {
                Some(left) => left,
                None => match self.head()? {
                    Some(head) => head.left,
                    None => return Ok(()),
                },
            };
            match self.skip(left)? {
                Left::Nothing => self.whole += 1,
                left => {
                    self.left = Some(left);
                    return Ok(());
                }
            }
        }
    }

    fn head(&mut self) -> Result<Option<Head>, Refused> {
        read(&mut self.buffer, MOST, &mut self.fields, HeaderMap::new)
    }

    fn skip(&mut self, left: Left) -> Result<Left, Refused> {
        Ok(match left {
            Left::Length(length) => {
                let here = usize::try_from(length).unwrap().min(self.buffer.len());
                self.buffer.advance(here);
                let left = length - here as u64;
                if left == 0 { Left::Nothing } else { Left::Length(left) }
            }
            Left::Chunks(mut chunks) => loop {
                match chunks.next(&mut self.buffer).map_err(|_| NO_HTTP)? {
                    Some(Piece::End) => break Left::Nothing,
                    Some(_) => {}
                    None => break Left::Chunks(chunks),
                }
            },
            left => left,
        })
    }
}

/// Reads all of it, and says how many requests there were.
fn count(bytes: &[u8]) -> Result<usize, Refused> {
    let mut reader = Reader::default();
    reader.take(bytes).map(|()| reader.whole)
}

/// A request with these fields and body.
fn post(rest: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}").into_bytes()
}

fn read_one(bytes: &[u8]) -> Result<Option<Head>, Refused> {
    read(&mut BytesMut::from(bytes), MOST, &mut Fields::new(), HeaderMap::new)
}

#[test]
fn what_can_be_read_in_one_way_is_read_so() {
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
        assert_eq!(count(&twice), Ok(3), "{rest:?}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
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
        "Transfer-Encoding : chunked\r\n\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n\r\n",
        "X: a\r\n b\r\n\r\n",
        "X: a\rb\r\n\r\n",
        "X: a\0b\r\n\r\n",
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
        let refused = count(&post(rest));
        assert!(refused.is_err(), "{rest:?}: {refused:?}");
    }
    for request in ["GET / HTTP/1.1\nHost: a\n\n", "\nGET / HTTP/1.1\r\n", "\rGET / HTTP/1.1\r\n"] {
        assert!(count(request.as_bytes()).is_err(), "{request:?}");
    }
    let chunks = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(count(chunks.as_bytes()), Err(BAD_LENGTH));
}

#[test]
fn a_head_says_how_the_connection_goes_on() {
    for (version, fields, keep_alive, expects) in [
        ("1.1", "", true, false),
        ("1.1", "Connection: close\r\n", false, false),
        ("1.1", "Connection: keep-alive\r\nConnection: x, Close\r\n", false, false),
        ("1.0", "", false, false),
        ("1.0", "Connection: Keep-Alive\r\nExpect: 100-continue\r\n", true, false),
        ("1.1", "Expect: 100-Continue\r\n", true, true),
    ] {
        let head = format!("GET /a?b HTTP/{version}\r\n{fields}\r\n");
        let head = read_one(head.as_bytes()).unwrap().unwrap();
        assert_eq!((head.keep_alive, head.expects_continue), (keep_alive, expects), "{fields:?}");
        assert_eq!(
            (head.request.uri().to_string(), head.is_1_0),
            ("/a?b".into(), version == "1.0")
        );
    }
}

#[test]
fn a_later_minor_version_is_read_as_1_1() {
    for version in ["1.2", "1.9"] {
        let request = format!("GET /HTTP/{version} HTTP/{version}\r\nHost: a\r\n\r\n");
        let cut = request.find("\r\n").unwrap();
        let begun = read_one(&request.as_bytes()[..cut]).map(|head| head.is_some());
        assert_eq!(begun, Ok(false));
        let head = read_one(request.as_bytes()).unwrap().unwrap();
        assert_eq!(head.request.uri().path(), format!("/HTTP/{version}"));
        assert!(head.keep_alive && !head.is_1_0);
    }
}

#[test]
fn what_is_no_request_says_why() {
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(MOST));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(101));
    for (bytes, refused) in [
        (&b"\x16\x03\x01\x02\0"[..], NO_HTTP),
        (b"GET / HTTP/2.0\r\n\r\n", Refused::Version),
        (b"GET / HTTP/0.9\r\n\r\n", Refused::Version),
        (b"GET / HTTP/1.22\r\n\r\n", NO_HTTP),
        (b"GET / HTTP/1.x\r\n\r\n", NO_HTTP),
        (b"GET / HTTP/1.2\n\r\n", BAD_LINE),
        (b"GET /a#b HTTP/1.1\r\n\r\n", FRAGMENT),
        (b"GET / HTTP/1.1\r\nno field\r\n\r\n", BAD_FIELD),
        (b"GET /\xff HTTP/1.1\r\n\r\n", NO_HTTP),
        (b"GET  / HTTP/1.1\r\n\r\n", NO_HTTP),
        (long.as_bytes(), Refused::TooLong),
        (&long.as_bytes()[..MOST], Refused::TooLong),
        (many.as_bytes(), Refused::TooManyFields),
    ] {
        let read = read_one(bytes).map(|head| head.is_some());
        assert_eq!(read, Err(refused), "{:?}", bytes.get(..40).unwrap_or(bytes));
        assert!(refused.status().as_u16() >= 400 && refused.why().ends_with('.'));
    }
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

proptest! {
    /// Which requests there are does not depend on how their bytes come.
    #[test]
    fn it_does_not_matter_how_bytes_come(
        heads in prop::collection::vec(head(), 1..4),
        body in "[0-9a-f\r\n;]{0,20}",
        cuts in prop::collection::vec(1usize..9, 0..60),
    ) {
        let wire = [heads.concat(), body.into_bytes()].concat();
        let (mut whole, mut cut) = (Reader::default(), Reader::default());
        let taken = whole.take(&wire);
        let mut rest = &wire[..];
        let mut taken_cut = Ok(());
        for length in cuts.into_iter().chain([wire.len()]) {
            let (part, more) = rest.split_at(length.min(rest.len()));
            rest = more;
            taken_cut = taken_cut.and_then(|()| cut.take(part));
        }
        prop_assert_eq!(taken.is_err(), taken_cut.is_err());
        prop_assert_eq!(whole.whole, cut.whole);
    }

    #[test]
    fn whatever_comes_is_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = count(&bytes);
    }
}
