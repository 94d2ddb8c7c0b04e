//! Responses that the edge compresses.

use std::io::Read;

use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use launcher_edge::table::{Rules, ServiceTable};
use launcher_model::service::Compression;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::support::*;

const ALL: [&str; 3] = ["zstd", "br", "gzip"];

fn compressed(container: &Container) -> ServiceTable {
    let mut compression = Compression::default();
    compression.types.push("text/event-stream".into());
    let rules = Rules { compression: Some(compression), ..Rules::default() };
    ServiceTable { rules, ..shop(1, &[(1, 100)], &[(1, &[container])]) }
}

/// Text that is worth to be compressed, another one in every line.
fn page() -> String {
    (0..4000).map(|n| format!("line {n} of a page that says what it says\n")).collect()
}

/// A container with a page that has these fields besides its type.
async fn with_page(fields: &'static [(&'static str, &'static str)]) -> Container {
    Container::serve("page", move |_| async move {
        let mut response = text(page());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        response
    })
    .await
}

struct Whole {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Whole {
    fn field(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> String {
        decoded(self.field("content-encoding"), &self.body)
    }
}

/// What the encoders' own crates do not read is no good for anybody else either; curl is asked below.
fn decoded(coding: &str, bytes: &[u8]) -> String {
    let mut text = String::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_string(&mut text),
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_string(&mut text),
        "zstd" => zstd_reader(bytes).read_to_string(&mut text),
        _ => return String::from_utf8(bytes.to_vec()).unwrap(),
    }
    .unwrap();
    text
}

/// One that takes no more memory than a client must have (RFC 9659 §3): 8 MiB.
fn zstd_reader(bytes: &[u8]) -> impl Read {
    let mut reader = zstd::stream::read::Decoder::new(bytes).unwrap();
    reader.window_log_max(23).unwrap();
    reader
}

async fn ask(lab: &Lab, method: Method, fields: &[(&'static str, &str)]) -> Whole {
    let mut request = Request::builder().method(method).uri("/").header("host", HOST);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut client = Client::connect(lab.edge.http).await;
    let response = client.send(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = soon("a body", body.collect()).await.unwrap().to_bytes();
    Whole { status: parts.status, headers: parts.headers, body }
}

async fn get_with(lab: &Lab, accepts: &str) -> Whole {
    ask(lab, Method::GET, &[("accept-encoding", accepts)]).await
}

#[tokio::test]
async fn a_client_gets_what_it_takes() {
    let container = with_page(&[("etag", "\"7\""), ("accept-ranges", "bytes")]).await;
    let lab = Lab::new(&[compressed(&container)]).await;
    for coding in ALL {
        let answer = get_with(&lab, coding).await;
        assert_eq!(answer.field("content-encoding"), coding);
        assert_eq!(answer.field("vary"), "Accept-Encoding");
        assert_eq!(answer.field("etag"), "W/\"7\"");
        assert!(
            answer.field("content-length").is_empty() && answer.field("accept-ranges").is_empty()
        );
        assert!(answer.body.len() * 4 < page().len(), "{coding}: {}", answer.body.len());
        assert_eq!(answer.text(), page(), "{coding}");
    }
    assert_eq!(get_with(&lab, "gzip, deflate, br, zstd").await.field("content-encoding"), "zstd");
    assert_eq!(get_with(&lab, "gzip, deflate, br").await.field("content-encoding"), "br");
    assert_eq!(get_with(&lab, "gzip, br;q=0.5").await.field("content-encoding"), "gzip");
    for none in ["identity", "gzip;q=0", "deflate"] {
        let answer = get_with(&lab, none).await;
        assert_eq!((answer.field("content-encoding"), answer.text()), ("", page()));
        // A cache must know that others get something else.
        assert_eq!((answer.field("vary"), answer.field("etag")), ("Accept-Encoding", "\"7\""));
        assert_eq!(answer.field("content-length"), page().len().to_string());
    }
}

#[tokio::test]
async fn curl_reads_it() {
    let container = with_page(&[]).await;
    let lab = Lab::new(&[compressed(&container)]).await;
    let url = format!("http://{}/", lab.edge.http);
    let mut curl = tokio::process::Command::new("curl");
    curl.args(["-sS", "--compressed", "-H", "host: shop.test", "-w", "%header{content-encoding}"]);
    let output = soon("curl", curl.arg(&url).output()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let coding = text.strip_prefix(&page()).unwrap_or_else(|| panic!("{:?}", output.stderr));
    assert!(ALL.contains(&coding), "{coding:?}");
}

/// The program of those who have made it is told to take no more memory than a client must have.
#[tokio::test]
async fn the_program_zstd_reads_it() {
    let container = with_page(&[]).await;
    let (unsaid, tell) = telling("text/html").await;
    for part in ["begins, ", "goes on, ", "ends"] {
        tell.send(part).unwrap();
    }
    drop(tell);
    for (container, wanted) in [(&container, &*page()), (&unsaid, "begins, goes on, ends")] {
        let lab = Lab::new(&[compressed(container)]).await;
        let answer = get_with(&lab, "zstd").await;
        assert_eq!(answer.field("content-encoding"), "zstd");
        let dir = launcher_testkit::Folder::new();
        let file = dir.path().join("body.zst");
        std::fs::write(&file, &answer.body).unwrap();
        let mut zstd = tokio::process::Command::new("zstd");
        let run = zstd.args(["-dc", "--memory=8MB"]).arg(&file).output();
        let output = soon("zstd", run).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), wanted);
    }
}

#[tokio::test]
async fn what_may_not_be_changed_or_gains_nothing_stays() {
    let all = "gzip, br, zstd";
    for fields in [
        &[("cache-control", "max-age=60, no-transform")][..],
        &[("content-encoding", "br")],
        &[("content-md5", "x")],
    ] {
        let container = with_page(fields).await;
        let lab = Lab::new(&[compressed(&container)]).await;
        let answer = get_with(&lab, all).await;
        assert_eq!((answer.body.len(), answer.field("vary")), (page().len(), ""), "{fields:?}");
    }
    let container = with_page(&[]).await;
    let lab = Lab::new(&[compressed(&container)]).await;
    let head = ask(&lab, Method::HEAD, &[("accept-encoding", all)]).await;
    assert_eq!(head.field("content-length"), page().len().to_string());
    let fields = [("accept-encoding", all), ("range", "bytes=0-10")];
    assert_eq!(ask(&lab, Method::GET, &fields).await.body.len(), page().len());
    let small = Container::serve("small", |_| async {
        let mut response = text("short");
        let kind = HeaderValue::from_static("text/html");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    })
    .await;
    let lab = Lab::new(&[compressed(&small)]).await;
    assert_eq!(get_with(&lab, all).await.text(), "short");
    assert_eq!(get_with(&lab, all).await.field("content-encoding"), "");
}

#[tokio::test]
async fn answers_without_all_of_a_body_pass_as_they_are() {
    let container = Container::serve("parts", |request| async move {
        let status: u16 = request.headers()["x-status"].to_str().unwrap().parse().unwrap();
        let builder = Response::builder().status(status).header("etag", "\"7\"");
        let builder = builder.header("content-type", "text/html");
        match status {
            206 => builder
                .header("content-range", "bytes 0-2047/9000")
                .body(Full::from(vec![b'a'; 2048]).boxed())
                .unwrap(),
            _ => builder.body(Full::default().boxed()).unwrap(),
        }
    })
    .await;
    let lab = Lab::new(&[compressed(&container)]).await;
    for (status, length) in [("206", 2048), ("304", 0), ("204", 0), ("200", 0)] {
        let fields = [("accept-encoding", "gzip"), ("x-status", status)];
        let answer = ask(&lab, Method::GET, &fields).await;
        assert_eq!(answer.status.as_str(), status);
        assert_eq!((answer.body.len(), answer.field("etag")), (length, "\"7\""), "{status}");
        assert_eq!((answer.field("content-encoding"), answer.field("vary")), ("", ""));
    }
}

#[tokio::test]
async fn a_service_that_says_nothing_of_it_is_left_alone() {
    let container = with_page(&[]).await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let answer = get_with(&lab, "gzip, br, zstd").await;
    assert_eq!((answer.field("content-encoding"), answer.field("vary")), ("", ""));
    assert_eq!(answer.text(), page());
}

/// A container that sends what it is told to, part by part.
async fn telling(kind: &'static str) -> (Container, mpsc::UnboundedSender<&'static str>) {
    let (tell, told) = mpsc::unbounded_channel();
    let told = std::sync::Arc::new(std::sync::Mutex::new(Some(told)));
    let container = Container::serve("telling", move |_| {
        let told = told.lock().unwrap().take();
        async move {
            let told = UnboundedReceiverStream::new(told.unwrap());
            let parts = told.map(|part: &str| Ok(Frame::data(Bytes::from(part))));
            let mut response = Response::new(BodyExt::boxed(StreamBody::new(parts)));
            let kind = HeaderValue::from_static(kind);
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
    })
    .await;
    (container, tell)
}

#[tokio::test]
async fn what_is_written_before_a_pause_arrives_in_it() {
    for kind in ["text/event-stream", "text/html"] {
        for coding in ALL {
            let (container, tell) = telling(kind).await;
            let lab = Lab::new(&[compressed(&container)]).await;
            let mut request = request(HOST, "/");
            request.headers_mut().insert("accept-encoding", HeaderValue::from_static(coding));
            let mut client = Client::connect(lab.edge.http).await;
            tell.send("data: 0\n\n").unwrap();
            let response = client.send(request).await.unwrap();
            assert_eq!(response.headers()["content-encoding"], coding);
            let mut parts = response.into_body().into_data_stream();
            let mut come = Vec::new();
            let mut wanted = String::from("data: 0\n\n");
            for next in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
                soon("an event", async {
                    while partly(coding, &come) != wanted {
                        come.extend(parts.next().await.unwrap().unwrap());
                    }
                })
                .await;
                tell.send(next).unwrap();
                wanted += next;
            }
            drop(tell);
            while let Some(part) = soon("the rest", parts.next()).await {
                come.extend(part.unwrap());
            }
            assert_eq!(decoded(coding, &come), wanted, "{coding} {kind}");
        }
    }
}

/// As much as can be read of what has not come to its end.
fn partly(coding: &str, bytes: &[u8]) -> String {
    let mut reader: Box<dyn Read> = match coding {
        "gzip" => Box::new(flate2::read::GzDecoder::new(bytes)),
        "zstd" => Box::new(zstd_reader(bytes)),
        _ => Box::new(brotli::Decompressor::new(bytes, 4096)),
    };
    let (mut text, mut part) = (Vec::new(), [0; 64]);
    while let Ok(read @ 1..) = reader.read(&mut part) {
        text.extend_from_slice(&part[..read]);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_off_compressed_too() {
    let container = Container::raw("breaks", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9000\r\n\r\n";
        let sent = format!("{head}{}", "x".repeat(5000));
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, sent.as_bytes()).await;
    })
    .await;
    let lab = Lab::new(&[compressed(&container)]).await;
    for coding in ALL {
        let mut request = request(HOST, "/");
        request.headers_mut().insert("accept-encoding", HeaderValue::from_static(coding));
        let mut client = Client::connect(lab.edge.http).await;
        let response = client.send(request).await.unwrap();
        assert!(soon("the end", response.into_body().collect()).await.is_err(), "{coding}");
    }
}

#[tokio::test]
async fn what_goes_out_is_counted_and_connections_are_kept() {
    let container = with_page(&[]).await;
    let mut lab = Lab::new(&[compressed(&container)]).await;
    let mut sent = 0;
    for _ in 0..5 {
        sent += get_with(&lab, "br").await.body.len() as u64;
    }
    let mut counted = 0;
    while counted < sent {
        let second = lab.control.second().await;
        counted += second.get(&launcher_model::VersionNumber(1)).map_or(0, |version| version.sent);
    }
    assert_eq!(counted, sent);
    assert!(container.connections() <= 2, "{}", container.connections());
}

#[tokio::test]
async fn trailers_follow_what_was_compressed() {
    let container = Container::raw("trailers", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\
                      trailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n";
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await;
        read_until(&mut stream, "never").await;
    })
    .await;
    let lab = Lab::new(&[compressed(&container)]).await;
    let mut request = request(HOST, "/");
    request.headers_mut().insert("accept-encoding", HeaderValue::from_static("gzip"));
    request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
    let response = Client::connect(lab.edge.http).await.send(request).await.unwrap();
    let whole = soon("a body", response.into_body().collect()).await.unwrap();
    let trailers = whole.trailers().cloned();
    assert_eq!(decoded("gzip", &whole.to_bytes()), "hello");
    assert_eq!(trailers.unwrap()["x-sum"], "7");
}

#[tokio::test]
async fn a_stream_of_events_that_is_to_move_ends_whole() {
    for coding in ALL {
        let ((v1, tell), v2) = (telling("text/event-stream").await, Container::named("v2").await);
        let table = |revision, live| {
            let of_v1 = compressed(&v1);
            let mut table = shop(revision, &[(live, 100)], &[(1, &[&v1]), (2, &[&v2])]);
            table.traffic.move_within = Some(launcher_model::Span::millis(100));
            ServiceTable { rules: of_v1.rules, ..table }
        };
        let mut lab = Lab::new(&[table(1, 1)]).await;
        tell.send("data: 1\n\n").unwrap();
        let mut request = request(HOST, "/");
        request.headers_mut().insert("accept-encoding", HeaderValue::from_static(coding));
        let mut client = Client::connect(lab.edge.http).await;
        let response = client.send(request).await.unwrap();
        lab.control.switch(7, &table(2, 2)).await;
        let whole = soon("the end", response.into_body().collect()).await.unwrap().to_bytes();
        assert_eq!(decoded(coding, &whole), "data: 1\n\n", "{coding}");
        assert_eq!(lab.control.drained(7).await.moved, 1);
    }
}
