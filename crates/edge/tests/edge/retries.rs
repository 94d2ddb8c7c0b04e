use super::support::*;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use tokio::io::AsyncWriteExt;

/// A container that takes requests and closes the connection without an answer.
async fn breaking() -> Container {
    Container::raw("breaking", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
    })
    .await
}

/// An address at which nothing listens.
async fn gone() -> Container {
    let container = Container::named("gone").await;
    container.kill();
    until("the port is free", || std::net::TcpStream::connect(container.address).is_err()).await;
    container
}

fn with(method: Method, body: &'static str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri("/").header("host", HOST).body(body.into()).unwrap()
}

#[tokio::test]
async fn any_request_goes_to_another_container_when_one_cannot_be_reached() {
    let (up, down) = (Container::named("up").await, gone().await);
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&up, &down])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for n in 0..50 {
        let method = if n % 2 == 0 { Method::POST } else { Method::GET };
        assert_eq!(client.ask(with(method, "body")).await.body, "up");
    }
}

#[tokio::test]
async fn a_repeatable_request_goes_to_another_container_when_one_breaks_off() {
    let (up, breaks) = (Container::named("up").await, breaking().await);
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&up, &breaks])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::DELETE, Method::PUT] {
        for _ in 0..10 {
            assert_eq!(client.ask(with(method.clone(), "")).await.status, 200, "{method}");
        }
    }
    assert!(breaks.connections() > 0);
}

#[tokio::test]
async fn a_request_that_may_have_had_an_effect_is_not_repeated() {
    let breaks = breaking().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&breaks])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for (method, body) in [(Method::POST, ""), (Method::PATCH, ""), (Method::PUT, "body")] {
        let before = breaks.connections();
        let answer = client.ask(with(method, body)).await;
        assert_eq!(answer.status, 502);
        assert!(answer.body.contains("closed the connection before it answered"), "{answer:?}");
        assert_eq!(breaks.connections() - before, 1);
    }
}

#[tokio::test]
async fn there_is_one_retry_and_no_more() {
    let breaks = breaking().await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&breaks])])]).await;
    let answer = lab.get("/").await;
    assert_eq!(answer.status, 502);
    assert_eq!(breaks.connections(), 2, "once, and once more on a fresh connection");
}

#[tokio::test]
async fn connections_that_the_container_closed_while_unused_cost_nothing() {
    let container = Container::named("c").await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for _ in 0..20 {
        assert_eq!(client.ask(with(Method::POST, "body")).await.body, "c");
        container.hang_up();
        // Give the end of the connection the time to arrive, as it does in life.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(container.requests(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_killed_under_load_costs_no_repeatable_request() {
    let (a, b) = (Container::named("a").await, Container::named("b").await);
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&a, &b])])]).await;
    let edge = lab.edge.http;
    let clients: Vec<_> = (0..16)
        .map(|_| {
            tokio::spawn(async move {
                let mut client = Client::connect(edge).await;
                let mut answers = Vec::new();
                for _ in 0..200 {
                    answers.push(client.ask(request(HOST, "/")).await.status);
                }
                answers
            })
        })
        .collect();
    until("there is load", || a.requests() > 100).await;
    a.kill();
    for client in clients {
        let answers = client.await.unwrap();
        assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    }
}

#[tokio::test]
async fn an_early_answer_to_a_body_that_is_not_taken_arrives() {
    let container = Container::raw("early", |mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let _ = stream
            .write_all(
                b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig",
            )
            .await;
    })
    .await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut stream = tokio::net::TcpStream::connect(lab.edge.http).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100000000\r\n\r\nbegin")
        .await
        .unwrap();
    let answer = read_until(&mut stream, "big").await;
    assert!(answer.starts_with("HTTP/1.1 413 Too Large\r\n"), "{answer}");
}
