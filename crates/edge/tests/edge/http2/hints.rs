//! Early hints (RFC 8297): what a container says before its response.

use std::future::poll_fn;

use http::{HeaderMap, HeaderValue, Response, StatusCode};
use launcher_edge::table::Rules;
use launcher_model::service::{FieldRules, Headers};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::*;

/// A container that gives hints, and its response when it is let go.
async fn hinting(hints: usize) -> (Container, watch::Sender<bool>) {
    let (go, wait) = watch::channel(false);
    let container = Container::raw("hints", move |mut stream: TcpStream| {
        let mut wait = wait.clone();
        async move {
            let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\n\
                        X-Inner: secret\r\nConnection: keep-alive\r\n\r\n";
            let first = format!("HTTP/1.1 102 Processing\r\n\r\n{}", hint.repeat(hints));
            while !read_until(&mut stream, "\r\n\r\n").await.is_empty() {
                stream.write_all(first.as_bytes()).await.unwrap();
                wait.wait_for(|go| *go).await.unwrap();
                let last = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage";
                stream.write_all(last.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    (container, go)
}

async fn lab(container: &Container) -> Lab {
    let mut table = shop(1, &[(1, 100)], &[(1, &[container])]);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let response = FieldRules { remove: vec!["X-Inner".into()], ..Default::default() };
    let headers = Headers { response, ..Headers::default() };
    table.rules = Rules { headers, ..Rules::default() };
    Lab::new(&[table]).await
}

#[tokio::test]
async fn hints_come_before_the_response() {
    let (container, go) = hinting(1).await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (mut response, _) = client.begin(asking("GET", "/"), true).await;
    let hint = soon("a hint", poll_fn(|cx| response.poll_informational(cx))).await;
    let hint = hint.unwrap().unwrap();
    assert_eq!(hint.status(), StatusCode::EARLY_HINTS);
    let expected: HeaderMap =
        [("link".parse().unwrap(), HeaderValue::from_static("</a.css>; rel=preload; as=style"))]
            .into_iter()
            .collect();
    assert_eq!(*hint.headers(), expected);
    go.send(true).unwrap();
    let answer = whole2(soon("the response", response).await.unwrap()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "page"));
}

#[tokio::test]
async fn so_many_are_passed_and_the_response_comes_all_the_same() {
    let (container, go) = hinting(500).await;
    let lab = lab(&container).await;
    go.send(true).unwrap();
    let mut client = Http2::connect(lab.edge.http).await;
    let (mut response, _) = client.begin(asking("GET", "/"), true).await;
    let mut hints = 0;
    while let Some(hint) = soon("hints", poll_fn(|cx| response.poll_informational(cx))).await {
        assert_eq!(hint.unwrap().status(), StatusCode::EARLY_HINTS);
        hints += 1;
    }
    assert_eq!(hints, 8);
    let answer = whole2(soon("the response", response).await.unwrap()).await.unwrap();
    assert_eq!(answer.body, "page");
}

#[tokio::test]
async fn containers_that_speak_http_2_give_them_too() {
    let container = Container::h2c("hints", |(request, mut respond)| async move {
        let mut hint = Response::new(());
        *hint.status_mut() = StatusCode::EARLY_HINTS;
        hint.headers_mut().insert("link", HeaderValue::from_static("</a.js>; rel=preload"));
        respond.send_informational(hint).unwrap();
        answer2((request, respond), "page", HeaderMap::new());
    })
    .await;
    let lab = Lab::new(&[speaks_h2c(shop(1, &[(1, 100)], &[(1, &[&container])]))]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (mut response, _) = client.begin(asking("GET", "/"), true).await;
    let hint = soon("a hint", poll_fn(|cx| response.poll_informational(cx))).await;
    assert_eq!(hint.unwrap().unwrap().headers()["link"], "</a.js>; rel=preload");
    let answer = whole2(soon("the response", response).await.unwrap()).await.unwrap();
    assert_eq!(answer.body, "page");
}

/// A hint as a client of HTTP/1.1 sees it: without what the service takes away, and what was for one hop.
const HINT: &str = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload; as=style\r\n\r\n";

fn get(version: &str) -> String {
    format!("GET / HTTP/{version}\r\nHost: {HOST}\r\n\r\n")
}

#[tokio::test]
async fn a_client_of_http_1_1_gets_them_before_the_response() {
    let (container, go) = hinting(500).await;
    let lab = lab(&container).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(get("1.1").as_bytes()).await.unwrap();
    // They do not wait for it.
    let hints = read_until(&mut stream, &HINT.repeat(8)).await;
    assert_eq!(hints, HINT.repeat(8));
    go.send(true).unwrap();
    let answer = read_until(&mut stream, "page").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    // Then another request may follow, with hints of its own.
    stream.write_all(get("1.1").as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "page").await;
    let response = answer.strip_prefix(&HINT.repeat(8)).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

/// It would take them for the response (RFC 9110 §15.2).
#[tokio::test]
async fn a_client_of_http_1_0_gets_none() {
    let (container, go) = hinting(2).await;
    go.send(true).unwrap();
    let lab = lab(&container).await;
    let answer = raw(lab.edge.http, get("1.0").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("page"), "{answer}");
}

#[tokio::test]
async fn a_client_that_is_asked_for_its_body_gets_hints_behind() {
    let container = Container::raw("hints", |mut stream: TcpStream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let first = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload; as=style\r\n\r\n";
        stream.write_all(first.as_bytes()).await.unwrap();
        read_until(&mut stream, "hello").await;
        let last = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage";
        stream.write_all(last.as_bytes()).await.unwrap();
        read_until(&mut stream, "never").await;
    })
    .await;
    let lab = lab(&container).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let head = get("1.1")
        .replace("GET", "POST")
        .replace("\r\n\r\n", "\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut said = read_until(&mut stream, "preload; as=style\r\n\r\n").await;
    while !said.contains("100 Continue\r\n\r\n") {
        said += &read_until(&mut stream, "\r\n\r\n").await;
    }
    assert!(said.contains(HINT), "{said}");
    stream.write_all(b"hello").await.unwrap();
    let answer = read_until(&mut stream, "page").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn curl_shows_them() {
    let (container, go) = hinting(1).await;
    go.send(true).unwrap();
    let lab = lab(&container).await;
    let url = format!("http://{HOST}:{}/", lab.edge.http.port());
    let resolve = format!("{HOST}:{}:127.0.0.1", lab.edge.http.port());
    let asks = tokio::process::Command::new("curl")
        .args(["-sSi", "--http1.1", "--resolve", &resolve, &url])
        .output();
    let said = soon("curl", asks).await.unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let response = said.strip_prefix(HINT).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("page"), "{said}");
}
