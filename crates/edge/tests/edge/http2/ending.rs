//! How requests and connections end before their time, and at it.

use futures_util::StreamExt;
use h2::Reason;
use http::StatusCode;
use launcher_edge::Limits;
use launcher_edge::protocol::InFlight;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use crate::support::*;

/// A container that answers when it is let go.
pub(super) async fn slow(name: &str) -> (Container, watch::Sender<bool>) {
    let (go, wait) = watch::channel(false);
    let answer = name.to_owned();
    let container = Container::serve(name, move |_| {
        let (mut wait, answer) = (wait.clone(), answer.clone());
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            text(answer)
        }
    })
    .await;
    (container, go)
}

/// A container whose connections are told of when they have a request, and when they end.
async fn told(says: &'static str) -> (Container, mpsc::UnboundedReceiver<&'static str>) {
    let (tell, told) = mpsc::unbounded_channel();
    let container = Container::raw("told", move |mut stream: TcpStream| {
        let tell = tell.clone();
        async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    // A check of its health.
                    Err(_) => return,
                }
            }
            stream.write_all(says.as_bytes()).await.unwrap();
            tell.send("asked").unwrap();
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            let _ = tell.send("gone");
        }
    })
    .await;
    (container, told)
}

async fn lab_of_raw(container: &Container) -> Lab {
    let mut table = shop(1, &[(1, 100)], &[(1, &[container])]);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    table.traffic.response_timeout = launcher_model::Span::secs(60);
    Lab::new(&[table]).await
}

#[tokio::test]
async fn what_a_client_takes_back_is_taken_from_the_container() {
    for says in ["", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let (container, mut told) = told(says).await;
        let lab = lab_of_raw(&container).await;
        let mut client = Http2::connect(lab.edge.http).await;
        let (response, mut stream) = client.begin(asking("GET", "/"), true).await;
        assert_eq!(soon("the request", told.recv()).await, Some("asked"));
        stream.send_reset(Reason::CANCEL);
        drop(response);
        assert_eq!(soon("the end", told.recv()).await, Some("gone"));
        let unknown = http::Request::get("http://other.test/").body(()).unwrap();
        assert_eq!(client.ask(unknown).await.unwrap().status, 404);
    }
}

#[tokio::test]
async fn what_a_container_breaks_off_is_reset() {
    let container = Container::raw("breaks", |mut stream: TcpStream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let lab = lab_of_raw(&container).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let broken = client.ask(asking("GET", "/")).await.unwrap_err();
    assert_eq!(broken.reason(), Some(Reason::INTERNAL_ERROR), "{broken}");
}

#[tokio::test]
async fn requests_stay_with_their_version_and_the_next_goes_to_another() {
    let ((old, go), new) = (slow("old").await, Container::named("new").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&old]), (2, &[&new])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (first, _) = client.begin(asking("GET", "/"), true).await;
    let (second, _) = client.begin(asking("GET", "/"), true).await;
    until("both are there", || old.requests() == 2).await;
    let flip = lab.control.switch(7, &shop(2, &[(2, 100)], pools)).await;
    assert_eq!(flip.in_flight, InFlight { requests: 2, connections: 0 });
    assert_eq!(client.get("/").await.body, "new");
    go.send(true).unwrap();
    for response in [first, second] {
        let answer = whole2(soon("an answer", response).await.unwrap()).await.unwrap();
        assert_eq!(answer.body, "old");
    }
    let outcome = lab.control.drained(7).await;
    assert_eq!((outcome.cut, outcome.failed), (0, 0), "{outcome:?}");
    assert!(!client.connection.is_finished());
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_and_nothing_else_is() {
    let ((old, _go), new) = (slow("old").await, Container::named("new").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&old]), (2, &[&new])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (hangs, _) = client.begin(asking("GET", "/"), true).await;
    until("it is there", || old.requests() == 1).await;
    let mut table = shop(2, &[(2, 100)], pools);
    table.traffic.drain = launcher_model::Span::millis(100);
    lab.control.switch(7, &table).await;
    assert_eq!(lab.control.drained(7).await.cut, 1);
    assert!(soon("the reset", hangs).await.unwrap_err().is_reset());
    assert_eq!(client.get("/").await.body, "new");
}

#[tokio::test]
async fn an_edge_that_stops_answers_what_it_has() {
    let (container, go) = slow("late").await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut idle = Http2::connect(lab.edge.http).await;
    let unknown = http::Request::get("http://other.test/").body(()).unwrap();
    idle.ask(unknown).await.unwrap();
    let mut client = Http2::connect(lab.edge.http).await;
    let (response, _) = client.begin(asking("GET", "/"), true).await;
    until("it is there", || container.requests() == 1).await;
    let stopping = tokio::spawn(lab.edge.stop());
    // A client that has nothing under way is sent away at once, and told that it may come again.
    assert!(soon("the end", idle.connection).await.unwrap().is_ok());
    // One that has is told to send no more.
    let told = soon("GOAWAY", async {
        loop {
            match std::future::poll_fn(|cx| client.send.poll_ready(cx)).await {
                Err(error) => break error,
                Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    });
    assert!(told.await.is_go_away());
    go.send(true).unwrap();
    let answer = whole2(soon("an answer", response).await.unwrap()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "late"));
    assert!(soon("the end", client.connection).await.unwrap().is_ok());
    soon("the edge's end", stopping).await.unwrap();
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_politely() {
    let container = Container::named("any").await;
    let limits = Limits { keep_alive: Duration::from_millis(200), ..Limits::default() };
    let lab = Lab::with(&[shop(1, &[(1, 100)], &[(1, &[&container])])], limits).await;
    let mut client = Http2::connect(lab.edge.http).await;
    assert_eq!(client.get("/").await.body, "any");
    assert!(soon("the end", client.connection).await.unwrap().is_ok());
    let mut frames = Frames::connect(lab.edge.http).await;
    let told = frames.next_of(&[GOAWAY]).await.unwrap();
    assert_eq!(told.code(), 0);
}

#[tokio::test]
async fn a_stream_of_events_is_moved() {
    let says = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
                9\r\ndata: 1\n\n\r\n";
    let (old, mut asked) = told(says).await;
    let new = Container::named("new").await;
    let table = |revision, live| {
        let pools: &[(u32, &[&Container])] = &[(1, &[&old]), (2, &[&new])];
        let mut table = shop(revision, &[(live, 100)], pools);
        table.pools.values_mut().for_each(|pool| pool.health = Default::default());
        table.traffic.move_within = Some(launcher_model::Span::millis(50));
        table
    };
    let mut lab = Lab::new(&[table(1, 1)]).await;
    let mut client = Http2::connect(lab.edge.http).await;
    let (response, _) = client.begin(asking("GET", "/"), true).await;
    assert_eq!(soon("the request", asked.recv()).await, Some("asked"));
    let mut body = soon("its head", response).await.unwrap().into_body();
    let first = soon("an event", body.data()).await.unwrap().unwrap();
    assert_eq!(first, "data: 1\n\n");
    lab.control.switch(7, &table(2, 2)).await;
    // It ends as if there were no more events.
    let rest = futures_util::stream::poll_fn(|cx| body.poll_data(cx));
    let rest: Vec<_> = soon("its end", rest.collect()).await;
    assert!(rest.iter().all(|part| part.as_ref().is_ok_and(|part| part.is_empty())), "{rest:?}");
    assert_eq!(client.get("/").await.body, "new");
}
