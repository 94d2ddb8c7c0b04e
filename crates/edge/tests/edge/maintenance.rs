//! Services that are closed to their users.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::support::*;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use http_body_util::Empty;
use launcher_edge::Limits;
use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_edge::table::{Maintenance, ServiceTable};
use launcher_model::ServiceName;
use tokio_tungstenite::tungstenite::Message;

const PAGE: &str = "<!doctype html><title>Shop</title><p>Zur\u{fc}ck um 9.";

fn closed(table: ServiceTable, page: Option<&str>) -> ServiceTable {
    let mut table = table;
    table.rules.maintenance =
        Some(Maintenance { page: page.map(str::to_owned), retry_after_s: Some(600) });
    table
}

fn with(path: &str, fields: &[(&'static str, &str)]) -> Request<Empty<Bytes>> {
    let mut asking = request(HOST, path);
    for (name, value) in fields {
        asking.headers_mut().insert(*name, value.parse().unwrap());
    }
    asking
}

#[tokio::test]
async fn production_is_answered_with_the_teams_page() {
    let v1 = Container::named("one").await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let mut client = Client::connect(lab.edge.http).await;
    assert_eq!(client.ask(request(HOST, "/")).await.body, "one");
    lab.control.replace(&closed(shop(2, &[(1, 100)], pools), Some(PAGE))).await;

    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    for takes in [None, Some("*/*"), Some("text/*"), Some("TEXT/HTML"), Some(browser)] {
        let fields: Vec<_> = takes.map(|takes| ("accept", takes)).into_iter().collect();
        let answer = client.ask(with("/cart?a=b", &fields)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (503, PAGE), "{takes:?}");
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8", "{takes:?}");
        assert_eq!(answer.headers["retry-after"], "600");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let answer = client.ask(with("/", &[("accept", "application/json")])).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["retry-after"]),
        (503, &"600".parse().unwrap())
    );
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert!(answer.body.contains("Service shop is being maintained."), "{answer:?}");
    let mut head = request(HOST, "/");
    *head.method_mut() = http::Method::HEAD;
    let answer = client.ask(head).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (503, ""));
    assert_eq!(v1.requests(), 1, "none of these came to a container");

    // Without a page of the team's own there is a plain one, for those who ask for it.
    lab.control.replace(&closed(shop(3, &[(1, 100)], pools), None)).await;
    let answer = client.ask(with("/", &[("accept", "text/html")])).await;
    assert!(answer.body.contains("<p>Service shop is being maintained."), "{answer:?}");
    // Nothing has to be live for that.
    lab.control.replace(&closed(shop(4, &[], pools), Some(PAGE))).await;
    assert_eq!(client.ask(request(HOST, "/")).await.body, PAGE);

    lab.control.replace(&shop(5, &[(1, 100)], pools)).await;
    assert_eq!(client.ask(request(HOST, "/")).await.body, "one", "over the same connection");
}

#[tokio::test]
async fn the_team_passes_by_previews_links_cookies_and_headers() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let both: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let one: &[(u32, &[&Container])] = &[(1, &[&v1])];
    // Also where there is but one version, which nobody has to try while the service is open.
    for pools in [both, one] {
        let lab = Lab::new(&[closed(shop(1, &[(1, 100)], pools), Some(PAGE))]).await;
        let preview = get(lab.edge.http, "v1.shop.preview.test", "/").await;
        assert_eq!(preview.body, "one");
        let mut client = Client::connect(lab.edge.http).await;
        let link = client.ask(request(HOST, "/cart?launcher-try=v1.t1")).await;
        assert_eq!(
            (link.status.as_u16(), &link.headers["location"]),
            (302, &"/cart".parse().unwrap())
        );
        let cookie = link.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
        assert_eq!(client.ask(with("/cart", &[("cookie", cookie)])).await.body, "one");
        assert_eq!(client.ask(with("/", &[("launcher-try", "v1.t1")])).await.body, "one");
        // The cookie that keeps users on a version is no way in, nor is a wrong one.
        for (name, value) in [
            ("cookie", "launcher-version-shop=v1.s1"),
            ("cookie", "launcher-try-shop=v1.s1"),
            ("launcher-try", "v9.t9"),
        ] {
            assert_eq!(client.ask(with("/", &[(name, value)])).await.body, PAGE, "{value}");
        }
    }
}

#[tokio::test]
async fn what_is_under_way_goes_on() {
    let slow = Container::serve("slow", |_| async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        text("slow")
    })
    .await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&slow])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let mut client = Client::connect(lab.edge.http).await;
    let asking = tokio::spawn(async move { (client.ask(request(HOST, "/")).await, client) });
    until("the request being at the container", || slow.requests() == 1).await;
    lab.control.replace(&closed(shop(2, &[(1, 100)], pools), Some(PAGE))).await;
    let (answer, mut client) = soon("an answer", asking).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "slow"));
    assert_eq!(client.ask(request(HOST, "/")).await.body, PAGE);

    let echo = websocket_echo().await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&echo])];
    let mut table = shop(3, &[(1, 100)], pools);
    table.pools.values_mut().for_each(|pool| pool.health.tcp = true);
    lab.control.replace(&table).await;
    let mut socket = websocket(lab.edge.http).await;
    table.revision = 4;
    lab.control.replace(&closed(table, Some(PAGE))).await;
    socket.send(Message::text("still here")).await.unwrap();
    let echoed = soon("an echo", socket.next()).await.unwrap().unwrap();
    assert_eq!(echoed.into_text().unwrap(), "still here");
    let stream = tokio::net::TcpStream::connect(lab.edge.http).await.unwrap();
    let refused = tokio_tungstenite::client_async(format!("ws://{HOST}/"), stream).await;
    assert!(refused.is_err(), "a new one is not opened");
}

#[tokio::test]
async fn a_switch_leaves_it_on_and_a_restart_too() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[closed(shop(1, &[(1, 100)], pools), Some(PAGE))]).await;
    lab.control.switch(7, &closed(shop(2, &[(2, 100)], pools), Some(PAGE))).await;
    assert_eq!(lab.get("/").await.body, PAGE);
    let mut client = Client::connect(lab.edge.http).await;
    assert_eq!(client.ask(with("/", &[("launcher-try", "v2.t2")])).await.body, "two");
    drop(client);

    // It comes up without a control plane, from its disk.
    let Lab { edge, control, listener, dir } = lab;
    drop((control, listener));
    edge.stop().await;
    let edge = Edge::start(dir.path(), Limits::default());
    soon("the page", async {
        while get(edge.http, HOST, "/").await.body != PAGE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!((v1.requests(), v2.requests()), (0, 1));
    edge.stop().await;
}

#[tokio::test]
async fn a_hold_keeps_the_team_waiting_and_users_get_the_page() {
    let v1 = Container::named("one").await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let service = || ServiceName::new("shop").unwrap();
    lab.control.say(ToEdge::Hold { service: service(), within_ms: 10_000 }).await;
    assert!(matches!(lab.control.hear().await, FromEdge::Held { outcome: Ok(true), .. }));
    let http = lab.edge.http;
    let ask = |fields: &'static [(&'static str, &'static str)]| {
        tokio::spawn(async move { Client::connect(http).await.ask(with("/", fields)).await.body })
    };
    let before = ask(&[]);
    // That it has come cannot be seen from outside: it has when it waits.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!before.is_finished(), "it waits");
    lab.control.replace(&closed(shop(2, &[(1, 100)], pools), Some(PAGE))).await;
    assert_eq!(lab.get("/").await.body, PAGE, "users who come now do not wait");
    let team = ask(&[("launcher-try", "v1.t1")]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!team.is_finished() && !before.is_finished(), "they wait");
    lab.control.say(ToEdge::Release { service: service() }).await;
    let FromEdge::Released { outcome, .. } = lab.control.hear().await else { panic!("released") };
    assert_eq!((outcome.requests, outcome.lapsed), (2, false));
    assert_eq!(soon("an answer", before).await.unwrap(), PAGE);
    assert_eq!(soon("an answer", team).await.unwrap(), "one");
    assert_eq!(v1.requests(), 1);
}

/// Requests that begin after the edge has acknowledged reach no container, and none before that fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_reaches_a_container_once_it_is_acknowledged() {
    let v1 = Container::named("one").await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let http = lab.edge.http;
    let users: Vec<_> = (0..8)
        .map(|_| {
            let answered = answered.clone();
            tokio::spawn(async move {
                let mut client = Client::connect(http).await;
                loop {
                    let answer = client.ask(request(HOST, "/")).await;
                    let known = matches!(
                        (answer.status.as_u16(), &*answer.body),
                        (200, "one") | (503, PAGE)
                    );
                    assert!(known, "{answer:?}");
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let more = async |than: usize| {
        until("more answers", || answered.load(Ordering::SeqCst) >= than + 50).await;
    };
    for round in 1..=20 {
        more(answered.load(Ordering::SeqCst)).await;
        lab.control.replace(&closed(shop(2 * round, &[(1, 100)], pools), Some(PAGE))).await;
        // What was in flight ends: at most one request of each connection.
        more(answered.load(Ordering::SeqCst)).await;
        let before = v1.requests();
        more(answered.load(Ordering::SeqCst)).await;
        assert_eq!(v1.requests(), before, "round {round}");
        lab.control.replace(&shop(2 * round + 1, &[(1, 100)], pools)).await;
    }
    for user in users {
        assert!(!user.is_finished(), "no request fails, and no connection is closed");
        user.abort();
    }
}
