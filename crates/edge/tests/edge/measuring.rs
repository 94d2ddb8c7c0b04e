//! What an edge tells of what it has carried.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use http_body_util::Full;
use launcher_model::VersionNumber;
use launcher_model::measure::Merge;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use super::support::{
    Client, Container, Control, HOST, Lab, get, request, shop, soon, text, websocket,
    websocket_echo,
};

const V1: VersionNumber = VersionNumber(1);
const V2: VersionNumber = VersionNumber(2);

#[tokio::test]
async fn each_second_tells_what_versions_have_carried() {
    let quick = Container::named("quick").await;
    let slow = Container::serve("slow", |request| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut response = text("x".repeat(1000));
        if request.uri().path() == "/no" {
            *response.status_mut() = http::StatusCode::NOT_FOUND;
        }
        response
    })
    .await;
    let table = shop(1, &[(1, 100)], &[(1, &[&quick]), (2, &[&slow])]);
    let mut lab = Lab::new(&[table]).await;
    for _ in 0..20 {
        lab.get("/").await;
    }
    for path in ["/", "/no"] {
        get(lab.edge.http, "v2.shop.preview.test", path).await;
    }
    let measured = lab.control.measured(22).await;
    let (production, preview) = (&measured[&V1], &measured[&V2]);
    assert_eq!(production.requests, [0, 20, 0, 0, 0]);
    assert_eq!(production.latency.count(), 20);
    assert!(production.latency.quantile(0.5).unwrap() < 50_000);
    assert_eq!((preview.requests, preview.sent), ([0, 1, 0, 1, 0], 2000));
    let fastest = preview.latency.quantile(0.0).unwrap();
    assert!((49_000..2_000_000).contains(&fastest), "{fastest}");
    assert_eq!((preview.failed, preview.retried, preview.in_flight), (0, 0, 0));
}

#[tokio::test]
async fn bodies_and_what_flows_over_websockets_are_counted() {
    let (container, echo) = (Container::named("c").await, websocket_echo().await);
    let table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    let mut lab = Lab::new(&[table]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let upload =
        Request::post("/").header("host", HOST).body(Full::new(Bytes::from(vec![1; 5000])));
    client.ask(upload.unwrap()).await;
    assert_eq!(lab.control.measured(1).await[&V1].received, 5000);

    lab.control.replace(&shop(2, &[(2, 100)], &[(2, &[&echo])])).await;
    let mut socket = websocket(lab.edge.http).await;
    socket.send(Message::binary(vec![1; 1000])).await.unwrap();
    soon("the echo", socket.next()).await.unwrap().unwrap();
    let mut measured = lab.control.measured(1).await.remove(&V2).unwrap();
    while measured.sent == 0 {
        measured.after(&lab.control.second().await[&V2]);
    }
    assert_eq!((measured.requests, measured.connections), ([1, 0, 0, 0, 0], 1));
    // A frame's head is 4 bytes at this length, and 4 more are a client's mask (RFC 6455 §5.2).
    assert_eq!((measured.received, measured.sent), (1008, 1004));
}

#[tokio::test]
async fn what_was_carried_while_the_control_plane_was_away_is_told_later() {
    let container = Container::named("c").await;
    let table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    let lab = Lab::new(std::slice::from_ref(&table)).await;
    let Lab { edge, mut control, listener, dir: _dir } = lab;
    get(edge.http, HOST, "/").await;
    control.measured(1).await;
    drop(control);
    get(edge.http, HOST, "/").await;
    get(edge.http, HOST, "/").await;
    let mut control = Control::accept(&listener).await;
    control.welcome(&[table]).await;
    let measured = control.measured(2).await;
    assert_eq!(measured[&V1].requests, [0, 2, 0, 0, 0]);
}

#[tokio::test]
async fn a_request_under_way_is_told_of_while_it_is() {
    let container = Container::raw("silent", |mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    let table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    let mut lab = Lab::new(&[table]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let _response = soon("the head", client.send(request(HOST, "/"))).await;
    let seconds = [lab.control.second().await, lab.control.second().await];
    for second in seconds {
        assert_eq!(second[&V1].in_flight, 1);
    }
}
