//! Messages that could be read in two ways (RFC 9112 §6, §11.2).

use super::support::*;
use tokio::io::AsyncWriteExt;

/// A container that answers with the body of the request, and how it came.
async fn reader() -> Container {
    Container::serve("reader", |request| async move {
        let length = request.headers().get("content-length").cloned();
        let coding = request.headers().get("transfer-encoding").cloned();
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
        text(format!("{length:?} {coding:?} {}", String::from_utf8_lossy(&body)))
    })
    .await
}

#[tokio::test]
async fn requests_that_could_be_read_in_two_ways_are_refused() {
    let container = reader().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    for (lines, status) in [
        ("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        ("Content-Length: 5, 6\r\n\r\nhello", 400),
        ("Content-Length: +5\r\n\r\nhello", 400),
        ("Content-Length: five\r\n\r\nhello", 400),
        ("Transfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 501),
        ("Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding : chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
        ("x: a\r\n b\r\n\r\n", 400),
        ("x y: a\r\n\r\n", 400),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n{lines}");
        let answer = raw(lab.edge.http, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{lines:?}: {answer}");
    }
    let coded = "POST / HTTP/1.0\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = raw(lab.edge.http, coded.as_bytes()).await;
    assert!(answer.contains(" 400 "), "{answer}");
    assert_eq!(container.requests(), 0);
}

#[tokio::test]
async fn chunks_count_more_than_a_length_and_end_the_connection() {
    let container = reader().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    for lines in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    ] {
        // What follows must not be taken for another request.
        let request = format!(
            "POST / HTTP/1.1\r\nHost: shop.test\r\n{lines}\r\n5\r\nhello\r\n0\r\n\r\n\
             GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n"
        );
        let answer = raw(lab.edge.http, request.as_bytes()).await;
        assert!(answer.ends_with("None Some(\"chunked\") hello"), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    assert_eq!(container.requests(), 2);
}

#[tokio::test]
async fn equal_lengths_are_one() {
    let container = reader().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let request =
        b"POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\nContent-Length: 5\r\n\
                    Connection: close\r\n\r\nhello";
    let answer = raw(lab.edge.http, request).await;
    assert!(answer.ends_with("Some(\"5\") None hello"), "{answer}");
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let container =
        Container::serve("c", |request| async move { text(format!("<{}>", request.uri().path())) })
            .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut all = String::new();
    for n in 0..20 {
        all.push_str(&format!("GET /{n} HTTP/1.1\r\nHost: shop.test\r\n\r\n"));
    }
    // The last one is cut: the answers before it must not wait for its end.
    all.push_str("GET /last HTTP/1.1\r\nHost: shop.t");
    let mut stream = tokio::net::TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(all.as_bytes()).await.unwrap();
    let mut answers = read_until(&mut stream, "</19>").await;
    stream.write_all(b"est\r\n\r\n").await.unwrap();
    answers += &read_until(&mut stream, "</last>").await;
    let order: Vec<&str> =
        answers.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()).collect();
    let expected: Vec<String> =
        (0..20).map(|n| format!("/{n}")).chain(["/last".to_owned()]).collect();
    assert_eq!(order, expected);
}

#[tokio::test]
async fn a_malformed_answer_is_a_bad_gateway_and_never_repeated() {
    for (answer, why) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", "two lengths"),
        ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nab", "an impossible length"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "something that is not HTTP"),
    ] {
        let container = Container::raw("bad", move |mut stream| async move {
            read_until(&mut stream, "\r\n\r\n").await;
            let _ = stream.write_all(answer.as_bytes()).await;
            read_until(&mut stream, "never").await;
        })
        .await;
        let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
        let answer = lab.get("/").await;
        assert_eq!(answer.status, 502);
        assert!(answer.body.contains(&format!("answered with {why}")), "{answer:?}");
        assert_eq!(container.connections(), 1);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_off_for_the_client_too() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
    ] {
        let container = Container::raw("breaks", move |mut stream| async move {
            read_until(&mut stream, "\r\n\r\n").await;
            let _ = stream.write_all(head.as_bytes()).await;
        })
        .await;
        let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
        let mut client = Client::connect(lab.edge.http).await;
        let response = client.send(request(HOST, "/")).await.unwrap();
        let body = http_body_util::BodyExt::collect(response.into_body());
        assert!(soon("the end", body).await.is_err(), "{head}");
    }
}
