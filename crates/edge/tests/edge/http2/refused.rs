//! What could be understood in two ways, once it is HTTP/1.1, reaches no container.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::*;

/// What becomes of a request with these fields: the status of the answer, or the code of the reset.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Answered(&'static str),
    Reset(u32),
    Away(u32),
}

const PROTOCOL_ERROR: u32 = 1;

/// A status of an answer, as the first byte of its head has it (RFC 7541, appendix A).
fn status(head: &[u8]) -> &'static str {
    match head[0] {
        0x88 => "200",
        0x8c => "400",
        0x8d => "404",
        // A name from the table, and a value as it is or coded.
        _ => "other",
    }
}

async fn fate(lab: &Lab, head: &[u8], data: Option<&[u8]>) -> Fate {
    let mut frames = Frames::connect(lab.edge.http).await;
    let flags = if data.is_some() { END_HEADERS } else { END_HEADERS | END_STREAM };
    assert!(frames.write(&frame(HEADERS, flags, 1, head)).await);
    if let Some(data) = data {
        frames.write(&frame(DATA, END_STREAM, 1, data)).await;
    }
    let said = frames.next_of(&[HEADERS, RST_STREAM, GOAWAY]).await.expect("a last word");
    match said.kind {
        HEADERS => Fate::Answered(status(&said.payload)),
        RST_STREAM => Fate::Reset(said.code()),
        _ => Fate::Away(said.code()),
    }
}

fn with(more: &[(&str, &[u8])]) -> Vec<u8> {
    let mut head = fields("GET", "/", HOST);
    for (name, value) in more {
        head.extend(field(name, value));
    }
    head
}

async fn lab() -> (Lab, Container) {
    let container = Container::named("never").await;
    (Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await, container)
}

#[tokio::test]
async fn a_sound_request_is_answered() {
    let (lab, container) = lab().await;
    let head = with(&[("te", b"trailers"), ("x-tab", b"a\tb"), ("x-high", b"\xc3\xa9")]);
    assert_eq!(fate(&lab, &head, None).await, Fate::Answered("200"));
    assert_eq!(container.requests(), 1);
}

#[tokio::test]
async fn fields_of_one_connection_are_refused() {
    let (lab, container) = lab().await;
    for (name, value) in [
        ("connection", "keep-alive"),
        ("connection", "x-forwarded-for"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("te", "trailers, chunked"),
    ] {
        let head = with(&[(name, value.as_bytes())]);
        assert_eq!(fate(&lab, &head, None).await, Fate::Reset(PROTOCOL_ERROR), "{name}: {value}");
    }
    assert_eq!(container.requests(), 0);
}

#[tokio::test]
async fn characters_that_end_a_line_of_http_1_are_refused() {
    let (lab, container) = lab().await;
    let smuggled = b"a\r\n\r\nGET /admin HTTP/1.1\r\nhost: shop.test";
    let mut heads: Vec<Vec<u8>> = Vec::new();
    for value in [&b"a\rb"[..], b"a\nb", b"a\0b", smuggled, b"a\x7fb"] {
        heads.push(with(&[("x-any", value)]));
    }
    for name in ["x:any", "x any", "X-Any", "x\r\nany", "x\0any", ""] {
        heads.push(with(&[(name, b"1")]));
    }
    for path in ["/a b", "/a\r\nx: y", "/ HTTP/1.1\r\nhost: other.test\r\n\r\n", ""] {
        heads.push(fields("GET", path, HOST));
    }
    for method in ["GET / HTTP/1.1\r\nx: y\r\n\r\nGET", "GE T", ""] {
        heads.push(fields(method, "/", HOST));
    }
    for authority in ["shop.test\r\nx: y", "shop.test x"] {
        heads.push(fields("GET", "/", authority));
    }
    for head in heads {
        let shown = String::from_utf8_lossy(&head).into_owned();
        let fate = fate(&lab, &head, None).await;
        assert!(matches!(fate, Fate::Reset(_) | Fate::Away(_)), "{shown:?}: {fate:?}");
    }
    assert_eq!(container.requests(), 0);
}

#[tokio::test]
async fn a_request_is_for_one_host_and_one_path() {
    let (lab, container) = lab().await;
    for head in [
        with(&[("host", b"other.test")]),
        with(&[("host", b"shop.test"), ("host", b"other.test")]),
        fields("GET", "/", "me@shop.test"),
        fields("GET", "other", HOST),
        fields("GET", "http://other.test/", HOST),
        fields("GET", "*", HOST),
        [field(":method", b"GET"), field(":scheme", b"http"), field(":path", b"/")].concat(),
    ] {
        let shown = String::from_utf8_lossy(&head).into_owned();
        let fate = fate(&lab, &head, None).await;
        let refused = matches!(fate, Fate::Answered("400") | Fate::Reset(PROTOCOL_ERROR));
        assert!(refused, "{shown:?}: {fate:?}");
    }
    for head in [
        with(&[(":path", b"/other")]),
        with(&[("x-any", b"1"), (":authority", b"other.test")]),
        [fields("GET", "/", HOST), field(":authority", b"other.test")].concat(),
        [fields("GET", "/", HOST), field(":status", b"200")].concat(),
    ] {
        let shown = String::from_utf8_lossy(&head).into_owned();
        assert_eq!(fate(&lab, &head, None).await, Fate::Reset(PROTOCOL_ERROR), "{shown:?}");
    }
    assert_eq!(container.requests(), 0);
}

#[tokio::test]
async fn a_body_is_as_long_as_was_said() {
    let (lab, container) = lab().await;
    for (lengths, data) in [
        (&["5"][..], Some("four")),
        (&["3"], Some("four")),
        (&["0"], Some("four")),
        (&["5"], None),
        (&["4", "5"], Some("four")),
        (&["+4"], Some("four")),
        (&["4, 4"], Some("four")),
        (&["4x"], Some("four")),
    ] {
        let mut head = fields("POST", "/", HOST);
        for length in lengths {
            head.extend(field("content-length", length.as_bytes()));
        }
        let fate = fate(&lab, &head, data.map(str::as_bytes)).await;
        assert_eq!(fate, Fate::Reset(PROTOCOL_ERROR), "{lengths:?} {data:?}");
    }
    // Some had begun before their end was known; none of them was whole.
    until("nothing is under way", || lab.edge.in_flight() == 0).await;
    let _ = container;
}

#[tokio::test]
async fn no_tunnels_are_opened() {
    let (lab, _container) = lab().await;
    let connect = [field(":method", b"CONNECT"), field(":authority", b"shop.test")].concat();
    assert_eq!(fate(&lab, &connect, None).await, Fate::Answered("other"));
    let mut other = fields("CONNECT", "/", HOST);
    other.extend(field(":protocol", b"connect-udp"));
    assert_eq!(fate(&lab, &other, None).await, Fate::Answered("other"));
}

#[tokio::test]
async fn a_container_is_not_asked_to_change_to_http_2() {
    let container = Container::raw("mirror", |mut stream: TcpStream| async move {
        let head = read_until(&mut stream, "\r\n\r\n").await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let lab = Lab::new(&[table]).await;
    for upgrade in ["h2c", "websocket, H2C", "h2"] {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\
             Upgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        );
        let said = raw(lab.edge.http, head.as_bytes()).await.to_ascii_lowercase();
        assert!(said.starts_with("http/1.1 200 ok\r\n"), "{said}");
        assert!(!said.contains("upgrade") && !said.contains("http2-settings"), "{said}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_connection_stays() {
    let container = Container::named("small").await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.traffic.max_body = Some(launcher_model::Bytes(10));
    let lab = Lab::new(&[table]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let mut large = asking("GET", "/");
    large.headers_mut().insert("x-large", "x".repeat(70_000).parse().unwrap());
    assert_eq!(client.ask(large).await.unwrap().status, 431);
    let mut said = asking("POST", "/");
    said.headers_mut().insert("content-length", "11".parse().unwrap());
    let (response, _body) = client.begin(said, false).await;
    assert_eq!(soon("an answer", response).await.unwrap().status(), 413);
    let (response, mut body) = client.begin(asking("POST", "/"), false).await;
    body.send_data("hello".into(), false).unwrap();
    body.send_data("hello again".into(), true).unwrap();
    let status = soon("an answer", response).await.unwrap().status();
    // The container may have answered before all of it had come.
    assert!(status == 413 || status == 200, "{status}");
    assert_eq!(client.get("/").await.body, "small");
}
