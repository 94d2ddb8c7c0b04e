//! Long connections of a version that left are moved: ended in a way that their clients understand, one
//! by one, so that they come again and find the new version.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Response;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use launcher_edge::table::ServiceTable;
use launcher_model::Span;
use launcher_model::service::Health;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame as WsFrame};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::streaming::{Frames, streamed};
use super::support::*;

/// The test's service, whose long connections move within this time.
fn moving(revision: u64, live: u32, within: Span, v1: &Container, v2: &Container) -> ServiceTable {
    let mut table = shop(revision, &[(live, 100)], &[(1, &[v1]), (2, &[v2])]);
    table.pools.values_mut().for_each(|pool| pool.health = Health::default());
    table.traffic.move_within = Some(within);
    table
}

/// A container that greets each WebSocket with its name, then sends messages without a pause and echoes
/// nothing; it tells how each one was closed.
async fn talking(name: &'static str) -> (Container, mpsc::UnboundedReceiver<Option<CloseFrame>>) {
    let (closed, closes) = mpsc::unbounded_channel();
    let container = Container::raw(name, move |stream| {
        let closed = closed.clone();
        async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
            let _ = socket.send(Message::text(name)).await;
            let mut pause = tokio::time::interval(Duration::from_millis(400));
            loop {
                let came = tokio::select! {
                    came = socket.next() => came,
                    _ = pause.tick() => {
                        // Several reads of the edge, so that most moments are within a message.
                        if socket.send(Message::binary(vec![7; 20_000])).await.is_err() {
                            break;
                        }
                        continue;
                    }
                };
                match came {
                    Some(Ok(Message::Close(frame))) => {
                        let _ = closed.send(frame);
                    }
                    Some(Ok(_)) => {}
                    _ => break,
                }
            }
        }
    })
    .await;
    (container, closes)
}

/// How a WebSocket ended that is listened to until it did.
struct End {
    at: Instant,
    close: Option<CloseFrame>,
    /// Of the connection that was opened after it.
    next: Message,
}

/// Listens as a browser does, which sees messages whole or not at all, and comes again.
async fn live_through(edge: std::net::SocketAddr, mut socket: WebSocket) -> End {
    let mut close = None;
    while let Some(came) = soon("the end of a WebSocket", socket.next()).await {
        match came.expect("1006, as a browser says") {
            Message::Binary(part) => assert_eq!(part.len(), 20_000),
            Message::Close(frame) => close = frame,
            _ => {}
        }
    }
    let at = Instant::now();
    let next = soon("a greeting", websocket(edge).await.next()).await.unwrap().unwrap();
    End { at, close, next }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websockets_are_told_one_by_one_to_come_again() {
    const COUNT: usize = 200;
    const WITHIN: Duration = Duration::from_secs(2);
    let ((v1, mut closes), (v2, _closes)) = (talking("one").await, talking("two").await);
    let within = Span::secs(2);
    let mut lab = Lab::new(&[moving(1, 1, within, &v1, &v2)]).await;
    let edge = lab.edge.http;
    let mut sockets = Vec::new();
    for _ in 0..COUNT {
        let mut socket = websocket(edge).await;
        assert_eq!(soon("a greeting", socket.next()).await.unwrap().unwrap(), Message::text("one"));
        sockets.push(tokio::spawn(live_through(edge, socket)));
    }
    let flip = lab.control.switch(7, &moving(2, 2, within, &v1, &v2)).await;
    assert_eq!(flip.in_flight.connections, COUNT as u64);
    let began = Instant::now();
    let mut at = Vec::new();
    for socket in sockets {
        let end = socket.await.unwrap();
        let close = end.close.expect("a Close frame");
        assert_eq!(
            (close.code, close.reason.as_str()),
            (CloseCode::Away, "another version is live")
        );
        assert_eq!(end.next, Message::text("two"));
        at.push(end.at - began);
    }
    at.sort();
    assert!(at[COUNT - 1] < WITHIN + Duration::from_secs(2), "{at:?}");
    for (n, first) in at.iter().enumerate() {
        let together =
            at[n..].iter().take_while(|t| **t - *first < Duration::from_millis(100)).count();
        assert!(together <= COUNT / 5, "{together} within 100 ms: {at:?}");
    }
    let drained = lab.control.drained(7).await;
    assert_eq!((drained.moved, drained.drained), (COUNT as u64, 0), "{drained:?}");
    assert_eq!((drained.failed, drained.cut), (0, 0), "{drained:?}");
    for _ in 0..COUNT {
        let close = soon("a container's Close frame", closes.recv()).await.unwrap();
        assert_eq!(close.expect("a code").code, CloseCode::Away);
    }
}

/// A container of WebSockets whose frames the test sends.
async fn scripted() -> (Container, mpsc::UnboundedReceiver<TcpStream>) {
    let (came, comes) = mpsc::unbounded_channel();
    let container = Container::raw("scripted", move |stream| {
        let came = came.clone();
        async move {
            if let Ok(socket) = tokio_tungstenite::accept_async(stream).await {
                let _ = came.send(socket.into_inner());
            }
        }
    })
    .await;
    (container, comes)
}

fn frame(opcode: OpCode, last: bool, length: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    WsFrame::message(vec![b'x'; length], opcode, last).format(&mut wire).unwrap();
    wire
}

#[tokio::test]
async fn a_message_in_fragments_ends_before_its_websocket_does() {
    let ((v1, mut comes), v2) = (scripted().await, websocket_echo().await);
    let within = Span::millis(1);
    let mut lab = Lab::new(&[moving(1, 1, within, &v1, &v2)]).await;
    let mut socket = websocket(lab.edge.http).await;
    let mut container = soon("a WebSocket", comes.recv()).await.unwrap();
    let first = frame(OpCode::Data(Data::Text), false, 3);
    let last = frame(OpCode::Data(Data::Continue), true, 70_000);
    container.write_all(&first).await.unwrap();
    container.write_all(&last[..10]).await.unwrap();
    // The edge has passed that on when this comes back.
    socket.send(Message::text("up")).await.unwrap();
    let mut up = [0; 8];
    container.read_exact(&mut up).await.unwrap();
    lab.control.switch(7, &moving(2, 2, within, &v1, &v2)).await;
    let early = tokio::time::timeout(Duration::from_millis(300), socket.next()).await;
    assert!(early.is_err(), "{early:?}");

    container.write_all(&last[10..]).await.unwrap();
    let message = soon("the message", socket.next()).await.unwrap().unwrap();
    assert_eq!(message, Message::text("x".repeat(70_003)));
    let Some(Ok(Message::Close(Some(close)))) = soon("the end", socket.next()).await else {
        panic!()
    };
    assert_eq!(close.code, CloseCode::Away);
    // What the client has sent before it knew still arrives, and its answer after it.
    while let Some(Ok(_)) = soon("the end", socket.next()).await {}
    let config = Some(WebSocketConfig::default());
    let mut container =
        tokio_tungstenite::WebSocketStream::from_raw_socket(container, Role::Server, config).await;
    let Some(Ok(Message::Close(Some(close)))) = soon("a Close", container.next()).await else {
        panic!()
    };
    assert_eq!(close.code, CloseCode::Away);
    assert_eq!(lab.control.drained(7).await.moved, 1);
}

#[tokio::test]
async fn a_client_that_does_not_answer_does_not_hold_the_drain_up() {
    let ((v1, mut comes), v2) = (scripted().await, websocket_echo().await);
    let within = Span::millis(1);
    let mut lab = Lab::new(&[moving(1, 1, within, &v1, &v2)]).await;
    let mut client = websocket(lab.edge.http).await.into_inner();
    let container = soon("a WebSocket", comes.recv()).await.unwrap();
    lab.control.switch(7, &moving(2, 2, within, &v1, &v2)).await;
    let mut close = [0; 4];
    soon("the Close frame", client.read_exact(&mut close)).await.unwrap();
    assert_eq!((close[0], &close[2..]), (0x88, &1001u16.to_be_bytes()[..]));
    let config = Some(WebSocketConfig::default());
    let mut container =
        tokio_tungstenite::WebSocketStream::from_raw_socket(container, Role::Server, config).await;
    // A masked one; the library takes no other.
    let Some(Ok(Message::Close(Some(close)))) = soon("a Close", container.next()).await else {
        panic!()
    };
    assert_eq!(close.code, CloseCode::Away);
    let drained = lab.control.drained(7).await;
    assert_eq!((drained.moved, drained.drained, drained.cut), (1, 0, 0), "{drained:?}");
}

#[tokio::test]
async fn who_goes_live_again_keeps_its_websockets() {
    let (v1, v2) = (websocket_echo().await, websocket_echo().await);
    let within = Span::secs(20);
    let mut lab = Lab::new(&[moving(1, 1, within, &v1, &v2)]).await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(websocket(lab.edge.http).await);
    }
    lab.control.switch(7, &moving(2, 2, within, &v1, &v2)).await;
    lab.control.switch(8, &moving(3, 1, Span::millis(200), &v1, &v2)).await;
    let drained = lab.control.drained(7).await;
    assert!(drained.superseded && drained.moved + drained.drained <= 2, "{drained:?}");
    let mut stay = 0;
    for socket in &mut sockets {
        let echoed = async {
            socket.send(Message::text("there?")).await.ok()?;
            socket.next().await?.ok().filter(Message::is_text)
        };
        stay += usize::from(soon("an echo", echoed).await.is_some());
    }
    assert!(stay >= 18, "{stay}");
}

#[tokio::test]
async fn other_protocols_stay_until_the_deadline() {
    let other = Container::raw("other", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    })
    .await;
    let v2 = Container::named("two").await;
    let within = Span::millis(50);
    let table = |revision, live| {
        let mut table = moving(revision, live, within, &other, &v2);
        table.traffic.drain = Span::millis(500);
        table
    };
    let mut lab = Lab::new(&[table(1, 1)]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let head = "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "\r\n\r\n").await;
    let began = Instant::now();
    lab.control.switch(7, &table(2, 2)).await;
    stream.write_all(b"still there").await.unwrap();
    read_until(&mut stream, "still there").await;
    let drained = lab.control.drained(7).await;
    assert!(began.elapsed() >= Duration::from_millis(500));
    assert_eq!((drained.moved, drained.cut), (0, 1), "{drained:?}");
}

/// A container whose responses have these fields, and the frames that the test sends.
async fn streaming(
    fields: &'static [(&'static str, &'static str)],
) -> (Container, mpsc::UnboundedReceiver<Frames>) {
    let (came, comes) = mpsc::unbounded_channel();
    let container = Container::serve("streaming", move |_| {
        let (frames, body) = streamed();
        came.send(frames).unwrap();
        let mut response = Response::builder();
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        async move { response.body(BodyExt::boxed(body)).unwrap() }
    })
    .await;
    (container, comes)
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

async fn part(body: &mut Incoming) -> Option<Bytes> {
    let frame = soon("a part", body.frame()).await?.expect("the response breaks off");
    Some(frame.into_data().expect("data"))
}

/// The test's service before and after, with streams at its first version.
fn streams(v1: &Container, v2: &Container) -> (ServiceTable, ServiceTable) {
    let table = |revision, live| {
        let mut table = shop(revision, &[(live, 100)], &[(1, &[v1]), (2, &[v2])]);
        table.traffic.move_within = Some(Span::millis(1));
        table.traffic.drain = Span::millis(600);
        table
    };
    (table(1, 1), table(2, 2))
}

#[tokio::test]
async fn a_stream_of_events_ends_behind_an_event_and_its_connection_goes_on() {
    let (v1, mut comes) = streaming(&[("content-type", "text/event-stream; charset=utf-8")]).await;
    let v2 = Container::named("two").await;
    let (before, after) = streams(&v1, &v2);
    let mut lab = Lab::new(&[before]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let mut body = client.send(request(HOST, "/")).await.unwrap().into_body();
    let events = soon("a request", comes.recv()).await.unwrap();
    events.send(data("data: 1\n\ndata: 2")).unwrap();
    assert_eq!(part(&mut body).await.unwrap(), "data: 1\n\ndata: 2");
    let flip = lab.control.switch(7, &after).await;
    assert_eq!(flip.in_flight.requests, 1);
    let early = tokio::time::timeout(Duration::from_millis(200), body.frame()).await;
    assert!(early.is_err(), "it ends within an event");
    // The next event has begun with the end of this one, and is not passed on.
    events.send(data(" and a half\n\ndata: 3")).unwrap();
    assert_eq!(part(&mut body).await.unwrap(), " and a half\n\n");
    assert_eq!(part(&mut body).await, None);
    assert_eq!(client.ask(request(HOST, "/")).await.body, "two");
    until("the container's connection is closed", || events.is_closed()).await;
    let drained = lab.control.drained(7).await;
    assert_eq!((drained.moved, drained.drained, drained.cut), (1, 0, 0), "{drained:?}");
}

#[tokio::test]
async fn a_stream_of_events_that_is_silent_ends_too() {
    let (v1, mut comes) = streaming(&[("content-type", "text/event-stream")]).await;
    let v2 = Container::named("two").await;
    let (before, after) = streams(&v1, &v2);
    let mut lab = Lab::new(&[before]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let mut body = client.send(request(HOST, "/")).await.unwrap().into_body();
    let _events = soon("a request", comes.recv()).await.unwrap();
    lab.control.switch(7, &after).await;
    assert_eq!(part(&mut body).await, None);
    assert_eq!(client.ask(request(HOST, "/")).await.body, "two");
    assert_eq!(lab.control.drained(7).await.moved, 1);
}

#[tokio::test]
async fn a_coded_stream_of_events_ends_behind_a_chunk() {
    let fields = &[("content-type", "text/event-stream"), ("content-encoding", "br")];
    let (v1, mut comes) = streaming(fields).await;
    let v2 = Container::named("two").await;
    let (before, after) = streams(&v1, &v2);
    let mut lab = Lab::new(&[before]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let mut body = client.send(request(HOST, "/")).await.unwrap().into_body();
    let events = soon("a request", comes.recv()).await.unwrap();
    events.send(data("not to be read")).unwrap();
    assert_eq!(part(&mut body).await.unwrap(), "not to be read");
    lab.control.switch(7, &after).await;
    assert_eq!(part(&mut body).await, None);
    assert_eq!(lab.control.drained(7).await.moved, 1);
}

#[tokio::test]
async fn a_download_is_left_alone() {
    let (v1, mut comes) = streaming(&[("content-type", "application/octet-stream")]).await;
    let v2 = Container::named("two").await;
    let (before, after) = streams(&v1, &v2);
    let mut lab = Lab::new(&[before]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let mut body = client.send(request(HOST, "/")).await.unwrap().into_body();
    let parts = soon("a request", comes.recv()).await.unwrap();
    lab.control.switch(7, &after).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    parts.send(data("the rest\n\n")).unwrap();
    assert_eq!(part(&mut body).await.unwrap(), "the rest\n\n");
    drop(parts);
    assert_eq!(part(&mut body).await, None);
    let drained = lab.control.drained(7).await;
    assert_eq!((drained.moved, drained.drained, drained.cut), (0, 1, 0), "{drained:?}");
}
