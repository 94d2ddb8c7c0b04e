//! Containers that speak HTTP/2.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use launcher_edge::check::check;
use launcher_edge::protocol::InFlight;
use launcher_model::service::{Contact, Health, Protocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::support::*;

fn status(code: &'static str) -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static(code))])
}

async fn lab(container: &Container) -> Lab {
    Lab::new(&[speaks_h2c(shop(1, &[(1, 100)], &[(1, &[container])]))]).await
}

#[tokio::test]
async fn many_requests_share_few_connections() {
    let container = Container::h2c("many", |asked| async move {
        let path = asked.0.uri().path().to_owned();
        answer2(asked, path, HeaderMap::new());
    })
    .await;
    let lab = lab(&container).await;
    // Both protocols of clients.
    let mut client = Http2::connect(lab.edge.http).await;
    client.get("/first").await;
    let asked =
        (0..100).map(|n| client.send.clone().send_request(asking("GET", &format!("/{n}")), true));
    let asked: Vec<_> = asked.map(|sent| sent.unwrap().0).collect();
    for (n, response) in asked.into_iter().enumerate() {
        let answer = whole2(soon("an answer", response).await.unwrap()).await.unwrap();
        assert_eq!((answer.status, answer.body), (StatusCode::OK, format!("/{n}")));
    }
    let mut client = Client::connect(lab.edge.http).await;
    for n in 0..20 {
        assert_eq!(client.ask(request(HOST, &format!("/{n}"))).await.body, format!("/{n}"));
    }
    assert_eq!(container.requests(), 121);
    // One of each of the two threads, and no more.
    assert!(container.connections() <= 2, "{}", container.connections());
}

#[tokio::test]
async fn a_container_is_told_what_one_of_http_1_1_is() {
    let container = Container::h2c("mirror", |asked| async move {
        let request = &asked.0;
        let mut said = format!("{} {} {:?}\n", request.method(), request.uri(), request.version());
        for (name, value) in request.headers() {
            said += &format!("{name}: {}\n", value.to_str().unwrap());
        }
        answer2(asked, said, HeaderMap::new());
    })
    .await;
    let lab = lab(&container).await;
    let mut request = asking("GET", "/a?b");
    request.headers_mut().insert("te", "trailers".parse().unwrap());
    request.headers_mut().insert("grpc-timeout", "5S".parse().unwrap());
    let said = Http2::connect(lab.edge.http).await.ask(request).await.unwrap().body;
    assert!(said.starts_with("GET http://shop.test/a?b HTTP/2.0\n"), "{said}");
    for line in ["te: trailers\n", "grpc-timeout: 5S\n", "x-forwarded-for: 127.0.0.1\n"] {
        assert!(said.contains(&format!("\n{line}")), "{line} in {said}");
    }
    assert!(!said.contains("\nhost:") && !said.contains("\nconnection:"), "{said}");
}

#[tokio::test]
async fn trailers_pass_also_those_that_come_with_the_head() {
    let container = Container::h2c("grpc", |mut asked| async move {
        match asked.0.uri().path() {
            "/only" => {
                let head = Response::builder().header("grpc-status", "5").body(()).unwrap();
                asked.1.send_response(head, true).unwrap();
            }
            _ => answer2(asked, "message", status("0")),
        }
    })
    .await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let answer = client.get("/").await;
    assert_eq!((answer.body.as_str(), &answer.trailers), ("message", &status("0")));
    let answer = client.get("/only").await;
    assert_eq!(answer.headers["grpc-status"], "5");
    assert!(!answer.headers.contains_key("content-length"), "{answer:?}");
    assert!(answer.body.is_empty() && answer.trailers.is_empty());
    let succeeded = lab.edge.counters.read()[0].counted;
    assert_eq!((succeeded.requests[1], succeeded.failed), (2, 0));
}

#[tokio::test]
async fn both_sides_speak_at_once() {
    let container = Container::h2c("echo", |(mut request, mut respond)| async move {
        let mut to = respond.send_response(Response::new(()), false).unwrap();
        while let Some(Ok(part)) = request.body_mut().data().await {
            request.body_mut().flow_control().release_capacity(part.len()).unwrap();
            to.send_data(part, false).unwrap();
        }
        let trailers = request.body_mut().trailers().await.unwrap();
        to.send_trailers(trailers.unwrap_or_default()).unwrap();
    })
    .await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (response, mut to) = client.begin(asking("POST", "/"), false).await;
    // The head comes before any part has gone.
    let mut from = soon("the head", response).await.unwrap().into_body();
    for n in 0..50 {
        let part = Bytes::from(n.to_string().repeat(n));
        to.send_data(part.clone(), false).unwrap();
        let mut echoed = Vec::new();
        while echoed.len() < part.len() {
            let more = soon("the echo", from.data()).await.unwrap().unwrap();
            from.flow_control().release_capacity(more.len()).unwrap();
            echoed.extend_from_slice(&more);
        }
        assert_eq!(echoed, part);
    }
    to.send_trailers(status("7")).unwrap();
    assert!(soon("the end", from.data()).await.is_none());
    assert_eq!(soon("trailers", from.trailers()).await.unwrap(), Some(status("7")));
    until("nothing is under way", || lab.edge.in_flight() == 0).await;
}

#[tokio::test]
async fn a_large_body_passes_both_ways() {
    let container = Container::h2c("echo", |(mut request, mut respond)| async move {
        let mut all = Vec::new();
        while let Some(Ok(part)) = request.body_mut().data().await {
            request.body_mut().flow_control().release_capacity(part.len()).unwrap();
            all.extend_from_slice(&part);
        }
        let head = Response::builder().header("content-length", all.len()).body(()).unwrap();
        respond.send_response(head, false).unwrap().send_data(all.into(), true).unwrap();
    })
    .await;
    let lab = lab(&container).await;
    let all = Bytes::from("0123456789abcdef".repeat(128 << 10));
    let request = http::Request::post("/").header("host", HOST);
    let request = request.body(http_body_util::Full::new(all.clone())).unwrap();
    let answer = Client::connect(lab.edge.http).await.ask(request).await;
    assert_eq!(answer.headers["content-length"], all.len().to_string());
    assert!(answer.body.as_bytes() == all);
}

#[tokio::test]
async fn what_a_client_takes_back_is_taken_from_the_container() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let container = Container::h2c("slow", move |(_, mut respond)| {
        let tell = tell.clone();
        async move {
            tell.send(None).unwrap();
            let reset = poll_fn(|cx| respond.poll_reset(cx)).await;
            tell.send(Some(reset.unwrap())).unwrap();
        }
    })
    .await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (response, mut stream) = client.begin(asking("POST", "/"), false).await;
    assert_eq!(soon("the request", told.recv()).await, Some(None));
    stream.send_reset(Reason::CANCEL);
    drop(response);
    assert_eq!(soon("the reset", told.recv()).await, Some(Some(Reason::CANCEL)));
    // A client of HTTP/1.1 has only its connection to take back.
    let mut client = TcpStream::connect(lab.edge.http).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    assert_eq!(soon("the request", told.recv()).await, Some(None));
    drop(client);
    assert_eq!(soon("the reset", told.recv()).await, Some(Some(Reason::CANCEL)));
    assert!(container.connections() <= 2);
}

#[tokio::test]
async fn what_a_container_breaks_off_is_reset() {
    let (go, wait) = watch::channel(false);
    let container = Container::h2c("breaks", move |(_, mut respond)| {
        let mut wait = wait.clone();
        async move {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            stream.send_data("half".into(), false).unwrap();
            wait.wait_for(|go| *go).await.unwrap();
            stream.send_reset(Reason::CANCEL);
        }
    })
    .await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (response, _) = client.begin(asking("GET", "/"), true).await;
    let response = soon("the head", response).await.unwrap();
    go.send(true).unwrap();
    assert_eq!(whole2(response).await.unwrap_err().reason(), Some(Reason::INTERNAL_ERROR));
    assert_eq!(lab.edge.counters.read()[0].counted.failed, 1);
}

#[tokio::test]
async fn what_a_container_has_not_begun_another_one_is_asked() {
    let refused = Arc::new(AtomicUsize::new(0));
    let counted = refused.clone();
    let full = Container::h2c("full", move |(_, mut respond)| {
        let counted = counted.clone();
        async move {
            counted.fetch_add(1, Ordering::SeqCst);
            respond.send_reset(Reason::REFUSED_STREAM);
        }
    })
    .await;
    let good = Container::h2c_named("good").await;
    let lab = Lab::new(&[speaks_h2c(shop(1, &[(1, 100)], &[(1, &[&full, &good])]))]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    // A POST may not be sent twice, if it was begun.
    for _ in 0..30 {
        let answer = client.ask(asking("POST", "/")).await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "good"));
    }
    assert!(refused.load(Ordering::SeqCst) > 0);
    assert_eq!(lab.edge.counters.read()[0].counted.failed, 0);
}

#[tokio::test]
async fn a_container_that_closes_a_connection_costs_no_request() {
    let container = Container::h2c_named("again").await;
    let lab = lab(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.body, "again");
        container.hang_up();
    }
    assert_eq!(lab.edge.counters.read()[0].counted.failed, 0);
}

#[tokio::test]
async fn a_container_that_says_goodbye_costs_no_request() {
    // It takes two requests on a connection, and says with the second that it takes no more.
    let container = Container::raw("leaves", |stream| async move {
        let Ok(mut connection) = h2::server::handshake(stream).await else { return };
        let mut n = 0;
        while let Some(Ok(asked)) = connection.accept().await {
            n += 1;
            if n == 2 {
                connection.graceful_shutdown();
            }
            answer2(asked, "served", HeaderMap::new());
        }
    })
    .await;
    let mut table = speaks_h2c(shop(1, &[(1, 100)], &[(1, &[&container])]));
    table.pools.values_mut().for_each(|pool| pool.health = Health::default());
    let lab = Lab::new(&[table]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    for _ in 0..30 {
        let answer = client.ask(asking("POST", "/")).await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "served"));
    }
    assert_eq!(lab.edge.counters.read()[0].counted.failed, 0);
}

#[tokio::test]
async fn one_that_speaks_no_http_2_is_said_to() {
    let container = Container::raw("old", |mut stream: TcpStream| async move {
        let answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(answer).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let mut table = speaks_h2c(shop(1, &[(1, 100)], &[(1, &[&container])]));
    table.pools.values_mut().for_each(|pool| pool.health = Health::default());
    let lab = Lab::new(&[table]).await;
    let answer = lab.get("/").await;
    assert_eq!(answer.status, 502);
    assert!(answer.body.contains("answered with something that is not HTTP/2"), "{answer:?}");
}

#[tokio::test]
async fn requests_stay_with_their_version_and_the_next_goes_to_another() {
    let (go, wait) = watch::channel(false);
    let old = Container::h2c("old", move |asked| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            answer2(asked, "old", status("0"));
        }
    })
    .await;
    let new = Container::h2c_named("new").await;
    let table =
        |revision, live| speaks_h2c(shop(revision, &[(live, 100)], &[(1, &[&old]), (2, &[&new])]));
    let mut lab = Lab::new(&[table(1, 1)]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (first, _) = client.begin(asking("GET", "/"), true).await;
    until("it is there", || old.requests() == 1).await;
    let readiness = lab.control.prepare(7, &table(2, 2)).await.unwrap();
    assert_eq!((readiness.checked, readiness.warmed), (1, 2));
    let flip = lab.control.commit(7).await.unwrap();
    assert_eq!(flip.in_flight, InFlight { requests: 1, connections: 0 });
    assert_eq!(client.get("/").await.body, "new");
    go.send(true).unwrap();
    let answer = whole2(soon("an answer", first).await.unwrap()).await.unwrap();
    assert_eq!((answer.body.as_str(), answer.trailers), ("old", status("0")));
    assert_eq!(lab.control.drained(7).await.cut, 0);
}

#[tokio::test]
async fn a_container_that_says_nothing_is_late() {
    let container = Container::h2c("silent", |asked| async move {
        // Let go of, it would be reset.
        std::future::pending::<()>().await;
        drop(asked);
    })
    .await;
    let mut table = speaks_h2c(shop(1, &[(1, 100)], &[(1, &[&container])]));
    table.traffic.response_timeout = launcher_model::Span::millis(200);
    let lab = Lab::new(&[table]).await;
    assert_eq!(Http2::connect(lab.edge.http).await.get("/").await.status, 504);
    assert_eq!(lab.get("/").await.status, 504);
}

fn contact(protocol: Protocol, health: Health) -> Contact {
    Contact { protocol, health }
}

#[tokio::test]
async fn checks_speak_what_the_container_speaks() {
    let container = Container::h2c("checked", |asked| async move {
        let mut trailers = status("0");
        match asked.0.uri().path() {
            "/grpc.health.v1.Health/Check" => {
                assert_eq!(asked.0.headers()["content-type"], "application/grpc");
                trailers.insert("x-any", HeaderValue::from_static("1"));
                answer2(asked, Bytes::from_static(&[0, 0, 0, 0, 2, 8, 1]), trailers);
            }
            _ => {
                let mut respond = asked.1;
                let head = Response::builder().status(503).body(()).unwrap();
                let mut stream = respond.send_response(head, false).unwrap();
                stream.send_data("not yet\nmore".into(), true).unwrap();
            }
        }
    })
    .await;
    let path = |path: &str| Health { path: Some(path.into()), tcp: false, ..Health::default() };
    let grpc = Health { grpc: true, tcp: false, ..Health::default() };
    let at = container.address;
    check(at, &contact(Protocol::H2c, path("/healthz"))).await.unwrap();
    check(at, &contact(Protocol::H2c, grpc.clone())).await.unwrap();
    let why = check(at, &contact(Protocol::H2c, path("/other"))).await.unwrap_err();
    assert_eq!(why, "GET /other answered 503: not yet");
    assert!(check(at, &contact(Protocol::Http1, path("/healthz"))).await.is_err());
    let old = Container::named("old").await;
    let why = check(old.address, &contact(Protocol::H2c, grpc)).await.unwrap_err();
    assert!(why.contains("does it speak HTTP/2 without TLS (h2c)?"), "{why}");
}

#[tokio::test]
async fn a_websocket_is_refused_and_any_other_upgrade_is_a_plain_request() {
    let container = Container::h2c_named("plain").await;
    let lab = lab(&container).await;
    for (protocol, status) in [("websocket", "501"), ("other", "200")] {
        let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
        let head = format!(
            "GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        soon("an answer", stream.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, format!("HTTP/1.1 {status}").as_bytes());
    }
    let mut client = Http2::connect(lab.edge.http).await;
    client.get("/").await;
    let mut opening = asking("CONNECT", "/");
    opening.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    opening.headers_mut().insert("sec-websocket-version", HeaderValue::from_static("13"));
    let (response, _stream) = client.begin(opening, false).await;
    let answer = whole2(soon("a response", response).await.unwrap()).await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED);
    assert!(answer.body.contains("opens no WebSockets"), "{}", answer.body);
    assert_eq!(container.requests(), 2);
    assert_eq!(lab.edge.counters.read()[0].counted.failed, 0);
}
