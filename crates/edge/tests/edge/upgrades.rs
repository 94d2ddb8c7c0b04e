use super::support::*;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn websockets_pass() {
    let container = websocket_echo().await;
    let mut plain = shop(1, &[(1, 100)], &[(1, &[&container])]);
    plain.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let lab = Lab::new(&[plain]).await;
    let mut socket = websocket(lab.edge.http).await;
    for n in 0..10 {
        let sent = Message::text("x".repeat(n * 1000));
        socket.send(sent.clone()).await.unwrap();
        assert_eq!(soon("the echo", socket.next()).await.unwrap().unwrap(), sent);
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = soon("the end", socket.next()).await {}
}

#[tokio::test]
async fn any_other_protocol_passes_too_with_what_is_sent_early() {
    let container = Container::raw("other", |mut stream| async move {
        let head = read_until(&mut stream, "\r\n\r\n").await;
        assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
        assert!(head.contains("\r\nupgrade: other/1\r\n"), "{head}");
        // The first words of the new protocol come with the answer.
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other/1\r\n\r\nwelcome ";
        stream.write_all(answer).await.unwrap();
        let mut got = [0; 5];
        stream.read_exact(&mut got).await.unwrap();
        stream.write_all(&got).await.unwrap();
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: other/1\r\n\r\nearly")
        .await
        .unwrap();
    let answer = read_until(&mut stream, "welcome early").await;
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    assert!(answer.contains("\r\nupgrade: other/1\r\n"), "{answer}");
    let mut rest = Vec::new();
    soon("the end", stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn half_a_connection_may_be_closed_before_the_other() {
    let container = Container::raw("half", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        stream
            .write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
            )
            .await
            .unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        all.reverse();
        stream.write_all(&all).await.unwrap();
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        )
        .await
        .unwrap();
    read_until(&mut stream, "\r\n\r\n").await;
    stream.write_all(b"drawer").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = String::new();
    soon("the end", stream.read_to_string(&mut rest)).await.unwrap();
    assert_eq!(rest, "reward");
}

#[tokio::test]
async fn an_upgrade_that_is_declined_is_a_plain_answer() {
    let container = Container::named("plain").await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for _ in 0..2 {
        let mut asking = request(HOST, "/");
        asking.headers_mut().insert("connection", "upgrade".parse().unwrap());
        asking.headers_mut().insert("upgrade", "websocket".parse().unwrap());
        assert_eq!(client.ask(asking).await.body, "plain");
        assert_eq!(client.ask(request(HOST, "/")).await.body, "plain");
    }
}

#[tokio::test]
async fn a_container_cannot_switch_unasked() {
    let container = Container::raw("eager", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let _ = stream
            .write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
            )
            .await;
        read_until(&mut stream, "never").await;
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let answer = lab.get("/").await;
    assert_eq!(answer.status, 502);
    assert!(answer.body.contains("without being asked"), "{answer:?}");
}

#[tokio::test]
async fn half_a_websocket_may_be_closed_before_the_other() {
    let container = Container::raw("half", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        stream.write_all(&all).await.unwrap();
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let head =
        "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "\r\n\r\n").await;
    stream.write_all(b"\x82\x02hi").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    soon("the end", stream.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"\x82\x02hi");
}
