//! WebSockets within a stream (RFC 8441).

use futures_util::{SinkExt, StreamExt};
use h2::ext::Protocol;
use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::*;

fn opening() -> Request<()> {
    let mut request = asking("CONNECT", "/");
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
    request
}

/// A WebSocket within a stream; the bytes of either side are carried by a task.
async fn open(client: &mut Http2) -> WebSocketStream<tokio::io::DuplexStream> {
    let settled = || client.send.is_extended_connect_protocol_enabled();
    until("the edge's settings", settled).await;
    let (response, mut to_edge) = client.begin(opening(), false).await;
    let response = soon("a response", response).await.unwrap();
    assert_eq!(response.status(), 200);
    for name in ["connection", "upgrade", "sec-websocket-accept"] {
        assert!(!response.headers().contains_key(name), "{name}");
    }
    let mut from_edge = response.into_body();
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let (mut read, mut write) = tokio::io::split(theirs);
    tokio::spawn(async move {
        let mut buffer = vec![0; 8 << 10];
        loop {
            let n = read.read(&mut buffer).await.unwrap_or(0);
            let part = bytes::Bytes::copy_from_slice(&buffer[..n]);
            if to_edge.send_data(part, n == 0).is_err() || n == 0 {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(Ok(part)) = from_edge.data().await {
            let _ = from_edge.flow_control().release_capacity(part.len());
            if write.write_all(&part).await.is_err() {
                return;
            }
        }
        let _ = write.shutdown().await;
    });
    WebSocketStream::from_raw_socket(ours, Role::Client, None).await
}

fn plain(table: launcher_edge::table::ServiceTable) -> launcher_edge::table::ServiceTable {
    let mut table = table;
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    table
}

#[tokio::test]
async fn many_pass_over_one_connection() {
    let container = websocket_echo().await;
    let lab = Lab::new(&[plain(shop(1, &[(1, 100)], &[(1, &[&container])]))]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(open(&mut client).await);
    }
    for (n, socket) in sockets.iter_mut().enumerate() {
        for size in [1, 1_000, 100_000] {
            let sent = Message::text(n.to_string().repeat(size));
            socket.send(sent.clone()).await.unwrap();
            assert_eq!(soon("the echo", socket.next()).await.unwrap().unwrap(), sent);
        }
    }
    for mut socket in sockets {
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = soon("the end", socket.next()).await {}
    }
    until("nothing is under way", || lab.edge.in_flight() == 0).await;
}

#[tokio::test]
async fn one_is_told_to_come_again_when_its_version_has_left() {
    let (v1, v2) = (websocket_echo().await, websocket_echo().await);
    let table = |revision, live| {
        let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
        let mut table = plain(shop(revision, &[(live, 100)], pools));
        table.traffic.move_within = Some(launcher_model::Span::millis(50));
        table
    };
    let mut lab = Lab::new(&[table(1, 1)]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let mut socket = open(&mut client).await;
    lab.control.switch(7, &table(2, 2)).await;
    match soon("the close", socket.next()).await {
        Some(Ok(Message::Close(Some(close)))) => assert_eq!(close.code, CloseCode::Away),
        other => panic!("{other:?}"),
    }
    while let Some(Ok(_)) = soon("the end", socket.next()).await {}
    let outcome = lab.control.drained(7).await;
    assert_eq!(outcome.cut, 0, "{outcome:?}");
    drop(open(&mut client).await);
}

#[tokio::test]
async fn one_that_is_declined_is_a_plain_answer_and_never_seems_open() {
    let container = Container::serve("plain", |request| async move {
        let mut response = text("plain");
        if request.headers().contains_key("upgrade") {
            let status = request.uri().path().trim_start_matches('/').parse();
            *response.status_mut() = status.unwrap_or(StatusCode::OK);
        }
        response
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    assert_eq!(client.get("/").await.body, "plain");
    for (said, told) in [(404, 404), (403, 403), (302, 302), (200, 502), (201, 502)] {
        let mut request = opening();
        *request.uri_mut() = format!("http://{HOST}/{said}").parse().unwrap();
        let (response, _stream) = client.begin(request, false).await;
        let answer = whole2(soon("a response", response).await.unwrap()).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body == "plain"), (told, told != 502), "{said}");
    }
}

#[tokio::test]
async fn one_whose_container_answers_another_key_is_not_opened() {
    let container = Container::raw("another", |mut stream: TcpStream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
    })
    .await;
    let lab = Lab::new(&[plain(shop(1, &[(1, 100)], &[(1, &[&container])]))]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let settled = || client.send.is_extended_connect_protocol_enabled();
    until("the edge's settings", settled).await;
    let (response, _stream) = client.begin(opening(), false).await;
    assert_eq!(soon("a response", response).await.unwrap().status(), 502);
}
