//! Environments of branches: their names, and how requests wait for those that are asleep.

use std::time::{Duration, Instant};

use super::support::*;
use http::Request;
use http_body_util::{Empty, Full};
use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_edge::table::{Rest, RestKind, ServiceTable};
use launcher_model::VersionNumber;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const BRANCH: &str = "login.shop.preview.test";

/// The branch `login` at version 2.
fn with_branch(revision: u64, pools: &[(u32, &[&Container])]) -> ServiceTable {
    let mut table = shop(revision, &[], pools);
    table.branches.aliases = [("login".to_owned(), VersionNumber(2))].into();
    table
}

/// The same, while version 2 does not serve.
fn resting(
    revision: u64,
    kind: RestKind,
    within_ms: u64,
    pools: &[(u32, &[&Container])],
) -> ServiceTable {
    let mut table = with_branch(revision, pools);
    table.branches.resting = [(VersionNumber(2), Rest { kind, within_ms })].into();
    table
}

fn asleep(within_ms: u64) -> ServiceTable {
    resting(1, RestKind::Asleep, within_ms, &[])
}

async fn is_woken(lab: &mut Lab) {
    match lab.control.hear().await {
        FromEdge::Wake { service, version } => {
            assert_eq!((service.as_str(), version.0), ("shop", 2));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn requests_wait_until_it_serves_and_it_is_woken_once() {
    let v2 = Container::named("two").await;
    let mut lab = Lab::new(&[asleep(20_000)]).await;
    let http = lab.edge.http;
    let mut asking: Vec<_> = (0..8).map(|_| tokio::spawn(get(http, BRANCH, "/"))).collect();
    asking.push(tokio::spawn(get(http, "v2.shop.preview.test", "/")));
    let body = Request::post("/").header("host", BRANCH).body(Full::from("x".repeat(100_000)));
    let upload = async move { Client::connect(http).await.ask(body.unwrap()).await };
    asking.push(tokio::spawn(upload));
    is_woken(&mut lab).await;
    // It runs, and none of its containers is healthy yet.
    lab.control.replace(&resting(2, RestKind::Starting, 20_000, &[(2, &[])])).await;
    lab.control.say(ToEdge::Ping { nonce: 5 }).await;
    assert_eq!(lab.control.hear().await, FromEdge::Pong { nonce: 5 }, "it is woken once");
    assert!(asking.iter().all(|asking| !asking.is_finished()));
    let serves = resting(3, RestKind::Starting, 20_000, &[(2, &[&v2])]);
    lab.control.say(ToEdge::Replace { service: serves }).await;
    for asking in asking {
        let answer = soon("an answer", asking).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "two"));
    }
    assert_eq!(v2.requests(), 10);
}

#[tokio::test]
async fn a_newer_version_answers_those_that_waited_for_the_older() {
    let v3 = Container::named("three").await;
    let mut lab = Lab::new(&[asleep(20_000)]).await;
    let asking = tokio::spawn(get(lab.edge.http, BRANCH, "/"));
    is_woken(&mut lab).await;
    let mut moved = resting(2, RestKind::Starting, 20_000, &[(3, &[&v3])]);
    moved.branches.aliases = [("login".to_owned(), VersionNumber(3))].into();
    moved.branches.resting.clear();
    lab.control.say(ToEdge::Replace { service: moved }).await;
    assert_eq!(soon("an answer", asking).await.unwrap().body, "three");
}

#[tokio::test]
async fn the_wait_has_an_end() {
    let mut lab = Lab::new(&[asleep(300)]).await;
    let began = Instant::now();
    let asking = tokio::spawn(get(lab.edge.http, BRANCH, "/"));
    is_woken(&mut lab).await;
    let answer = soon("an answer", asking).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(answer.status.as_u16(), 503);
    assert_eq!(answer.headers["retry-after"], "2");
    assert_eq!(answer.headers["refresh"], "2");
    assert!(answer.body.contains("v2 of service shop was stopped"), "{}", answer.body);
    // Whoever comes again has it woken again.
    let again = tokio::spawn(get(lab.edge.http, BRANCH, "/"));
    is_woken(&mut lab).await;
    again.await.unwrap();
}

#[tokio::test]
async fn a_browser_is_shown_soon_that_it_starts() {
    let lab = Lab::new(&[asleep(60_000)]).await;
    let asks = Request::get("/").header("host", BRANCH).header("accept", "text/html,*/*;q=0.8");
    let began = Instant::now();
    let answer = Client::connect(lab.edge.http).await.ask(asks.body(Empty::new()).unwrap()).await;
    assert!((4..9).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(answer.status.as_u16(), 503);
    assert!(answer.body.starts_with("<!doctype html>"), "{}", answer.body);
}

#[tokio::test]
async fn a_start_that_fails_is_told() {
    let mut lab = Lab::new(&[asleep(20_000)]).await;
    let asking = tokio::spawn(get(lab.edge.http, BRANCH, "/"));
    is_woken(&mut lab).await;
    let failed = resting(2, RestKind::Failed, 20_000, &[]);
    lab.control.say(ToEdge::Replace { service: failed }).await;
    for answer in [asking.await.unwrap(), get(lab.edge.http, BRANCH, "/").await] {
        assert_eq!(answer.status.as_u16(), 503);
        assert!(answer.body.contains("has failed"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_control_plane_that_comes_back_is_told_and_one_that_does_not_is_no_secret() {
    let v2 = Container::named("two").await;
    let mut lab = Lab::new(&[asleep(30_000)]).await;
    let asking = tokio::spawn(get(lab.edge.http, BRANCH, "/"));
    is_woken(&mut lab).await;
    let Lab { edge, control, listener, dir } = lab;
    drop(control);
    let mut control = Control::accept(&listener).await;
    control.welcome(&[asleep(30_000)]).await;
    assert!(matches!(control.hear().await, FromEdge::Wake { .. }), "it is told again");
    control.say(ToEdge::Replace { service: with_branch(2, &[(2, &[&v2])]) }).await;
    while !matches!(control.hear().await, FromEdge::Applied { .. }) {}
    assert_eq!(asking.await.unwrap().body, "two");

    control.say(ToEdge::Replace { service: resting(3, RestKind::Asleep, 30_000, &[]) }).await;
    while !matches!(control.hear().await, FromEdge::Applied { .. }) {}
    drop((control, listener));
    let began = Instant::now();
    let answer = get(edge.http, BRANCH, "/").await;
    assert_eq!(answer.status.as_u16(), 503);
    assert!(answer.body.contains("the control plane is away"), "{}", answer.body);
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    drop(dir);
}

#[tokio::test]
async fn a_client_that_gives_up_leaves_the_queue() {
    let v2 = Container::named("two").await;
    let mut lab = Lab::new(&[asleep(20_000)]).await;
    let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let ask = format!("GET / HTTP/1.1\r\nHost: {BRANCH}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    is_woken(&mut lab).await;
    reset(stream);
    // Nobody waits any more, so that the next one is news: its place is given back in a moment.
    soon("an empty queue", async {
        loop {
            let mut stream = TcpStream::connect(lab.edge.http).await.unwrap();
            stream.write_all(ask.as_bytes()).await.unwrap();
            lab.control.say(ToEdge::Ping { nonce: 1 }).await;
            let news = matches!(lab.control.hear().await, FromEdge::Wake { .. });
            reset(stream);
            if news {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    lab.control.say(ToEdge::Replace { service: with_branch(2, &[(2, &[&v2])]) }).await;
    assert_eq!(get(lab.edge.http, BRANCH, "/").await.body, "two");
    assert_eq!(v2.requests(), 1, "the container has not heard of those that gave up");
}

#[tokio::test]
async fn looks_are_told_now_and_then_and_only_of_branches() {
    let (v1, v2) = (Container::named("one").await, websocket_echo().await);
    let mut table = with_branch(1, &[(1, &[&v1]), (2, &[&v2])]);
    table.pools.values_mut().for_each(|pool| pool.health = Default::default());
    let mut lab = Lab::new(&[table]).await;
    get(lab.edge.http, "v1.shop.preview.test", "/").await;
    lab.control.say(ToEdge::Ping { nonce: 1 }).await;
    assert_eq!(lab.control.hear().await, FromEdge::Pong { nonce: 1 }, "nobody sleeps there");
    let stream = TcpStream::connect(lab.edge.http).await.unwrap();
    let url = format!("ws://{BRANCH}/");
    let socket = tokio_tungstenite::client_async(url, stream).await.unwrap().0;
    let mut told = Vec::new();
    for _ in 0..3 {
        match lab.control.hear().await {
            FromEdge::Looked { service, versions } => {
                assert_eq!((service.as_str(), &*versions), ("shop", &[VersionNumber(2)][..]));
                told.push(Instant::now());
            }
            other => panic!("{other:?}"),
        }
    }
    let apart: Vec<_> = told.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(apart.iter().all(|apart| *apart > Duration::from_millis(1500)), "{apart:?}");

    let rest = |nonce, within_ms| ToEdge::Rest {
        nonce,
        service: launcher_model::ServiceName::new("shop").unwrap(),
        version: VersionNumber(2),
        containers: None,
        within_ms,
    };
    lab.control.say(rest(1, 200)).await;
    let rested = loop {
        match lab.control.hear().await {
            FromEdge::Looked { .. } => {}
            other => break other,
        }
    };
    assert_eq!(rested, FromEdge::Rested { nonce: 1, at_rest: false });
    lab.control.say(rest(2, 9_000)).await;
    drop(socket);
    let rested = loop {
        match lab.control.hear().await {
            FromEdge::Looked { .. } => {}
            other => break other,
        }
    };
    assert_eq!(rested, FromEdge::Rested { nonce: 2, at_rest: true });
}
