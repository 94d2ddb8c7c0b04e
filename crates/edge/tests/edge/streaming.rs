use std::convert::Infallible;

use super::support::*;
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

pub(super) type Frames = mpsc::UnboundedSender<Frame<Bytes>>;
pub(super) type Streamed = StreamBody<
    futures_util::stream::Map<
        UnboundedReceiverStream<Frame<Bytes>>,
        fn(Frame<Bytes>) -> Result<Frame<Bytes>, Infallible>,
    >,
>;

/// A body whose frames the test sends.
pub(super) fn streamed() -> (Frames, Streamed) {
    let (frames, received) = mpsc::unbounded_channel();
    let ok: fn(Frame<Bytes>) -> Result<Frame<Bytes>, Infallible> = Ok;
    (frames, StreamBody::new(UnboundedReceiverStream::new(received).map(ok)))
}

/// A container that sends back what it gets, part by part.
async fn echo() -> Container {
    Container::serve("echo", |request| async move {
        let mut response =
            Response::new(request.into_body().map_err(|error| panic!("{error}")).boxed());
        response.headers_mut().insert("trailer", "x-sum".parse().unwrap());
        response
    })
    .await
}

#[tokio::test]
async fn parts_pass_in_both_directions_before_the_body_ends() {
    let container = echo().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let (frames, body) = streamed();
    let request = Request::post("/").header("host", HOST).header("te", "trailers");
    let request = request.header("trailer", "x-sum").body(body).unwrap();
    frames.send(Frame::data(Bytes::from_static(b"first"))).unwrap();
    let mut client = Client::connect(lab.edge.http).await;
    let mut response = client.send(request).await.unwrap().into_body();
    for sent in ["first", "second", "third"] {
        if sent != "first" {
            frames.send(Frame::data(Bytes::from_static(sent.as_bytes()))).unwrap();
        }
        let part = soon("a part", response.frame()).await.unwrap().unwrap();
        assert_eq!(part.into_data().unwrap(), sent);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().unwrap());
    frames.send(Frame::trailers(trailers)).unwrap();
    drop(frames);
    let end = soon("the trailers", response.frame()).await.unwrap().unwrap();
    assert_eq!(end.into_trailers().unwrap()["x-sum"], "7");
    assert!(response.frame().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_pass_whole_in_both_directions() {
    let container = echo().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for size in [1, 1_000, 100_000, 10_000_000] {
        let sent: Bytes = (0..size).map(|n: usize| (n % 251) as u8).collect::<Vec<_>>().into();
        let request = Request::put("/").header("host", HOST).body(Full::new(sent.clone())).unwrap();
        let response = client.send(request).await.unwrap();
        assert_eq!(response.headers()["content-length"], size.to_string());
        let got = soon("the body", response.into_body().collect()).await.unwrap().to_bytes();
        assert!(got == sent, "{size} bytes");
    }
    assert_eq!(container.requests(), 4);
}

#[tokio::test]
async fn a_client_that_takes_nothing_holds_the_container_up() {
    let (frames, sent) = mpsc::unbounded_channel::<usize>();
    let container = Container::raw("endless", move |mut stream| {
        let frames = frames.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            let part = vec![b'x'; 64 << 10];
            while stream.write_all(&part).await.is_ok() {
                frames.send(part.len()).unwrap();
            }
            // A part of nothing is the end.
            let _ = frames.send(0);
        }
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut sent = sent;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    // Sockets and the edge hold some; then the container is not read from any more.
    let mut total = 0;
    while let Ok(Some(part)) =
        tokio::time::timeout(std::time::Duration::from_millis(500), sent.recv()).await
    {
        total += part;
        assert!(total < 64 << 20, "the edge holds all of it");
    }
    assert!(total > 0);
    // When the client goes, so does the connection to the container.
    drop(stream);
    soon("the container's connection to break", async { while sent.recv().await != Some(0) {} })
        .await;
}

#[tokio::test]
async fn a_client_that_gives_up_cancels_its_request() {
    let (begun, mut has_begun) = mpsc::unbounded_channel();
    let (ended, mut has_ended) = mpsc::unbounded_channel();
    let container = Container::raw("slow", move |mut stream| {
        let (begun, ended) = (begun.clone(), ended.clone());
        async move {
            read_until(&mut stream, "\r\n\r\n").await;
            begun.send(()).unwrap();
            let mut rest = [0; 1];
            let read = tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await;
            ended.send(read.unwrap_or(0)).unwrap();
        }
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    soon("the request", has_begun.recv()).await;
    drop(stream);
    assert_eq!(soon("the end of the connection", has_ended.recv()).await, Some(0));
}

#[tokio::test]
async fn a_body_is_asked_for_when_the_container_wants_it() {
    let container = Container::serve("c", |request| async move {
        match request.uri().path() {
            "/refuse" => Response::builder().status(413).body(Full::from("no").boxed()).unwrap(),
            _ => text(request.into_body().collect().await.unwrap().to_bytes()),
        }
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let head = |path| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let began = std::time::Instant::now();
    stream.write_all(head("/take").as_bytes()).await.unwrap();
    assert_eq!(read_until(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let answer = read_until(&mut stream, "hello").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let took = began.elapsed();
    assert!(
        took < std::time::Duration::from_millis(900),
        "it was the timer that let it go: {took:?}"
    );

    // Who is refused is not asked to send the body.
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(head("/refuse").as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "no").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_container_that_never_asks_for_the_body_gets_it_all_the_same() {
    let container = Container::raw("silent", |mut stream| async move {
        let got = read_until(&mut stream, "hello").await;
        assert!(got.contains("expect: 100-continue\r\n"), "{got}");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        read_until(&mut stream, "never").await;
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut stream, "100 Continue").await;
    stream.write_all(b"hello").await.unwrap();
    let answer = read_until(&mut stream, "ok").await;
    assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_get_may_have_a_body_too() {
    let container = echo().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    for framed in [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{framed}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "hello").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}
