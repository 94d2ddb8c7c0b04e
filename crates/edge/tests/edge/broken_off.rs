//! Bodies of requests that do not come as announced, while the container has answered already.

use super::support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A container that sends the head of its answer at once, then what it gets, and tells when its
/// connection has ended.
async fn hasty(body: &'static str) -> (Container, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let (ended, has_ended) = tokio::sync::mpsc::unbounded_channel();
    let container = Container::raw("hasty", move |mut stream| {
        let ended = ended.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await;
            let head = format!("HTTP/1.1 200 OK\r\n{body}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut part = [0; 1024];
            while let Ok(read @ 1..) = stream.read(&mut part).await {
                if stream.write_all(&part[..read]).await.is_err() {
                    break;
                }
            }
            let _ = ended.send(());
        }
    })
    .await;
    (container, has_ended)
}

#[tokio::test]
async fn a_body_that_nobody_asked_for_still_reaches_a_container_that_has_answered() {
    let (container, _ended) = hasty("content-length: 5").await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nHost: shop.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    soon("the head", read_until(&mut stream, "\r\n\r\n")).await;
    stream.write_all(b"hello").await.unwrap();
    let mut body = [0; 5];
    soon("the body", stream.read_exact(&mut body)).await.unwrap();
    assert_eq!(&body, b"hello");
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_both_connections() {
    let (container, mut ended) = hasty("content-length: 500").await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    soon("the head", read_until(&mut stream, "\r\n\r\n")).await;
    // Not a chunk: the body cannot be understood any further.
    stream.write_all(b"zz\r\nhello\r\n").await.unwrap();
    soon("the container's connection to end", ended.recv()).await;
    let mut rest = Vec::new();
    let _ = soon("the client's connection to end", stream.read_to_end(&mut rest)).await;
}
