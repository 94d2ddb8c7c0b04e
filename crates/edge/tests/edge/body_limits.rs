//! The largest body of a request that a service takes.

use super::support::*;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use http_body_util::{BodyExt, Full};
use launcher_edge::table::ServiceTable;
use launcher_model::Bytes as Size;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

const MOST: usize = 1000;

/// The service of the tests, which takes bodies of up to [`MOST`] bytes.
fn small(container: &Container) -> ServiceTable {
    let mut table = shop(1, &[(1, 100)], &[(1, &[container])]);
    table.traffic.max_body = Some(Size(MOST as u64));
    table
}

/// Says how long the body was that came.
async fn measuring() -> Container {
    Container::serve("c", |request| async move {
        match request.into_body().collect().await {
            Ok(body) => text(body.to_bytes().len().to_string()),
            Err(_) => text("broken"),
        }
    })
    .await
}

fn refused(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.ends_with("This service takes bodies of up to 1000B.\n"), "{answer}");
}

#[tokio::test]
async fn a_body_whose_length_is_too_large_never_reaches_a_container() {
    let container = measuring().await;
    let lab = Lab::new(&[small(&container)]).await;
    for host in [HOST, "v1.shop.preview.test"] {
        let head = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1001\r\n\r\n");
        // Answered before any of the body has come, and also when all of it has.
        refused(&raw(lab.edge.http, head.as_bytes()).await);
        let whole = [head.as_bytes(), &[b'x'; MOST + 1]].concat();
        // Then another request may follow.
        let last = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 1001\r\n\r\n"
        );
        let answers = raw(lab.edge.http, &[&whole, last.as_bytes()].concat()).await;
        refused(&answers);
        assert_eq!(answers.matches("HTTP/1.1 413 ").count(), 2, "{answers}");
        let expects = head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
        refused(&raw(lab.edge.http, expects.as_bytes()).await);
    }
    assert_eq!(container.connections(), 0);
    let mut client = Client::connect(lab.edge.http).await;
    let request = Request::post("/").header("host", HOST);
    let full = request.body(Full::from(vec![b'x'; MOST])).unwrap();
    assert_eq!(client.ask(full).await.body, "1000");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_at_the_limit() {
    let (got, mut has_got) = mpsc::unbounded_channel();
    let container = Container::raw("c", move |mut stream| {
        let got = got.clone();
        async move {
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all).await;
            let _ = got.send(String::from_utf8_lossy(&all).into_owned());
        }
    })
    .await;
    let lab = Lab::new(&[small(&container)]).await;
    let part = format!("{:x}\r\n{}\r\n", 600, "x".repeat(600));
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(format!("{head}{part}").as_bytes()).await.unwrap();
    until("the container has a connection", || container.connections() == 1).await;
    stream.write_all(part.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon("the answer", stream.read_to_string(&mut answer)).await.unwrap();
    refused(&answer);
    // What the container got is not the whole of anything: the last chunk is missing.
    let got = soon("the container's connection to end", has_got.recv()).await.unwrap();
    assert!(got.contains(&"x".repeat(600)), "{got}");
    assert!(!got.contains(&"x".repeat(601)) && !got.ends_with("0\r\n\r\n"), "{got}");
}

#[tokio::test]
async fn a_body_of_unknown_length_within_the_limit_passes() {
    let container = measuring().await;
    let lab = Lab::new(&[small(&container)]).await;
    let chunks = "1f4\r\n".to_owned() + &"x".repeat(500) + "\r\n";
    let request = format!(
        "POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{chunks}0\r\n\r\n"
    );
    let answer = raw(lab.edge.http, request.as_bytes()).await;
    assert!(answer.ends_with("\r\n\r\n1000"), "{answer}");
}

#[tokio::test]
async fn a_response_that_began_breaks_when_the_body_grows_too_large() {
    let container = Container::raw("early", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nearly\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let lab = Lab::new(&[small(&container)]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "early").await;
    let part = format!("{:x}\r\n{}\r\n", 2000, "x".repeat(2000));
    stream.write_all(part.as_bytes()).await.unwrap();
    let mut rest = String::new();
    soon("the end", stream.read_to_string(&mut rest)).await.unwrap();
    assert!(!rest.ends_with("0\r\n\r\n"), "{rest}");
}

#[tokio::test]
async fn a_client_that_sends_much_too_much_reads_the_answer() {
    let container = measuring().await;
    let lab = Lab::new(&[small(&container)]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let body = Full::from(Bytes::from(vec![b'x'; 64 << 20]));
    let request = Request::post("/").header("host", HOST).body(body).unwrap();
    let answer = client.ask(request).await;
    assert_eq!(answer.status, 413);
    assert_eq!(container.connections(), 0);
}

#[tokio::test]
async fn what_passes_after_an_upgrade_is_no_body() {
    let container = websocket_echo().await;
    let mut table = small(&container);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let lab = Lab::new(&[table]).await;
    let mut socket = websocket(lab.edge.http).await;
    let sent = Message::text("x".repeat(10 * MOST));
    socket.send(sent.clone()).await.unwrap();
    assert_eq!(soon("the echo", socket.next()).await.unwrap().unwrap(), sent);
}
