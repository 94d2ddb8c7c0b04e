use super::support::*;
use http::Response;
use http_body_util::{BodyExt, Empty};

/// A container that answers with the head of the request that it got.
async fn mirror() -> Container {
    Container::serve("mirror", |request| async move {
        let mut lines: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        text(lines.join("\n"))
    })
    .await
}

async fn mirrored(lines: &str) -> Vec<String> {
    let container = mirror().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let request = format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{lines}\r\n");
    let mut stream = tokio::net::TcpStream::connect(lab.edge.http).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "x-forwarded-proto: http").await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    body.lines().map(str::to_owned).collect()
}

fn forwarded_and(more: &[&str]) -> Vec<String> {
    let usual = [
        "forwarded: for=127.0.0.1;host=shop.test;proto=http",
        "host: shop.test",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host: shop.test",
        "x-forwarded-proto: http",
    ];
    let mut all: Vec<String> = usual.iter().chain(more).map(ToString::to_string).collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_container_is_told_who_asked() {
    assert_eq!(mirrored("").await, forwarded_and(&[]));
    assert_eq!(
        mirrored(
            "X-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nx-other: a\r\nx-other: b\r\n"
        )
        .await,
        forwarded_and(&["x-other: a", "x-other: b"])
    );
    let chained = mirrored("X-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.7\r\n").await;
    assert!(chained.contains(&"x-forwarded-for: 192.0.2.7, 127.0.0.1".to_owned()), "{chained:?}");
    let forwarded = "forwarded: for=192.0.2.7, for=127.0.0.1;host=shop.test;proto=http";
    assert!(chained.contains(&forwarded.to_owned()), "{chained:?}");
}

#[tokio::test]
async fn a_field_that_could_be_taken_for_one_of_the_edge_s_is_dropped() {
    let sent =
        "X_Forwarded_For: evil\r\nx_forwarded-proto: https\r\nContent_Length: 7\r\nmy_own: a\r\n";
    assert_eq!(mirrored(sent).await, forwarded_and(&["my_own: a"]));
}

#[tokio::test]
async fn fields_for_one_hop_do_not_reach_the_container() {
    assert_eq!(
        mirrored(
            "Connection: keep-alive, x-secret, Host, Content-Length\r\nx-secret: 1\r\nx-kept: 1\r\n\
             Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nUpgrade: h2c\r\n"
        )
        .await,
        forwarded_and(&["x-kept: 1"])
    );
    assert_eq!(
        mirrored("Connection: TE\r\nTE: gzip, trailers\r\n").await,
        forwarded_and(&["connection: te", "te: trailers"])
    );
    // An upgrade that Connection does not name is none.
    assert_eq!(mirrored("Upgrade: websocket\r\n").await, forwarded_and(&[]));
}

#[tokio::test]
async fn fields_for_one_hop_do_not_reach_the_client() {
    let container = Container::raw("raw", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let answer = "HTTP/1.1 200 OK\r\nConnection: x-secret\r\nx-secret: 1\r\nKeep-Alive: 5\r\n\
                      Proxy-Connection: a\r\nUpgrade: h2c\r\nset-cookie: a\r\nset-cookie: b\r\n\
                      Server: raw\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.unwrap();
        read_until(&mut stream, "\r\n\r\n").await;
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let answer = lab.get("/").await;
    assert_eq!(answer.body, "ok");
    let mut names: Vec<_> = answer.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["date", "server", "set-cookie", "transfer-encoding"]);
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
}

#[tokio::test]
async fn heads_204_and_304_have_no_body_and_leave_the_connection_usable() {
    let container = Container::serve("c", |request| async move {
        match request.uri().path() {
            "/204" => Response::builder().status(204).body(Empty::new().boxed()).unwrap(),
            "/304" => {
                let not_modified = Response::builder().status(304).header("etag", "\"7\"");
                not_modified.body(Empty::new().boxed()).unwrap()
            }
            _ => text("whole"),
        }
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let connections = container.connections();
    for _ in 0..3 {
        let mut head = request(HOST, "/");
        *head.method_mut() = http::Method::HEAD;
        let answer = client.ask(head).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
        assert_eq!(answer.headers["content-length"], "5");
        let answer = client.ask(request(HOST, "/204")).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
        assert!(!answer.headers.contains_key("content-length"));
        let answer = client.ask(request(HOST, "/304")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.headers["etag"].as_bytes()),
            (304, &b"\"7\""[..])
        );
        assert_eq!(client.ask(request(HOST, "/")).await.body, "whole");
    }
    assert_eq!(
        container.connections() - connections,
        1,
        "the container's connection is used again"
    );
}

#[tokio::test]
async fn clients_and_containers_of_http_1_0_are_understood() {
    let container = Container::raw("old", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let answer = "HTTP/1.0 200 OK\r\nx-old: 1\r\n\r\nuntil the end";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.unwrap();
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let answer = lab.get("/").await;
    assert_eq!(
        (answer.body.as_str(), &answer.headers["x-old"]),
        ("until the end", &"1".parse().unwrap())
    );
    let answer = raw(lab.edge.http, b"GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n").await;
    // Which version the edge speaks does not depend on who asks (RFC 9110 §2.5).
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nuntil the end"), "{answer}");
}
