//! Containers that fail requests are left out for a while, and those that join others begin slowly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use launcher_edge::table::ServiceTable;
use launcher_model::Span;
use tokio::io::AsyncWriteExt;

use super::support::*;

/// A container that closes the connection without an answer as long as the switch is on.
async fn moody(name: &str) -> (Container, Arc<AtomicBool>) {
    let breaks = Arc::new(AtomicBool::new(true));
    let switch = breaks.clone();
    let container = Container::raw(name, move |mut stream| {
        let breaks = breaks.clone();
        async move {
            read_until(&mut stream, "\r\n\r\n").await;
            if !breaks.load(Ordering::SeqCst) {
                let answer =
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nmoody";
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    })
    .await;
    (container, switch)
}

fn table(eject_after: u16, containers: &[&Container]) -> ServiceTable {
    let mut table = shop(1, &[(1, 100)], &[(1, containers)]);
    table.traffic.eject_after = eject_after;
    table
}

/// A request that is not repeated.
fn post() -> Request<Full<Bytes>> {
    Request::post("/").header("host", HOST).body("x".into()).unwrap()
}

#[tokio::test]
async fn a_container_that_fails_too_often_is_left_out_until_it_answers_again() {
    let (good, (bad, breaks)) = (Container::named("good").await, moody("bad").await);
    let lab = Lab::new(&[table(3, &[&good, &bad])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let mut failed = 0;
    for _ in 0..100 {
        failed += usize::from(client.ask(post()).await.status == StatusCode::BAD_GATEWAY);
    }
    // After the third it is tried once a second at the most, and less and less often.
    assert!((3..=8).contains(&failed), "{failed}");
    assert_eq!(bad.connections(), failed);
    let ejected = usize::try_from(lab.edge.counters.read()[0].counted.ejected).unwrap();
    assert!(ejected > 0 && ejected <= failed - 2, "{ejected} of {failed}");

    breaks.store(false, Ordering::SeqCst);
    let again = async {
        let mut in_a_row = 0;
        while in_a_row < 3 {
            in_a_row += usize::from(client.ask(post()).await.body == "moody");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), again)
        .await
        .expect("it comes into the choice again");
}

#[tokio::test]
async fn nought_leaves_none_out() {
    let (good, (bad, _)) = (Container::named("good").await, moody("bad").await);
    let lab = Lab::new(&[table(0, &[&good, &bad])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    for _ in 0..100 {
        client.ask(post()).await;
    }
    assert!(bad.connections() > 25, "{}", bad.connections());
}

#[tokio::test]
async fn half_of_the_containers_stay_in_the_choice() {
    let (good, (bad, _), (worse, _)) =
        (Container::named("good").await, moody("bad").await, moody("worse").await);
    let lab = Lab::new(&[table(1, &[&good, &bad, &worse])]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let mut failed = 0;
    for _ in 0..100 {
        failed += usize::from(client.ask(post()).await.status == StatusCode::BAD_GATEWAY);
    }
    assert!(failed > 25, "one of three is left out, not two: {failed}");
}

#[tokio::test]
async fn a_container_that_joins_others_begins_slowly() {
    let (old, new) = (Container::named("old").await, Container::named("new").await);
    let slow = |revision, containers: &[&Container]| {
        let mut table = shop(revision, &[(1, 100)], &[(1, containers)]);
        table.traffic.slow_start = Some(Span::secs(3));
        table
    };
    let mut lab = Lab::new(&[slow(1, &[&old])]).await;
    let began = Instant::now();
    until("the first is an old one", || began.elapsed() > Duration::from_millis(3_100)).await;
    lab.control.replace(&slow(2, &[&old, &new])).await;
    let mut client = Client::connect(lab.edge.http).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(600) {
        client.ask(request(HOST, "/")).await;
    }
    let share = new.requests() as f64 / (new.requests() + old.requests()) as f64;
    assert!(share > 0.0 && share < 0.3, "{share}");
    until("it has as much as the other", || began.elapsed() > Duration::from_millis(5_100)).await;
    let before = (old.requests(), new.requests());
    for _ in 0..200 {
        client.ask(request(HOST, "/")).await;
    }
    let (more_old, more_new) = (old.requests() - before.0, new.requests() - before.1);
    assert!(more_new > 60 && more_old > 60, "{more_old} {more_new}");
}
