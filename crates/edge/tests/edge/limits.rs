use std::time::Duration;

use super::support::*;
use launcher_edge::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn lab(container: &Container, limits: Limits) -> Lab {
    Lab::with(&[shop(1, &[(1, 100)], &[(1, &[container])])], limits).await
}

async fn closes(mut stream: TcpStream) {
    let mut rest = Vec::new();
    soon("the end", stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_ends_the_connection() {
    let container = Container::named("c").await;
    let limits = Limits { head_timeout: Duration::from_millis(200), ..Limits::default() };
    let lab = lab(&container, limits).await;
    // One that says nothing, one that drips, and one whose second request drips.
    let silent = TcpStream::connect(lab.edge.http).await.unwrap();
    let mut second = TcpStream::connect(lab.edge.http).await.unwrap();
    second.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    let answer = read_until(&mut second, "\r\n\r\nc").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (a, b) = tokio::join!(drip(TcpStream::connect(lab.edge.http).await.unwrap()), drip(second));
    assert!(a && b);
    closes(silent).await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_told_that_it_is_late() {
    let container = Container::named("c").await;
    let limits = Limits { head_timeout: Duration::from_millis(200), ..Limits::default() };
    let lab = lab(&container, limits).await;
    for before in ["", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"] {
        let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
        stream.write_all(before.as_bytes()).await.unwrap();
        if !before.is_empty() {
            read_until(&mut stream, "\r\n\r\nc").await;
        }
        let (mut read, mut write) = stream.into_split();
        write.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n").await.unwrap();
        // It goes on and on, and is not waited for.
        let drips = tokio::spawn(async move {
            while write.write_all(b"X: y\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let mut answer = String::new();
        let _ = soon("the end", read.read_to_string(&mut answer)).await;
        assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(answer.contains("did not come in time"), "{answer}");
        soon("the drip to end", drips).await.unwrap();
    }
    assert_eq!(container.requests(), 1);
}

/// Sends a head byte by byte; says whether the connection ended before it did.
async fn drip(mut stream: TcpStream) -> bool {
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if stream.write_all(b"x").await.is_err() {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn an_unused_connection_is_closed_in_the_end_and_not_before() {
    let container = Container::named("c").await;
    let limits = Limits {
        head_timeout: Duration::from_millis(100),
        keep_alive: Duration::from_millis(800),
        ..Limits::default()
    };
    let lab = lab(&container, limits).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
        read_until(&mut stream, "\r\n\r\nc").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    closes(stream).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let container = Container::named("c").await;
    let lab = lab(&container, Limits { head_bytes: 8 << 10, ..Limits::default() }).await;
    let long = format!(
        "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nx: {}\r\n\r\n",
        "y".repeat(9 << 10)
    );
    let answer = raw(lab.edge.http, long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many = format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{}\r\n", "x: y\r\n".repeat(200));
    let answer = raw(lab.edge.http, many.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let container = Container::named("c").await;
    let lab = lab(&container, Limits { connections: 4, ..Limits::default() }).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect(lab.edge.http).await;
        assert_eq!(client.ask(request(HOST, "/")).await.body, "c");
        open.push(client);
    }
    let mut waiting = Client::connect(lab.edge.http).await;
    let asked = waiting.send(request(HOST, "/"));
    tokio::pin!(asked);
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut asked).await.is_err());
    open.pop();
    assert_eq!(whole(asked.await.unwrap()).await.body, "c");
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_too_long_is_dropped() {
    let (ended, mut has_ended) = tokio::sync::mpsc::unbounded_channel();
    let container = Container::raw("endless", move |mut stream| {
        let ended = ended.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            let part = vec![b'x'; 64 << 10];
            while stream.write_all(&part).await.is_ok() {}
            ended.send(()).unwrap();
        }
    })
    .await;
    let limits = Limits { write_timeout: Duration::from_millis(300), ..Limits::default() };
    let lab = lab(&container, limits).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    soon("the container's connection to end", has_ended.recv()).await;
}
