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
            read_until(&mut stream, "\r\n\r\n").await;
            let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\n\
                        X-Inner: secret\r\nConnection: keep-alive\r\n\r\n";
            let first = format!("HTTP/1.1 102 Processing\r\n\r\n{}", hint.repeat(hints));
            stream.write_all(first.as_bytes()).await.unwrap();
            wait.wait_for(|go| *go).await.unwrap();
            let last = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage";
            stream.write_all(last.as_bytes()).await.unwrap();
            read_until(&mut stream, "never").await;
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

/// A client of before there were any takes the response for what it is.
#[tokio::test]
async fn a_client_of_http_1_1_gets_none() {
    let (container, go) = hinting(2).await;
    go.send(true).unwrap();
    let lab = lab(&container).await;
    let answer = lab.get("/").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "page"));
}
