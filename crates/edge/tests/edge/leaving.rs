//! Containers that leave the table, and what they still have in flight.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::support::*;
use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_model::{ServiceName, VersionNumber};
use tokio::sync::watch;

/// A container that answers when it is let go.
async fn slow() -> (Container, watch::Sender<bool>) {
    let (go, wait) = watch::channel(false);
    let container = Container::serve("slow", move |_| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            text("late")
        }
    })
    .await;
    (container, go)
}

/// Whether nothing is under way on a container that has left, after so many milliseconds at most.
async fn at_rest(lab: &mut Lab, nonce: u64, container: &Container, within_ms: u64) -> bool {
    let containers = [(format!("0-{}", container.name), container.address)].into();
    let rest = ToEdge::Rest {
        nonce,
        service: ServiceName::new("shop").unwrap(),
        version: VersionNumber(1),
        containers: Some(containers),
        within_ms,
    };
    lab.control.say(rest).await;
    match lab.control.hear().await {
        FromEdge::Rested { nonce: of, at_rest } if of == nonce => at_rest,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_container_that_left_is_at_rest_when_its_last_request_is_answered() {
    let ((slow, go), quick) = (slow().await, Container::named("quick").await);
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&slow])])]).await;
    let http = lab.edge.http;
    let asked = tokio::spawn(async move { get(http, HOST, "/").await.body });
    until("the request is there", || slow.requests() == 1).await;
    lab.control.replace(&shop(2, &[(1, 100)], &[(1, &[&slow, &quick])])).await;
    lab.control.replace(&shop(3, &[(1, 100)], &[(1, &[&quick])])).await;
    for _ in 0..20 {
        assert_eq!(lab.get("/").await.body, "quick");
    }
    assert!(!at_rest(&mut lab, 1, &slow, 200).await);
    // What comes again serves, and what it had before counts when it leaves again.
    lab.control.replace(&shop(4, &[(1, 100)], &[(1, &[&slow, &quick])])).await;
    lab.control.replace(&shop(5, &[(1, 100)], &[(1, &[&quick])])).await;
    assert!(!at_rest(&mut lab, 2, &slow, 100).await);
    go.send(true).unwrap();
    assert!(at_rest(&mut lab, 3, &slow, 9_000).await);
    assert_eq!(asked.await.unwrap(), "late");
    assert_eq!(slow.requests(), 1);
}

#[tokio::test]
async fn a_container_that_left_is_not_at_rest_while_it_has_a_websocket() {
    let (socket, quick) = (websocket_echo().await, Container::named("quick").await);
    let table = |revision, of: &[&Container]| {
        let mut table = shop(revision, &[(1, 100)], &[(1, of)]);
        table.pools.values_mut().for_each(|pool| pool.health = Default::default());
        table
    };
    let mut lab = Lab::new(&[table(1, &[&socket])]).await;
    let stays = websocket(lab.edge.http).await;
    lab.control.replace(&table(2, &[&quick])).await;
    assert!(!at_rest(&mut lab, 1, &socket, 200).await);
    drop(stays);
    assert!(at_rest(&mut lab, 2, &socket, 9_000).await);
}

#[tokio::test]
async fn websockets_of_a_container_that_leaves_are_closed_before_the_drain_is_over() {
    let (leaves, stays) = (websocket_echo().await, websocket_echo().await);
    let table = |revision, of: &[&Container]| {
        let mut table = shop(revision, &[(1, 100)], &[(1, of)]);
        table.pools.values_mut().for_each(|pool| pool.health = Default::default());
        table
    };
    let mut lab = Lab::new(&[table(1, &[&leaves])]).await;
    let mut told = websocket(lab.edge.http).await;
    lab.control.replace(&table(2, &[&leaves, &stays])).await;
    lab.control.replace(&table(3, &[&stays])).await;
    let mut other = websocket(lab.edge.http).await;
    let listens = tokio::spawn(async move {
        loop {
            match told.next().await {
                Some(Ok(Message::Close(frame))) => break frame,
                Some(Ok(_)) => {}
                ended => panic!("it broke: {ended:?}"),
            }
        }
    });
    assert!(at_rest(&mut lab, 1, &leaves, 4_000).await, "it has ended by itself");
    let close = soon("a Close frame", listens).await.unwrap().expect("a code");
    assert_eq!((close.code, close.reason.as_str()), (CloseCode::Away, "the container stops"));
    // Nobody else is told.
    other.send(Message::text("still here")).await.unwrap();
    let echo = soon("an echo", other.next()).await.unwrap().unwrap();
    assert_eq!(echo, Message::text("still here"));
}

#[tokio::test]
async fn a_version_that_left_with_its_containers_counts_too() {
    let (slow, go) = slow().await;
    let mut lab = Lab::new(&[shop(1, &[], &[(1, &[&slow])])]).await;
    let http = lab.edge.http;
    let asked = tokio::spawn(async move { get(http, "v1.shop.preview.test", "/").await.body });
    until("the request is there", || slow.requests() == 1).await;
    lab.control.replace(&shop(2, &[], &[])).await;
    assert!(!at_rest(&mut lab, 1, &slow, 200).await);
    go.send(true).unwrap();
    assert!(at_rest(&mut lab, 2, &slow, 9_000).await);
    assert_eq!(asked.await.unwrap(), "late");
}

#[tokio::test]
async fn what_was_never_in_the_table_is_at_rest() {
    let v1 = Container::named("one").await;
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&v1])])]).await;
    let other = Container::named("other").await;
    assert!(at_rest(&mut lab, 1, &other, 0).await);
}
