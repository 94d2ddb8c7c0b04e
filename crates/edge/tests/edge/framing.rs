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

/// What follows a request that is refused must not be taken for another one.
#[tokio::test]
async fn requests_that_somebody_else_could_end_elsewhere_are_refused() {
    let container = reader().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    for request in [
        "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5, 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\nHost: shop.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test\r\n\n",
        "GET / HTTP/1.1\nHost: shop.test\n\n",
        "GET / HTTP/1.1\r\nHost: shop.test\rX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test\r\n\0X: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test\r\nX : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.test\r\nX: a\r\n\tb\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: shop.test\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: shop.test\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: shop.test\r\n\r\n",
    ] {
        let answer = raw(lab.edge.http, format!("{request}{smuggled}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request:?}: {answer}");
    }
    assert_eq!(container.requests(), 0);
}

#[tokio::test]
async fn what_comes_before_a_refused_request_is_answered() {
    let container =
        Container::serve("c", |request| async move { text(format!("<{}>", request.uri().path())) })
            .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let good = "GET /good HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    let bad = "GET /bad HTTP/1.1\r\nHost: shop.test\n\r\n";
    let answers = raw(lab.edge.http, format!("{good}{bad}{good}").as_bytes()).await;
    let (first, second) = answers.split_once("</good>").unwrap();
    assert!(first.starts_with("HTTP/1.1 200 ") && second.starts_with("HTTP/1.1 400 "), "{answers}");
    assert_eq!(container.requests(), 1);
    // However it comes.
    let mut stream = tokio::net::TcpStream::connect(lab.edge.http).await.unwrap();
    for byte in format!("\r\n{good}{bad}").as_bytes() {
        stream.write_all(&[*byte]).await.unwrap();
    }
    let mut answers = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answers);
    let ended = tokio::time::timeout(DEADLINE, read).await;
    let answers = String::from_utf8_lossy(&answers);
    assert!(ended.is_ok() && answers.contains("</good>HTTP/1.1 400 "), "{ended:?}: {answers}");
}

/// Chunks that are none end the request, and nothing behind them is another one.
#[tokio::test]
async fn a_body_that_is_not_chunked_as_it_should_be_is_cut_there() {
    let container = reader().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nx: y\n\r\n",
        "5\r\nhello\r\n0\r\n\n\r\n",
    ] {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n{body}\
             GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n"
        );
        let answer = raw(lab.edge.http, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{body:?}: {answer}");
    }
}

#[tokio::test]
async fn chunks_may_say_more_and_have_trailers() {
    let container = reader().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let request = "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: Chunked\r\n\r\n\
                   2;a=\"b\"\r\nhe\r\n3 \r\nllo\r\n0\r\nX-Sum: 7\r\n\r\n";
    let mut stream = tokio::net::TcpStream::connect(lab.edge.http).await.unwrap();
    for n in 0..3 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, " hello").await;
        assert!(answer.ends_with("None Some(\"chunked\") hello"), "{n}: {answer}");
    }
}

/// Who asks for a body to be left unread, or says that there is one where none is usual, shifts nothing.
#[tokio::test]
async fn a_body_that_nobody_reads_is_no_request() {
    let container = Container::serve("c", |request| async move {
        text(format!("<{} {}>", request.method(), request.uri().path()))
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    let length = smuggled.len();
    for method in ["GET", "DELETE", "OPTIONS", "POST"] {
        let request = format!(
            "{method} /first HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {length}\r\n\r\n{smuggled}\
             GET /last HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(lab.edge.http, request.as_bytes()).await;
        assert!(answer.contains(&format!("<{method} /first>")), "{answer}");
        assert!(!answer.contains("/smuggled"), "{answer}");
    }
    // A head alone has no body, whatever it says, and the next answer is whole.
    let request = "HEAD /first HTTP/1.1\r\nHost: shop.test\r\n\r\n\
                   GET /last HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n";
    let answer = raw(lab.edge.http, request.as_bytes()).await;
    assert_eq!((answer.matches("HTTP/1.1 200").count(), answer.matches('<').count()), (2, 1));
}

#[tokio::test]
async fn a_whole_uri_counts_more_than_the_host_field_and_two_of_those_are_none() {
    let container = Container::serve("c", |request| async move {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        text(format!("<{host}{}>", request.uri()))
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let whole = "GET http://shop.test/a HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n";
    let answer = raw(lab.edge.http, whole.as_bytes()).await;
    assert!(answer.ends_with("<shop.test/a>"), "{answer}");
    for hosts in
        ["Host: shop.test\r\nHost: shop.test\r\n", "Host: shop.test, a\r\n", "Host:\r\n", ""]
    {
        let request = format!("GET / HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        let answer = raw(lab.edge.http, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{hosts:?}: {answer}");
    }
    assert_eq!(container.requests(), 1);
}

/// What follows a request for another protocol is looked at once that was answered otherwise.
#[tokio::test]
async fn a_protocol_that_is_not_taken_opens_no_way_past_the_guard() {
    let container = Container::named("c").await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let upgrade =
        "GET /up HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
    let good = "GET /good HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    let bad = "GET /bad HTTP/1.1\r\nHost: shop.test\n\r\n";
    let answers = raw(lab.edge.http, format!("{upgrade}{good}{bad}").as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 2, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 400 ").count(), 1, "{answers}");
    assert_eq!(container.requests(), 2);
    let mut stream = tokio::net::TcpStream::connect(lab.edge.http).await.unwrap();
    for _ in 0..3 {
        stream.write_all(upgrade.as_bytes()).await.unwrap();
        read_until(&mut stream, "\r\n\r\nc").await;
    }
}

/// A container that answers a large upload early is heard, and what is left of the upload is no request.
#[tokio::test]
async fn an_early_answer_to_a_large_upload_arrives() {
    let container = Container::raw("early", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let answer = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlarge";
        let _ = stream.write_all(answer).await;
        read_until(&mut stream, "never").await;
    })
    .await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let lab = Lab::new(&[table]).await;
    let mut stream = tokio::net::TcpStream::connect(lab.edge.http).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let upload = tokio::spawn(async move {
        let part = vec![b'x'; 64 << 10];
        while write.write_all(&part).await.is_ok() {}
    });
    let mut answer = Vec::new();
    soon("the answer", async {
        while !answer.ends_with(b"large") {
            let mut part = [0; 1024];
            let n = tokio::io::AsyncReadExt::read(&mut read, &mut part).await.unwrap();
            assert!(n > 0, "{:?}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&part[..n]);
        }
    })
    .await;
    upload.abort();
    assert!(answer.starts_with(b"HTTP/1.1 413 "));
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
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "both a length and a transfer coding",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n",
            "both a length and a transfer coding",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n", "something that is not HTTP"),
        (
            "HTTP/1.1 200 OK\ncontent-length: 2\n\nab",
            "a head whose lines do not end with CR and LF",
        ),
        (
            "HTTP/1.1 200 OK\r\nx: y\ncontent-length: 2\r\n\r\nab",
            "a head whose lines do not end with CR and LF",
        ),
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
