//! Containers that say nothing more within a response.

use std::time::Duration;

use super::support::*;
use futures_util::{SinkExt, StreamExt};
use launcher_edge::table::ServiceTable;
use launcher_model::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Longer than a busy machine keeps a container's task from its next part.
const MOST: Duration = Duration::from_secs(1);

/// More than sockets and the edge hold, in bytes.
const LARGE: usize = 32 << 20;

fn impatient(container: &Container) -> ServiceTable {
    let mut table = shop(1, &[(1, 100)], &[(1, &[container])]);
    table.traffic.silence_timeout = Some(Span::secs(1));
    table
}

/// Begins a response with this field and says no more; tells when its connection has ended.
async fn silent(field: &'static str) -> (Container, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let (ended, has_ended) = tokio::sync::mpsc::unbounded_channel();
    let container = Container::raw("silent", move |mut stream| {
        let ended = ended.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await;
            let head = format!("HTTP/1.1 200 OK\r\n{field}\r\ntransfer-encoding: chunked\r\n\r\n");
            let _ = stream.write_all(format!("{head}5\r\nfirst\r\n").as_bytes()).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            let _ = ended.send(());
        }
    })
    .await;
    (container, has_ended)
}

async fn ask(lab: &Lab) -> TcpStream {
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    read_until(&mut stream, "first").await;
    stream
}

#[tokio::test]
async fn a_response_that_stops_coming_breaks_off() {
    let (container, mut has_ended) = silent("content-type: text/plain").await;
    let lab = Lab::new(&[impatient(&container)]).await;
    let mut stream = ask(&lab).await;
    let mut rest = String::new();
    soon("the end", stream.read_to_string(&mut rest)).await.unwrap();
    assert!(!rest.contains("0\r\n\r\n"), "{rest}");
    soon("the end of the container's connection", has_ended.recv()).await;
}

#[tokio::test]
async fn a_response_that_breaks_off_counts_as_failed() {
    let hush = std::sync::Arc::new(tokio::sync::Notify::new());
    let told = hush.clone();
    let container = Container::raw("talking", move |mut stream| {
        let told = told.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nfirst").await;
            let talk = async {
                while stream.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(MOST / 10).await;
                }
            };
            tokio::select! { () = talk => (), () = told.notified() => () }
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
    .await;
    let next = Container::named("next").await;
    let both = |revision, live| {
        let mut table = shop(revision, &[(live, 100)], &[(1, &[&container]), (2, &[&next])]);
        table.traffic.silence_timeout = Some(Span::secs(2));
        table
    };
    let mut lab = Lab::new(&[both(1, 1)]).await;
    let mut stream = ask(&lab).await;
    lab.control.switch(7, &both(2, 2)).await;
    hush.notify_one();
    let outcome = lab.control.drained(7).await;
    assert_eq!((outcome.failed, outcome.cut), (1, 0), "{outcome:?}");
    soon("the end", stream.read_to_end(&mut Vec::new())).await.unwrap();
}

#[tokio::test]
async fn streams_of_events_and_services_without_a_limit_may_be_silent() {
    let (events, _events_ended) = silent("content-type: text/event-stream").await;
    let (patient, _patient_ended) = silent("content-type: text/plain").await;
    let unlimited = shop(1, &[(1, 100)], &[(1, &[&patient])]);
    for table in [impatient(&events), unlimited] {
        let lab = Lab::new(&[table]).await;
        let mut stream = ask(&lab).await;
        let more = tokio::time::timeout(2 * MOST, stream.read(&mut [0; 64])).await;
        assert!(more.is_err(), "{more:?}");
    }
}

/// Longer as a whole than a silence may be, but for the client's sake or with parts that come in time.
#[tokio::test]
async fn a_response_that_goes_on_may_take_its_time() {
    let container = Container::raw("slow", |mut stream| async move {
        let head = read_until(&mut stream, "\r\n\r\n").await;
        let large = head.contains("GET /large ");
        let length = if large { LARGE } else { 10 };
        let body = vec![b'x'; length];
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length:";
        let head = format!("{head} {length}\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).await;
        if large {
            let _ = stream.write_all(&body).await;
        } else {
            for part in body.chunks(1) {
                tokio::time::sleep(MOST / 5).await;
                let _ = stream.write_all(part).await;
            }
        }
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let lab = Lab::new(&[impatient(&container)]).await;
    assert_eq!(lab.get("/").await.body, "x".repeat(10));
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let request = b"GET /large HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let begun = read_until(&mut stream, "xxxx").await;
    tokio::time::sleep(2 * MOST).await;
    let mut rest = Vec::new();
    soon("the rest", stream.read_to_end(&mut rest)).await.unwrap();
    let (_, first) = begun.split_once("\r\n\r\n").unwrap();
    assert_eq!(first.len() + rest.len(), LARGE);
}

#[tokio::test]
async fn upgraded_connections_may_be_silent() {
    let container = websocket_echo().await;
    let mut table = impatient(&container);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let lab = Lab::new(&[table]).await;
    let mut socket = websocket(lab.edge.http).await;
    tokio::time::sleep(2 * MOST).await;
    let sent = Message::text("still here");
    socket.send(sent.clone()).await.unwrap();
    assert_eq!(soon("the echo", socket.next()).await.unwrap().unwrap(), sent);
}
