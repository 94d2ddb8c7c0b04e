//! Bodies of requests that do not come as announced, while the container has answered already.

use super::support::*;
use http_body_util::BodyExt;
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

/// A container that answers with the body, once it has come.
async fn reader() -> Container {
    Container::serve("c", |request| async move {
        let body = request.into_body().collect().await;
        text(body.map_or_else(|_| "broken".into(), |body| body.to_bytes()))
    })
    .await
}

/// Of the tests' service, the requests by status, and those that failed or were sent again.
fn counted(lab: &Lab) -> ([u64; 5], [u64; 2]) {
    let counted = &lab.edge.counters.read()[0].counted;
    (counted.requests, [counted.failed, counted.retried])
}

#[tokio::test]
async fn a_body_that_is_wrong_is_told_so_and_costs_both_connections() {
    let container = reader().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let (malformed, broken) = ("is not in chunks as it should be", "broke off before its end");
    for (n, (rest, closes, why)) in [
        (format!("{chunked}zz\r\nhello\r\n"), false, malformed),
        (format!("{chunked}5\r\nhelloX\r\n"), false, malformed),
        (format!("{chunked}5\r\nhello\r\n0\r\nx y\r\n\r\n"), false, malformed),
        (format!("{chunked}5\r\nhel"), true, broken),
        (format!("{chunked}5\r\nhello\r\n0\r\n"), true, broken),
        ("Content-Length: 9\r\n\r\nhello".to_owned(), true, broken),
    ]
    .into_iter()
    .enumerate()
    {
        let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
        stream.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
        if closes {
            stream.shutdown().await.unwrap();
        }
        let mut answer = String::new();
        soon("the end", stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{rest:?}: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{rest:?}: {answer}");
        assert!(answer.contains(why), "{rest:?}: {answer}");
        // None that has had half a request is used for another one.
        assert_eq!(lab.get("/").await.status, 200);
        let n = n as u64 + 1;
        assert_eq!(counted(&lab), ([0, n, 0, n, 0], [0, 0]), "{rest:?}");
    }
    until("all to end", || lab.edge.in_flight() == 0).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_late() {
    let container = reader().await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.traffic.response_timeout = launcher_model::Span::millis(200);
    let lab = Lab::new(&[table]).await;
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 9\r\n\r\nhello";
    let answer = raw(lab.edge.http, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(counted(&lab), ([0, 0, 0, 1, 0], [0, 0]));
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
    until("all to end", || lab.edge.in_flight() == 0).await;
    // The container has answered as it should.
    assert_eq!(counted(&lab), ([0, 1, 0, 0, 0], [0, 0]));
}
