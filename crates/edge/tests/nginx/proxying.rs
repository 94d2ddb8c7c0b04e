//! Requests through nginx: they come to containers as through the edge that is built in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::lab::Lab;
use crate::support::*;

#[tokio::test]
async fn heavy_nginx_tells_containers_who_asked_for_what() {
    let container = Container::serve("c", |request: Request<hyper::body::Incoming>| async move {
        let mut lines: Vec<String> = (request.headers().iter())
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        text(lines.join("\n"))
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let answer = lab.get("/").await;
    assert_eq!(
        answer.body,
        "forwarded: for=127.0.0.1;host=shop.test;proto=http\nhost: shop.test\n\
         x-forwarded-for: 127.0.0.1\nx-forwarded-host: shop.test\nx-forwarded-proto: http"
    );
    let sent = "GET / HTTP/1.1\r\nHost: shop.test:81\r\nX-Forwarded-For: 192.0.2.1\r\n\
                Forwarded: for=_a\r\nConnection: close\r\n\r\n";
    let answer = raw(lab.http, sent.as_bytes()).await;
    for line in [
        "forwarded: for=_a, for=127.0.0.1;host=\"shop.test:81\";proto=http",
        "host: shop.test:81",
        "x-forwarded-for: 192.0.2.1, 127.0.0.1",
    ] {
        assert!(answer.contains(line), "{answer}");
    }
}

#[tokio::test]
async fn heavy_nginx_draws_versions_by_their_weights() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let lab = Lab::new(&[shop(1, &[(1, 90), (2, 10)], pools)]).await;
    let mut client = Client::connect(lab.http).await;
    const REQUESTS: u32 = 900;
    let mut of_two = 0;
    for _ in 0..REQUESTS {
        of_two += u32::from(client.ask(request(HOST, "/")).await.body == "two");
    }
    // Within five standard deviations of 90.
    assert!((45..=135).contains(&of_two), "{of_two}");
    until("all are counted", || {
        let counted = lab.edge.counters.read();
        let answered: Vec<u64> =
            counted.iter().map(|version| version.counted.requests[1]).collect();
        answered == [u64::from(REQUESTS - of_two), u64::from(of_two)]
    })
    .await;
}

#[tokio::test]
async fn heavy_nginx_asks_another_container_once_and_says_what_is_wrong() {
    let (good, gone) = (Container::named("good").await, Container::named("gone").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&good, &gone]), (2, &[&gone])];
    let mut table = shop(1, &[(1, 100)], pools);
    table.traffic.response_timeout = launcher_model::Span::millis(300);
    let mut lab = Lab::new(std::slice::from_ref(&table)).await;
    gone.kill();
    let mut client = Client::connect(lab.http).await;
    for _ in 0..20 {
        assert_eq!(client.ask(request(HOST, "/")).await.body, "good");
    }
    assert!(lab.edge.counters.read()[0].counted.retried > 0);
    let answer = get(lab.http, "v2.shop.preview.test", "/").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(
        answer.body.starts_with("502 Bad Gateway\nNo container of shop v2 could be"),
        "{answer:?}"
    );
    until("it is counted", || lab.edge.counters.read()[1].counted.failed == 1).await;

    let silent = Container::raw("silent", |mut stream: TcpStream| async move {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
    })
    .await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&silent, &good]), (2, &[])];
    let mut next = shop(2, &[], pools);
    next.traffic = table.traffic.clone();
    lab.control.replace(&next).await;
    let answer = lab.get("/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("Service shop has no live version."), "{answer:?}");
    let answer = get(lab.http, "v2.shop.preview.test", "/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("At present shop v2 has no healthy container."), "{answer:?}");
    soon("a late answer", async {
        loop {
            let answer = get(lab.http, "v1.shop.preview.test", "/").await;
            if answer.status == StatusCode::GATEWAY_TIMEOUT {
                return assert!(answer.body.contains("did not answer within 300ms."), "{answer:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn heavy_nginx_passes_bodies_on_as_they_come() {
    let heard = Arc::new(Mutex::new(String::new()));
    let hears = heard.clone();
    let container = Container::raw("listener", move |mut stream: TcpStream| {
        let heard = hears.clone();
        async move {
            let has_heard = |text: &str| heard.lock().unwrap().contains(text);
            let mut part = [0; 1024];
            while !has_heard("0\r\n\r\n") {
                let n = stream.read(&mut part).await.unwrap();
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..n]));
            }
            let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
            until("the first part has come", || has_heard("the client has it")).await;
            stream.write_all(b"5\r\nother\r\n0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut client = TcpStream::connect(lab.http).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: shop.test\r\ntransfer-encoding: chunked\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    for part in ["begun", "ended"] {
        client.write_all(format!("5\r\n{part}\r\n").as_bytes()).await.unwrap();
        until("the container hears it", || heard.lock().unwrap().contains(part)).await;
    }
    client.write_all(b"0\r\n\r\n").await.unwrap();
    read_until(&mut client, "first").await;
    heard.lock().unwrap().push_str("the client has it");
    read_until(&mut client, "other").await;
}

#[tokio::test]
async fn heavy_nginx_has_streams_of_events_outlast_the_timeout() {
    let container = Container::raw("events", |mut stream: TcpStream| async move {
        let mut part = [0; 1024];
        let _ = stream.read(&mut part).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
        tokio::time::sleep(Duration::from_millis(900)).await;
        let _ = stream.write_all(b"data: late\n\n").await;
    })
    .await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.traffic.response_timeout = launcher_model::Span::millis(300);
    let lab = Lab::new(&[table]).await;
    let request = Request::get("/")
        .header("host", HOST)
        .header("accept", "text/event-stream")
        .body(Full::new(bytes::Bytes::new()))
        .unwrap();
    let response = Client::connect(lab.http).await.send(request).await.unwrap();
    let body = soon("the event", response.into_body().collect()).await.unwrap().to_bytes();
    assert_eq!(body, "data: late\n\n");
}
