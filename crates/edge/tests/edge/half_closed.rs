//! Clients that close their side and wait for the answer, and those that are gone: both look the same at first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::support::*;
use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use launcher_edge::Https;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const GET: &str = "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n";

/// Sends something, closes that side, and reads all that comes.
async fn send_and_close(to: std::net::SocketAddr, bytes: &str) -> String {
    close_behind(TcpStream::connect(to).await.unwrap(), bytes).await
}

async fn close_behind(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &str) -> String {
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut all = Vec::new();
    soon("the end", stream.read_to_end(&mut all)).await.unwrap();
    String::from_utf8(all).unwrap()
}

/// A container that takes requests, answers none, and tells when its connection has ended.
async fn silent() -> (Container, UnboundedReceiver<()>) {
    let (ended, has_ended) = unbounded_channel();
    let container = Container::raw("silent", move |mut stream| {
        let ended = ended.clone();
        async move {
            while stream.read(&mut [0; 1024]).await.is_ok_and(|n| n > 0) {}
            let _ = ended.send(());
        }
    })
    .await;
    (container, has_ended)
}

#[tokio::test]
async fn who_closes_its_side_is_answered() {
    let container = Container::serve("c", |request| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        text(format!("<{}>", request.uri().path()))
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let answer = send_and_close(lab.edge.http, GET).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("</>"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    // All of those that it has asked, and nothing of what it has only begun.
    let three = format!("{GET}{}{}{GET}", GET.replace("/ ", "/b "), GET.replace("/ ", "/c "));
    let answers = send_and_close(lab.edge.http, &three[..three.len() - 2]).await;
    let bodies: Vec<_> =
        answers.split('<').skip(1).filter_map(|rest| rest.split_once('>')).collect();
    assert_eq!(bodies.iter().map(|(path, _)| *path).collect::<Vec<_>>(), ["/", "/b", "/c"]);
    assert_eq!(container.requests(), 4);
}

/// Of what is encrypted one side can be closed alone (RFC 8446 §6.1).
#[tokio::test]
async fn who_closes_its_side_is_answered_by_https_too() {
    let container = Container::named("c").await;
    let (dir, authority) = (launcher_testkit::Folder::new(), Authority::new());
    let https = Https {
        addresses: vec!["127.0.0.1:0".parse().unwrap()],
        certificates: vec![authority.issue(dir.path(), "shop", &[HOST])],
        ..Https::default()
    };
    let table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    let lab = Lab::start(&[table], |config| config.https = https).await;
    let stream = greet(lab.edge.https[0], HOST, &Arc::new(authority.client())).await.unwrap();
    let answer = close_behind(stream, GET).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("c"), "{answer}");
}

#[tokio::test]
async fn who_closes_its_side_gets_a_long_answer_whole() {
    let parts = |n: u8| async move {
        tokio::time::sleep(Duration::from_millis(400)).await;
        Some((Ok(Frame::data(Bytes::from(vec![b'a' + n; 3]))), n + 1)).filter(|_| n < 10)
    };
    let container = Container::serve("slow", move |_| async move {
        Response::new(StreamBody::new(futures_util::stream::unfold(0, parts)).boxed())
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let answer = send_and_close(lab.edge.http, GET).await;
    assert!(answer.contains("jjj\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn who_is_gone_has_nothing_done_for_it_for_long() {
    let (container, mut ended) = silent().await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    table.traffic.response_timeout = launcher_model::Span::secs(60);
    let lab = Lab::new(&[table]).await;
    for half in [true, false] {
        let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
        stream.write_all(GET.as_bytes()).await.unwrap();
        until("the request", || lab.edge.in_flight() == 1).await;
        let began = Instant::now();
        let kept = if half {
            stream.shutdown().await.unwrap();
            Some(stream)
        } else {
            drop(stream);
            None
        };
        soon("the container's connection to end", ended.recv()).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        until("its place to be free", || lab.edge.in_flight() == 0).await;
        if let Some(mut stream) = kept {
            assert_eq!(soon("the end", stream.read(&mut [0; 9])).await.unwrap(), 0);
        }
    }
}

#[tokio::test]
async fn who_resets_its_connection_is_gone_at_once() {
    let (container, mut ended) = silent().await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let lab = Lab::new(&[table]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    until("the request", || lab.edge.in_flight() == 1).await;
    let began = Instant::now();
    reset(stream);
    soon("the container's connection to end", ended.recv()).await;
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
}
