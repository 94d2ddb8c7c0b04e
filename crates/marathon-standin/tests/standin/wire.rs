//! The stream of events byte by byte, and callbacks.

use std::time::Duration;

use launcher_marathon_standin::Options;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Ground, SOON, two_agents, until};

async fn open(ground: &Ground, path: &str, accept: &str) -> TcpStream {
    let authority = ground.standin.url().replace("http://", "");
    let mut stream = TcpStream::connect(&authority).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nAccept: {accept}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Reads on until something stands in what was read.
async fn read_until(stream: &mut TcpStream, what: &str) -> String {
    let mut text = String::new();
    let read = async {
        while !text.contains(what) {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).await.unwrap();
            assert_ne!(count, 0, "ended before {what}: {text}");
            text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
    };
    tokio::time::timeout(SOON, read).await.unwrap();
    text
}

async fn ground(version: &str, heartbeat: Duration) -> Ground {
    let version = version.parse().unwrap();
    Ground::with(Options { version, heartbeat, agents: two_agents(), ..Options::default() }).await
}

#[tokio::test]
async fn docker_standin_streams_events_as_the_servlet_does() {
    let ground = ground("1.11", Duration::from_millis(200)).await;
    let mut stream = open(&ground, "/v2/events", "text/event-stream").await;
    let head = read_until(&mut stream, "\r\n\r\n").await.to_lowercase();
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    assert!(head.contains("content-type: text/event-stream;charset=utf-8\r\n"), "{head}");
    assert!(head.contains("connection: close\r\n"), "{head}");
    assert!(!head.contains("transfer-encoding") && !head.contains("content-length"), "{head}");
    let attached =
        if head.contains("event:") { head } else { read_until(&mut stream, "\r\n\r\n").await };
    assert!(attached.contains("event: event_stream_attached\r\ndata: {"), "{attached}");

    // The two bytes of a heartbeat arrive apart.
    let mut byte = [0; 16];
    for expected in [&b"\r"[..], b"\n", b"\r"] {
        let count = tokio::time::timeout(SOON, stream.read(&mut byte)).await.unwrap().unwrap();
        assert_eq!(&byte[..count], expected);
    }

    ground.standin.lose_events(1);
    let app = ground.app("/shop/web", 0);
    ground.create(&app).await;
    let told = read_until(&mut stream, "deployment_success").await;
    assert!(!told.contains("api_post_event") && told.contains("group_change_success"), "{told}");

    // Its end is the body's end.
    ground.standin.drop_event_streams();
    let mut rest = Vec::new();
    tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
}

#[tokio::test]
async fn docker_standin_filters_events_and_refuses_other_types() {
    let ground = ground("1.11", Duration::from_secs(10)).await;
    let path = "/v2/events?event_type=deployment_success&event_type=group_change_success";
    let mut stream = open(&ground, path, "text/event-stream").await;
    read_until(&mut stream, "\r\n\r\n").await;
    ground.create(&ground.app("/shop/web", 0)).await;
    let told = read_until(&mut stream, "event: deployment_success").await;
    assert_eq!(told.matches("event: ").count(), 2, "{told}");

    for accept in ["*/*", "text/event-stream, */*", "application/json"] {
        let mut refused = open(&ground, "/v2/events", accept).await;
        let head = read_until(&mut refused, "\r\n").await;
        assert!(head.starts_with("HTTP/1.1 405"), "{accept}: {head}");
    }
}

#[tokio::test]
async fn docker_standin_says_no_type_beside_an_event_before_0_11() {
    let ground = ground("0.9.2", Duration::from_secs(10)).await;
    let mut stream = open(&ground, "/v2/events?event_type=nothing", "text/event-stream").await;
    let told = read_until(&mut stream, "event_stream_attached").await;
    assert!(told.contains("data: {") && !told.contains("event: "), "{told}");
}

/// Answers calls until one has a body with `what` in it.
async fn receive(listener: &TcpListener, what: &str, status: &str) -> Value {
    let receive = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = read_until(&mut stream, "}").await;
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let body = head.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap();
            if body.contains(what) {
                return serde_json::from_str(&body).unwrap();
            }
        }
    };
    tokio::time::timeout(SOON, receive).await.unwrap()
}

#[tokio::test]
async fn docker_standin_posts_events_to_callbacks_up_to_1_4() {
    let ground = ground("1.4.2", Duration::from_secs(10)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let path = format!("/v2/eventSubscriptions?callbackUrl={url}");
    let (status, subscribed) = ground.call("POST", &path, None).await;
    assert_eq!((status, &subscribed["eventType"]), (200, &Value::from("subscribe_event")));
    ground.call("POST", &path, None).await;
    let listed = ground.get("/v2/eventSubscriptions").await;
    assert_eq!(listed["callbackUrls"], serde_json::json!([url]));
    let event = receive(&listener, "subscribe_event", "204 No Content").await;
    assert_eq!(event["callbackUrl"], url.as_str());

    // What fails is lost, and so is what comes shortly after it.
    receive(&listener, "subscribe_event", "500 Sorry").await;
    ground.create(&ground.app("/shop/web", 0)).await;
    ground.settled().await;
    let later = until("an event after the pause", async || {
        let id = format!("/other/{:x}", rand::random::<u32>());
        ground.create(&ground.app(&id, 0)).await;
        let receive = receive(&listener, "group_change_success", "200 OK");
        tokio::time::timeout(Duration::from_millis(300), receive).await.ok()
    })
    .await;
    assert_eq!(later["eventType"], "group_change_success");
    assert_eq!(ground.call("DELETE", &path, None).await.1["eventType"], "unsubscribe_event");

    let later = self::ground("1.5.6", Duration::from_secs(10)).await;
    assert_eq!(later.call("GET", "/v2/eventSubscriptions", None).await.0, 404);
}
