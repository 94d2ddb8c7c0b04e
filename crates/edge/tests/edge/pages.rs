use super::support::*;
use launcher_model::Span;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn nothing_live_and_no_container_are_told_apart() {
    let container = Container::named("c").await;
    let lab = Lab::new(&[shop(1, &[], &[(1, &[&container])])]).await;
    let answer = lab.get("/").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("Service shop has no live version."), "{answer:?}");

    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[])])]).await;
    let answer = lab.get("/").await;
    assert_eq!(answer.status, 503);
    let text = "environment v1 of service shop has no healthy container";
    assert!(answer.body.contains(text), "{answer:?}");
}

#[tokio::test]
async fn a_container_that_cannot_be_reached_is_named() {
    let container = Container::named("c").await;
    container.kill();
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let answer = lab.get("/").await;
    assert_eq!(answer.status, 502);
    let text = "Container 0-c of environment v1 of service shop cannot be reached: ";
    assert!(answer.body.contains(text), "{answer:?}");
}

#[tokio::test]
async fn a_container_that_does_not_answer_is_given_up_and_the_connection_stays() {
    let container = Container::serve("slow", |request| async move {
        if request.uri().path() == "/slow" {
            std::future::pending::<()>().await;
        }
        text("quick")
    })
    .await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.traffic.response_timeout = Span::millis(100);
    let lab = Lab::new(&[table]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for _ in 0..3 {
        let answer = client.ask(request(HOST, "/slow")).await;
        assert_eq!(answer.status, 504);
        let text =
            "Container 0-slow of environment v1 of service shop did not answer within 100ms.";
        assert!(answer.body.contains(text), "{answer:?}");
        assert_eq!(client.ask(request(HOST, "/")).await.body, "quick");
    }
}

#[tokio::test]
async fn an_upload_may_take_longer_than_the_answer_but_not_stop() {
    let container = Container::serve("c", |request| async move {
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap();
        // Its time begins when it has the whole request.
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        text(body.to_bytes())
    })
    .await;
    let mut table = shop(1, &[(1, 100)], &[(1, &[&container])]);
    table.traffic.response_timeout = Span::millis(500);
    let lab = Lab::new(&[table]).await;
    let head = b"POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 8\r\n\r\n";
    let mut stream = tokio::net::TcpStream::connect(lab.edge.http).await.unwrap();
    stream.write_all(head).await.unwrap();
    for byte in b"abcdefgh" {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        stream.write_all(&[*byte]).await.unwrap();
    }
    let answer = read_until(&mut stream, "abcdefgh").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    stream.write_all(head).await.unwrap();
    stream.write_all(b"abc").await.unwrap();
    let answer = read_until(&mut stream, "did not come in time").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn pages_are_html_for_those_who_read_it() {
    let lab = Lab::new(&[]).await;
    let plain = lab.get("/").await;
    assert_eq!(plain.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(plain.headers["cache-control"], "no-store");
    let mut asking = request(HOST, "/");
    asking.headers_mut().insert("accept", "application/xml, text/html;q=0.9".parse().unwrap());
    let html = Client::connect(lab.edge.http).await.ask(asking).await;
    assert_eq!(html.headers["content-type"], "text/html; charset=utf-8");
    assert!(html.body.starts_with("<!doctype html>"), "{html:?}");
    assert!(html.body.contains("404 Not Found"), "{html:?}");
}
