//! What is under way as a switch comes, in workers that are leaving.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_model::{ServiceName, Span, VersionNumber};
use tokio_tungstenite::tungstenite::Message;

use crate::lab::Lab;
use crate::support::*;

async fn echo(socket: &mut WebSocket) -> Option<String> {
    socket.send(Message::text("hello")).await.ok()?;
    match soon("the echo", socket.next()).await {
        Some(Ok(Message::Text(text))) => Some(text.to_string()),
        _ => None,
    }
}

#[tokio::test]
async fn heavy_nginx_keeps_websockets_through_reloads_until_they_end() {
    let (v1, v2) = (websocket_echo().await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut first = shop(1, &[(1, 100)], pools);
    first.pools.values_mut().for_each(|pool| {
        pool.health.path = None;
        pool.health.tcp = true;
    });
    let mut lab = Lab::new(std::slice::from_ref(&first)).await;
    let mut sockets = vec![websocket(lab.http).await, websocket(lab.http).await];
    let mut next = first.clone();
    (next.revision, next.generation) = (2, launcher_model::Generation(2));
    next.weights = shop(2, &[(2, 100)], pools).weights;
    let flip = lab.control.switch(7, &next).await;
    assert_eq!(flip.in_flight.requests, 2);
    assert_eq!(lab.get("/").await.body, "two");
    // Further reloads do not end them.
    let mut renamed = next.clone();
    renamed.revision = 3;
    renamed.hosts.push("also.test".into());
    lab.control.replace(&renamed).await;
    for socket in &mut sockets {
        assert_eq!(echo(socket).await.as_deref(), Some("hello"));
    }
    sockets.remove(0).close(None).await.unwrap();
    assert_eq!(echo(&mut sockets[0]).await.as_deref(), Some("hello"));
    assert!(lab.control.outcomes.is_empty(), "one is still there");
    sockets.remove(0).close(None).await.unwrap();
    let outcome = lab.control.drained(7).await;
    assert_eq!((outcome.drained, outcome.cut, outcome.superseded), (2, 0, false), "{outcome:?}");
}

#[tokio::test]
async fn heavy_nginx_cuts_what_has_not_ended_by_the_deadline() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let v1 = Container::serve("slow", move |_| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            text("late")
        }
    })
    .await;
    let v2 = Container::named("two").await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let mut client = Client::connect(lab.http).await;
    let asked = tokio::spawn(async move { client.send(request(HOST, "/")).await.map(drop) });
    until("the request is there", || v1.requests() == 1).await;
    let mut next = shop(2, &[(2, 100)], pools);
    next.traffic.drain = Span::secs(1);
    let flip = lab.control.switch(7, &next).await;
    assert_eq!(flip.in_flight.requests, 1);
    assert!(soon("the cut", asked).await.unwrap().is_err());
    let outcome = lab.control.drained(7).await;
    assert_eq!((outcome.drained, outcome.cut), (0, 1), "{outcome:?}");
    assert!((1_000..3_000).contains(&outcome.took_ms), "{outcome:?}");
    assert_eq!(lab.get("/").await.body, "two");
    drop(go);
}

#[tokio::test]
async fn heavy_nginx_lets_requests_end_and_cuts_none_of_a_version_that_is_live_again() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let v1 = Container::serve("slow", move |_| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            text("late")
        }
    })
    .await;
    let v2 = Container::named("two").await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut first = shop(1, &[(1, 100)], pools);
    first.traffic.response_timeout = Span::secs(60);
    let mut lab = Lab::new(&[first]).await;
    let http = lab.http;
    let asked = tokio::spawn(async move { get(http, HOST, "/").await });
    until("the request is there", || v1.requests() == 1).await;
    let mut next = shop(2, &[(2, 100)], pools);
    // Long enough that the second switch comes before it is over, on a machine with much to do too.
    let deadline = Span::secs(6);
    next.traffic.drain = deadline;
    let begun = Instant::now();
    lab.control.switch(7, &next).await;
    lab.control.switch(8, &shop(3, &[(1, 100)], pools)).await;
    let outcome = lab.control.drained(7).await;
    assert_eq!((outcome.superseded, outcome.drained, outcome.cut), (true, 0, 0), "{outcome:?}");
    // The deadline of the first switch passes, and nobody is cut off.
    let passed = begun + deadline.duration() + Duration::from_secs(1);
    tokio::time::sleep_until(passed.into()).await;
    go.send(true).unwrap();
    assert_eq!(asked.await.unwrap().body, "late");
}

#[tokio::test]
async fn heavy_nginx_tells_when_a_container_that_left_has_nothing_in_flight() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let slow = Container::serve("slow", move |_| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            text("late")
        }
    })
    .await;
    let quick = Container::named("quick").await;
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&slow])])]).await;
    let mut client = Client::connect(lab.http).await;
    let asked = tokio::spawn(async move { client.ask(request(HOST, "/")).await.body });
    until("the request is there", || slow.requests() == 1).await;
    lab.control.replace(&shop(2, &[(1, 100)], &[(1, &[&quick])])).await;
    assert_eq!(lab.get("/").await.body, "quick");
    let rest = |nonce, within_ms| ToEdge::Rest {
        nonce,
        service: ServiceName::new("shop").unwrap(),
        version: VersionNumber(1),
        containers: Some([("0-slow".to_owned(), slow.address)].into()),
        within_ms,
    };
    lab.control.say(rest(1, 300)).await;
    assert_eq!(lab.control.hear().await, FromEdge::Rested { nonce: 1, at_rest: false });
    lab.control.say(rest(2, 9_000)).await;
    go.send(true).unwrap();
    assert_eq!(lab.control.hear().await, FromEdge::Rested { nonce: 2, at_rest: true });
    assert_eq!(asked.await.unwrap(), "late");
}
