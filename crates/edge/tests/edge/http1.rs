//! How responses go out by HTTP/1, and what is said to those who do not speak it.

use super::support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An edge before a container that answers each request with these bytes.
async fn lab_of(answer: Vec<u8>) -> (Container, Lab) {
    let container = Container::raw("raw", move |mut stream| {
        let answer = answer.clone();
        async move {
            while !read_until(&mut stream, "\r\n\r\n").await.is_empty() {
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let lab = Lab::new(&[table]).await;
    (container, lab)
}

/// Reads a body in chunks, and what is behind it.
fn chunks(mut wire: &[u8]) -> (Vec<Vec<u8>>, String) {
    let mut all = Vec::new();
    loop {
        let end = wire.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&wire[..end]).unwrap(), 16).unwrap();
        wire = &wire[end + 2..];
        if size == 0 {
            return (all, String::from_utf8_lossy(wire).into_owned());
        }
        all.push(wire[..size].to_vec());
        assert_eq!(&wire[size..size + 2], b"\r\n");
        wire = &wire[size + 2..];
    }
}

/// Asks, and reads to the end of the connection.
async fn ask(lab: &Lab, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    soon("the end of the connection", stream.read_to_end(&mut all)).await.unwrap();
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = all.split_off(end);
    (String::from_utf8(all).unwrap(), body)
}

const LAST: &str = "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn what_is_no_request_is_told_why() {
    let container = Container::named("c").await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(101));
    for (request, status, why) in [
        ("\u{16}\u{3}\u{1}\0\0", 400, "no request of HTTP"),
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "ends with CR and LF"),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "no version of HTTP"),
        ("GET / HTTP/1.x\r\nHost: a\r\n\r\n", 400, "no request of HTTP"),
        ("GET /x#y HTTP/1.1\r\nHost: shop.test\r\n\r\n", 400, "has no fragment"),
        ("GET http://shop.test/x?a#y HTTP/1.1\r\nHost: a\r\n\r\n", 400, "has no fragment"),
        ("GET / HTTP/1.1\r\nno field\r\n\r\n", 400, "A header field"),
        ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "how long its body is"),
        (&many, 431, "too many header fields"),
    ] {
        let (head, body) = ask(&lab, request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {head}");
        assert!(head.contains("\r\nconnection: close\r\n"), "{request:?}: {head}");
        let body = String::from_utf8_lossy(&body);
        assert!(body.contains(why), "{request:?}: {body}");
    }
    assert_eq!(container.requests(), 0);
}

/// What must be understood of it is the same (RFC 9110 §2.5).
#[tokio::test]
async fn a_request_of_a_later_minor_version_is_one_of_1_1() {
    let container = Container::serve("c", |request| async move {
        text(format!("<{:?} {}>", request.version(), request.uri()))
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    for version in ["1.2", "1.9", "1.1"] {
        let request = format!("GET /{version} HTTP/{version}\r\nHost: shop.test\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, ">").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with(&format!("<HTTP/1.1 /{version}>")), "{answer}");
    }
}

/// Who is not told would take it for met (RFC 9110 §10.1.1).
#[tokio::test]
async fn an_expectation_that_is_not_met_is_told_so() {
    let container = Container::named("c").await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let asking = |version: &str, expects: &str| {
        format!(
            "POST / HTTP/{version}\r\nHost: shop.test\r\nConnection: close\r\nExpect: {expects}\r\n\
             Content-Length: 2\r\n\r\nno"
        )
    };
    for expects in ["200-ok", "100-continue, x", "x\r\nExpect: 100-continue", ""] {
        let (head, body) = ask(&lab, &asking("1.1", expects)).await;
        assert!(head.starts_with("HTTP/1.1 417 "), "{expects:?}: {head}");
        assert!(String::from_utf8_lossy(&body).contains("100-continue"), "{expects:?}");
    }
    assert_eq!(container.requests(), 0);
    for (version, expects) in [("1.1", "100-Continue"), ("1.0", "x")] {
        let (head, body) = ask(&lab, &asking(version, expects)).await;
        let head = head.trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 ") || body.ends_with(b"c"), "{expects}: {head}");
    }
}

#[tokio::test]
async fn trailers_go_behind_the_body_and_nothing_else_does() {
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                  5\r\nhello\r\n0\r\nx-sum: 7\r\ncontent-length: 9\r\nhost: evil\r\n\r\n";
    let (_container, lab) = lab_of(answer.into()).await;
    let (head, body) = ask(&lab, LAST).await;
    assert!(head.contains("\r\ntransfer-encoding: chunked\r\n"), "{head}");
    assert_eq!(chunks(&body), (vec![b"hello".to_vec()], "x-sum: 7\r\n\r\n".to_owned()));
}

/// Whatever the sizes of a container's chunks: those that are copied, those that are not, and those behind them.
#[tokio::test]
async fn chunks_of_every_size_arrive_whole() {
    let sizes = [1, 4095, 4096, 4097, 3, 100_000, 16_384, 1, 70_000, 5];
    let part = |n: usize| (0..n).map(|i| b'a' + (i * 31 % 26) as u8).collect::<Vec<u8>>();
    let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for size in sizes {
        answer.extend([format!("{size:x}\r\n").as_bytes(), &part(size), b"\r\n"].concat());
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    let (_container, lab) = lab_of(answer).await;
    let whole = sizes.map(part).concat();
    for _ in 0..3 {
        let (_, body) = ask(&lab, LAST).await;
        let (got, rest) = chunks(&body);
        assert!(got.concat() == whole && rest == "\r\n");
        // Who does not know chunks gets none.
        let (head, body) = ask(&lab, "GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n").await;
        assert!(!head.contains("transfer-encoding") && body == whole, "{head}");
    }
}

#[tokio::test]
async fn a_slow_client_gets_all_of_a_large_response() {
    let whole: Vec<u8> = (0..6_000_000_u32).map(|i| (i % 251) as u8).collect();
    let mut answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", whole.len()).into_bytes();
    answer.extend_from_slice(&whole);
    let (_container, lab) = lab_of(answer).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(LAST.as_bytes()).await.unwrap();
    let (mut all, mut part) = (Vec::new(), vec![0; 9_973]);
    loop {
        let n = soon("the next part", stream.read(&mut part)).await.unwrap();
        if n == 0 {
            break;
        }
        all.extend_from_slice(&part[..n]);
        tokio::task::yield_now().await;
    }
    assert!(all.ends_with(&whole));
}

/// It cannot be known whether the body follows or another request (RFC 9110 §10.1.1).
#[tokio::test]
async fn nothing_follows_a_body_that_was_never_asked_for() {
    let (_container, lab) = lab_of(b"HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno".into()).await;
    let request =
        "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let (head, body) = ask(&lab, request).await;
    assert!(head.starts_with("HTTP/1.1 403 No\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    assert_eq!(body, b"no");
}

#[tokio::test]
async fn a_head_may_come_byte_by_byte_behind_another_request() {
    let container = Container::named("c").await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: shop.test\r\nX: y\r\n\r\n";
    let (first, second) = request.split_at(9);
    stream.write_all(format!("{request}{first}").as_bytes()).await.unwrap();
    read_until(&mut stream, "\r\n\r\nc").await;
    for byte in second.as_bytes() {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    read_until(&mut stream, "\r\n\r\nc").await;
    assert_eq!(container.requests(), 2);
}
