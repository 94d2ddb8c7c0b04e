//! What the access log is told of requests by HTTP/2, of either kind of container.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderValue};
use launcher_edge::Limits;
use launcher_edge::access::{self, End, Entry, Options, Sink};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<String>>>);

impl Sink for Book {
    fn write(&mut self, entry: &Entry<'_>) {
        let end = match entry.end {
            End::Whole => "whole",
            End::Broken => "broken",
            End::Gone => "gone",
        };
        let (status, bytes) = (entry.status.unwrap_or_default(), entry.sent);
        let Entry { protocol, method, host, path, .. } = entry;
        let line = format!("{protocol} {method} {host}{path} {status} {bytes} {end}");
        self.0.lock().unwrap().push(line);
    }
}

#[tokio::test]
async fn each_request_is_told_as_it_ended() {
    let old = Container::raw("old", |mut stream: TcpStream| async move {
        let head = read_until(&mut stream, "\r\n\r\n").await;
        let head = head.lines().next().unwrap().to_owned();
        let answer = if head.contains("/half") {
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
        } else {
            "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nold\r\n0\r\nx-sum: 1\r\n\r\n"
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
        if !head.contains("/half") {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
    .await;
    let new = Container::h2c("new", |asked| async move {
        let trailers =
            HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("1"))]);
        answer2(asked, "newer", trailers);
    })
    .await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&old]), (2, &[&new])]);
    let mut pools = table.pools.values_mut();
    pools.next().unwrap().health = Default::default();
    pools.next().unwrap().protocol = launcher_model::service::Protocol::H2c;
    let book = Book::default();
    let (log, writer) = access::open(book.clone(), Options::default()).unwrap();
    let lab = Lab::logging(&[table], Limits::default(), Some(log)).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let preview = http::Request::get("http://v2.shop.preview.test/new").body(()).unwrap();
    let told = |count: usize| {
        let book = book.clone();
        async move {
            until("entries of the log", || book.0.lock().unwrap().len() >= count).await;
            book.0.lock().unwrap().last().unwrap().clone()
        }
    };
    assert_eq!(client.get("/old").await.body, "old");
    assert_eq!(told(1).await, "HTTP/2.0 GET shop.test/old 200 3 whole");
    assert_eq!(client.ask(preview).await.unwrap().body, "newer");
    assert_eq!(told(2).await, "HTTP/2.0 GET v2.shop.preview.test/new 200 5 whole");
    client.ask(asking("GET", "/half")).await.unwrap_err();
    assert_eq!(told(3).await, "HTTP/2.0 GET shop.test/half 200 4 broken");
    lab.edge.stop().await;
    drop(writer);
}
