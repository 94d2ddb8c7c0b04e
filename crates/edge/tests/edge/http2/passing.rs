//! Requests and responses pass as they do by HTTP/1.1.

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

/// A container that says what it was sent: the head of each request, and a body when it has one.
async fn says_what_came() -> Container {
    Container::serve("mirror", |request| async move {
        let (parts, body) = request.into_parts();
        let body = body.collect().await;
        let mut said = format!("{} {} {:?}\n", parts.method, parts.uri, parts.version);
        for (name, value) in &parts.headers {
            said += &format!("{name}: {}\n", value.to_str().unwrap());
        }
        match body {
            Ok(body) => {
                let trailers = body.trailers().cloned();
                said += &format!("\n{}", String::from_utf8_lossy(&body.to_bytes()));
                for (name, value) in trailers.iter().flatten() {
                    said += &format!("\ntrailer {name}: {}", value.to_str().unwrap());
                }
            }
            Err(error) => said += &format!("\nbroken: {error}"),
        }
        text(said)
    })
    .await
}

async fn lab(container: &Container) -> Lab {
    Lab::new(&[shop(1, &[(1, 100)], &[(1, &[container])])]).await
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let container =
        Container::serve("many", |request| async move { text(request.uri().path().to_owned()) })
            .await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    // From then on it knows how many may be under way.
    client.get("/first").await;
    let asked = (0..300).map(|n| {
        let mut client =
            Http2 { send: client.send.clone(), connection: tokio::spawn(async { Ok(()) }) };
        async move { (n, client.get(&format!("/{n}")).await) }
    });
    for (n, answer) in join_all(asked).await {
        assert_eq!((answer.status, answer.body), (StatusCode::OK, format!("/{n}")));
        assert!(answer.headers.contains_key("date") && !answer.headers.contains_key("connection"));
    }
    assert_eq!(container.requests(), 301);
}

#[tokio::test]
async fn a_container_sees_a_request_of_http_1_1() {
    let container = says_what_came().await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let mut request = asking("GET", "/a/b?c=d");
    for (name, value) in [
        ("cookie", "a=1"),
        ("cookie", "b=2; c=3"),
        ("te", "trailers"),
        ("x-own", "yes"),
        ("host", HOST),
    ] {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let said = client.ask(request).await.unwrap().body;
    assert!(said.starts_with("GET /a/b?c=d HTTP/1.1\n"), "{said}");
    for line in [
        "host: shop.test\n",
        "cookie: a=1; b=2; c=3\n",
        "connection: te\nte: trailers\n",
        "x-own: yes\n",
        "x-forwarded-for: 127.0.0.1\n",
        "x-forwarded-host: shop.test\n",
        "x-forwarded-proto: http\n",
    ] {
        assert_eq!(said.matches(&format!("\n{line}")).count(), 1, "{line} in {said}");
    }
    assert!(!said.contains("transfer-encoding") && !said.contains("content-length"), "{said}");
}

#[tokio::test]
async fn bodies_and_trailers_go_up() {
    let container = says_what_came().await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (response, mut body) = client.begin(asking("POST", "/"), false).await;
    for part in ["one ", "two ", "three"] {
        body.send_data(part.into(), false).unwrap();
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "3".parse().unwrap());
    for name in ["content-length", "host", "x-forwarded-for", "x_forwarded_for", "authorization"] {
        trailers.insert(name, "3".parse().unwrap());
    }
    body.send_trailers(trailers).unwrap();
    let said = whole2(soon("a response", response).await.unwrap()).await.unwrap().body;
    assert!(said.contains("transfer-encoding: chunked\n"), "{said}");
    assert!(said.ends_with("\none two three\ntrailer x-sum: 3"), "{said}");

    let mut request = asking("PUT", "/");
    request.headers_mut().insert("content-length", "5".parse().unwrap());
    let (response, mut body) = client.begin(request, false).await;
    body.send_data("he".into(), false).unwrap();
    body.send_data("llo".into(), true).unwrap();
    let said = whole2(soon("a response", response).await.unwrap()).await.unwrap().body;
    assert!(said.contains("content-length: 5\n") && said.ends_with("\nhello"), "{said}");
}

#[tokio::test]
async fn a_large_body_passes_both_ways() {
    let container = Container::serve("echo", |request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        text(body)
    })
    .await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (response, mut body) = client.begin(asking("POST", "/"), false).await;
    let all = "0123456789abcdef".repeat(256 << 10);
    let mut left = Bytes::from(all.clone());
    while !left.is_empty() {
        body.reserve_capacity(left.len());
        let room = std::future::poll_fn(|cx| body.poll_capacity(cx));
        let room = soon("room", room).await.unwrap().unwrap();
        let part = left.split_to(room.min(left.len()));
        body.send_data(part, left.is_empty()).unwrap();
    }
    let answer = whole2(soon("a response", response).await.unwrap()).await.unwrap();
    assert_eq!(answer.headers["content-length"], all.len().to_string());
    assert!(answer.body == all);
}

/// Answers the first request of a connection with these bytes.
async fn answers(with: &'static str) -> Container {
    Container::raw("raw", move |mut stream: TcpStream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        stream.write_all(with.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    })
    .await
}

/// One that speaks no HTTP is healthy when it takes connections.
async fn lab_of_raw(container: &Container) -> Lab {
    let mut table = shop(1, &[(1, 100)], &[(1, &[container])]);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    Lab::new(&[table]).await
}

#[tokio::test]
async fn trailers_come_down_and_fields_of_one_hop_do_not() {
    let container = answers(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n\
         Connection: x-mine\r\nX-Mine: 1\r\nX-Own: 2\r\n\r\n\
         5\r\nhello\r\n0\r\nGrpc-Status: 0\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    .await;
    let lab = lab_of_raw(&container).await;
    let answer = Http2::connect(lab.edge.http).await.get("/").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "hello"));
    let mut names: Vec<_> = answer.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["date", "x-own"]);
    assert_eq!(answer.trailers.len(), 1);
    assert_eq!(answer.trailers["grpc-status"], "0");
}

#[tokio::test]
async fn responses_without_a_body_have_none() {
    let container = Container::serve("bare", |request| async move {
        match request.uri().path() {
            "/none" => Response::builder().status(204).body(text("").into_body()).unwrap(),
            "/same" => Response::builder().status(304).body(text("").into_body()).unwrap(),
            _ => text("a body"),
        }
    })
    .await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    for (method, path, status, length) in [
        ("HEAD", "/", 200, Some("6")),
        ("GET", "/none", 204, None),
        ("GET", "/same", 304, None),
        ("GET", "/", 200, Some("6")),
    ] {
        let answer = client.ask(asking(method, path)).await.unwrap();
        assert_eq!(answer.status, status, "{method} {path}");
        let said = answer.headers.get("content-length").map(|length| length.to_str().unwrap());
        if status != 304 {
            assert_eq!(said, length, "{method} {path}");
        }
        assert_eq!(answer.body.is_empty(), method == "HEAD" || length.is_none());
    }
}

#[tokio::test]
async fn pages_of_the_edge_are_answers_too() {
    let container = Container::named("any").await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    for (method, body) in [("GET", true), ("HEAD", false)] {
        let unknown = http::Request::builder().method(method).uri("http://other.test/").body(());
        let answer = client.ask(unknown.unwrap()).await.unwrap();
        assert_eq!(answer.status, 404);
        assert_eq!(answer.body.contains("No service is known"), body, "{answer:?}");
        assert_ne!(answer.headers["content-length"], "0");
    }
    assert_eq!(client.get("/").await.body, "any");
}

#[tokio::test]
async fn a_client_is_asked_for_the_body_that_it_holds_back() {
    let container = says_what_came().await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let mut request = asking("POST", "/");
    request.headers_mut().insert("expect", "100-continue".parse().unwrap());
    let (mut response, mut body) = client.begin(request, false).await;
    let asked = std::future::poll_fn(|cx| response.poll_informational(cx));
    assert_eq!(soon("100", asked).await.unwrap().unwrap().status(), 100);
    body.send_data("at last".into(), true).unwrap();
    let answer = whole2(soon("a response", response).await.unwrap()).await.unwrap();
    assert!(answer.body.ends_with("\nat last"), "{answer:?}");
}

#[tokio::test]
async fn an_answer_may_come_before_the_body_has() {
    let container =
        answers("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").await;
    let lab = lab_of_raw(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (response, mut body) = client.begin(asking("POST", "/"), false).await;
    body.send_data("begun".into(), false).unwrap();
    let answer = whole2(soon("a response", response).await.unwrap()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (403, "no"));
    // The client is told that the rest is not wanted, which is no error.
    let reset = std::future::poll_fn(|cx| body.poll_reset(cx));
    assert_eq!(soon("the reset", reset).await.unwrap(), h2::Reason::NO_ERROR);
    // And the connection is as good as it was.
    let unknown = http::Request::get("http://other.test/").body(()).unwrap();
    assert_eq!(client.ask(unknown).await.unwrap().status, 404);
}
