use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use launcher_model::Span;
use launcher_testkit::wait::SOON;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::support::*;

type Socket = WebSocketStream<TcpStream>;

async fn open(lab: &Lab) -> Socket {
    let stream = TcpStream::connect(lab.http).await.unwrap();
    let (mut socket, _) =
        tokio_tungstenite::client_async(format!("ws://{HOST}/ws"), stream).await.unwrap();
    // The version.
    socket.next().await.unwrap().unwrap();
    socket
}

async fn echoes(socket: &mut Socket) -> bool {
    if socket.send(Message::text("still there?")).await.is_err() {
        return false;
    }
    let echo = tokio::time::timeout(SOON, socket.next()).await.unwrap();
    matches!(echo, Some(Ok(Message::Text(text))) if text.as_str() == "still there?")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_websockets_outlive_a_takeover_and_a_switch() {
    let mut lab = Lab::new().await;
    let mut first = lab.first_edge().await;
    let mut socket = open(&lab).await;
    let mut second = lab.start_edge();
    lab.is_led_by(&second).await;
    assert!(echoes(&mut socket).await);
    // And from that one too: a chain of three.
    let mut third = lab.start_edge();
    lab.is_led_by(&third).await;
    assert!(echoes(&mut socket).await);

    // The switch counts the connection, and its drain waits for it.
    let prepared = lab.prepare(1).await.unwrap();
    let committed = lab.commit(1, prepared).await;
    assert_eq!(committed[0].flip.as_ref().unwrap().in_flight.connections, 1);
    assert_eq!(get(lab.http).await, Ok(2));
    assert!(echoes(&mut socket).await);
    assert!(lab.has_drained(1).is_none());
    assert!(first.ended().is_none() && second.ended().is_none());

    drop(socket);
    let outcome = lab.drained(1).await;
    assert_eq!((outcome.drained, outcome.failed, outcome.cut), (1, 0, 0), "{outcome:?}");
    first.has_ended_well().await;
    second.has_ended_well().await;
    assert!(third.ended().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_what_the_process_before_still_has_moves_too() {
    let mut lab = Lab::new().await;
    let first = lab.first_edge().await;
    let mut socket = open(&lab).await;
    let second = lab.start_edge();
    lab.is_led_by(&second).await;
    lab.move_within = Some(Span::millis(200));
    lab.switch(1).await;
    let end = tokio::time::timeout(SOON, socket.next()).await.unwrap();
    let Some(Ok(Message::Close(Some(close)))) = end else { panic!("{end:?}") };
    assert_eq!(u16::from(close.code), 1001);
    while let Some(Ok(_)) = tokio::time::timeout(SOON, socket.next()).await.unwrap() {}
    let outcome = lab.drained(1).await;
    assert_eq!((outcome.moved, outcome.drained, outcome.cut), (1, 0, 0), "{outcome:?}");
    first.has_ended_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_drains_go_on_through_a_takeover_and_end_at_their_deadline() {
    let mut lab = Lab::with_drain(Span::secs(3)).await;
    let first = lab.first_edge().await;
    let mut socket = open(&lab).await;
    lab.switch(1).await;
    let _second = lab.start_edge();
    assert!(echoes(&mut socket).await);
    let outcome = lab.drained(1).await;
    assert_eq!((outcome.drained, outcome.failed, outcome.cut), (0, 0, 1), "{outcome:?}");
    assert!(!echoes(&mut socket).await);
    first.has_ended_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_the_middle_one_of_three_is_killed() {
    let mut lab = Lab::new().await;
    let mut first = lab.first_edge().await;
    let mut socket = open(&lab).await;
    let mut second = lab.start_edge();
    lab.is_led_by(&second).await;
    // It lives on only as long as the one before.
    let mut third = lab.start_edge();
    lab.is_led_by(&third).await;
    second.kill();
    let switched = lab.switch(1).await;
    for _ in 0..20 {
        assert_eq!(get(lab.http).await, Ok(switched));
    }
    assert!(echoes(&mut socket).await);
    assert!(first.ended().is_none() && third.ended().is_none());
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(socket);
    first.has_ended_well().await;
    assert_eq!(get(lab.http).await, Ok(switched));
}
