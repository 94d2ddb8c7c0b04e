//! Events, by the stream and by callbacks.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use launcher_scheduler::marathon::{Config, Login};
use launcher_scheduler::{Change, Placement, Scheduler};
use secrecy::SecretString;
use serde_json::json;

use crate::master::{Master, Reply, Seen, config, driver, info, nothing};
use crate::world::{placement, shop, world};

const PATIENCE: Duration = Duration::from_secs(20);

async fn until(changes: &mut BoxStream<'static, Change>, wanted: impl Fn(&Change) -> bool) {
    let found = async { while !wanted(&changes.next().await.expect("it never ends")) {} };
    tokio::time::timeout(PATIENCE, found).await.expect("nothing of that kind is told");
}

fn is_shop(change: &Change) -> bool {
    *change == Change::Service(shop())
}

/// `status_update_event` of an app's task.
fn update(app: &str, task: &str, status: &str) -> String {
    json!({ "eventType": "status_update_event", "appId": app, "taskId": task, "taskStatus": status })
        .to_string()
}

#[tokio::test]
async fn a_stream_that_comes_in_pieces_is_understood() {
    for version in ["0.10.1", "1.9.73"] {
        let (master, world) = world(version).await;
        let engine = master.driver();
        engine.ensure(&placement(2)).await.unwrap();
        let mut changes = engine.watch();
        until(&mut changes, |change| *change == Change::Everything).await;
        let before = engine.observe(None).await.unwrap();
        world.lock().unwrap().replace(&before[0].id);
        let name = if version.starts_with('0') { "" } else { "event: status_update_event\r\n" };
        let data = update("/launcher-test/shop/v1", &before[0].id, "TASK_FAILED");
        let (left, right) = data.split_at(20);
        // A heartbeat whose two bytes come apart, a line end that does, and an event in three pieces.
        for piece in ["\r", "\n", &format!("{name}data: {left}"), right, "\r", "\n\r", "\n"] {
            world.lock().unwrap().send(piece);
            tokio::task::yield_now().await;
        }
        let ended = Change::Ended { service: shop(), container: before[0].id.clone() };
        until(&mut changes, |change| *change == ended).await;
        until(&mut changes, is_shop).await;
        let after = engine.observe(None).await.unwrap();
        assert_ne!(after[0].id, before[0].id);
    }
}

#[tokio::test]
async fn the_stream_is_asked_for_as_marathon_takes_it() {
    for (version, expected) in [("0.9.2", false), ("1.9.73", true)] {
        let (master, _world) = world(version).await;
        let mut changes = master.driver().watch();
        until(&mut changes, |change| *change == Change::Everything).await;
        let asked: Vec<_> =
            master.seen().into_iter().filter(|seen| seen.path() == "/v2/events").collect();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].headers["accept"], "text/event-stream");
        assert_eq!(asked[0].target.contains("event_type=status_update_event"), expected);
        assert_eq!(asked[0].target.contains("plan-format=light"), expected);
        let stream = master.seen().iter().position(|seen| seen.path() == "/v2/events").unwrap();
        let look = master.seen().iter().position(|seen| seen.path() == "/v2/apps").unwrap();
        assert!(stream < look, "what happens in between would be missed");
    }
}

#[tokio::test]
async fn a_leader_that_is_lost_is_told_and_the_next_one_is_listened_to() {
    let (master, world) = world("1.9.73").await;
    let engine = master.driver();
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    world.lock().unwrap().streams.clear();
    until(&mut changes, |change| matches!(change, Change::Lost { .. })).await;
    until(&mut changes, |change| *change == Change::Everything).await;
    engine.ensure(&placement(1)).await.unwrap();
    until(&mut changes, is_shop).await;
    // Who begins to listen now is told at once where things stand.
    let mut late = engine.watch();
    until(&mut late, |change| *change == Change::Everything).await;
    assert_eq!(world.lock().unwrap().streams.len(), 1, "one stream serves all");
}

#[tokio::test]
async fn events_of_others_are_no_reason_to_look_and_answers_come_from_what_is_known() {
    let (master, world) = world("1.9.73").await;
    let engine = master.driver();
    engine.ensure(&placement(2)).await.unwrap();
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    let known = engine.observe(None).await.unwrap();
    let calls = master.seen().len();
    for _ in 0..50 {
        let data = update("/other/app", "other_app.1", "TASK_FAILED");
        world.lock().unwrap().send(&format!("event: status_update_event\r\ndata: {data}\r\n\r\n"));
        assert_eq!(engine.observe(Some(&shop())).await.unwrap(), known);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(master.seen().len() <= calls + 2, "{:?}", &master.seen()[calls..]);
}

#[tokio::test]
async fn a_change_of_one_s_own_is_seen_while_events_are_followed() {
    let (master, _world) = world("1.9.73").await;
    let engine = master.driver();
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    engine.ensure(&placement(2)).await.unwrap();
    let two = engine.observe(None).await.unwrap();
    assert_eq!(two.len(), 2);
    let released: BTreeSet<_> = [two[1].id.clone()].into();
    engine.ensure(&Placement { released, ..placement(1) }).await.unwrap();
    assert_eq!(engine.observe(None).await.unwrap().len(), 1);
    until(&mut changes, is_shop).await;
}

#[tokio::test]
async fn a_standby_that_sends_the_stream_to_the_leader_is_followed_with_the_login() {
    let (leader, _world) = world("1.9.73").await;
    let to = leader.url();
    let standby = Master::start(move |seen| match seen.path() {
        "/v2/events" => Reply::Redirect(302, format!("{to}{}", seen.target)),
        "/v2/info" => Reply::Json(200, info("1.9.73")),
        _ => nothing(seen),
    })
    .await;
    let login = Some(Login::Token(SecretString::from("abc")));
    let engine = driver(Config { login, ..config(&[&standby, &leader]) });
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    let asked = leader.seen();
    assert_eq!(
        (asked[0].path(), asked[0].headers["authorization"].as_str()),
        ("/v2/events", "token=abc")
    );
    assert_eq!(asked[0].headers["accept"], "text/event-stream");
}

#[tokio::test]
async fn a_server_without_a_stream_is_told_where_to_send_events() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base = format!("http://127.0.0.1:{port}");
    let stale = format!("{base}/marathon-events/of-one-that-was-killed");
    let (inner, world) = world("0.8.2").await;
    let to = inner.url();
    let listed = json!({ "callbackUrls": [stale, "http://10.0.0.9:1/others"] });
    let master = Master::start(move |seen: &Seen| match (seen.method.as_str(), seen.path()) {
        ("GET", "/v2/eventSubscriptions") => Reply::Json(200, listed.clone()),
        (_, "/v2/eventSubscriptions") => {
            Reply::Json(200, json!({ "eventType": "subscribe_event" }))
        }
        _ => Reply::Redirect(307, format!("{to}{}", seen.target)),
    })
    .await;
    let engine = driver(Config { callback: Some(base.clone()), ..config(&[&master]) });
    engine.ensure(&placement(1)).await.unwrap();
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;

    let subscriptions = || -> Vec<(String, String)> {
        let seen = master.seen().into_iter().filter(|seen| seen.method != "GET");
        let seen = seen.filter(|seen| seen.path() == "/v2/eventSubscriptions");
        seen.map(|seen| {
            let url = reqwest::Url::parse(&format!("http://x{}", seen.target)).unwrap();
            (seen.method, url.query_pairs().next().unwrap().1.into_owned())
        })
        .collect()
    };
    let told = subscriptions();
    assert_eq!(told[0], ("DELETE".to_owned(), stale), "the one of the others is left alone");
    let (method, url) = told[1].clone();
    assert_eq!((method.as_str(), told.len()), ("POST", 2));

    let send = async |url: &str, body: String| {
        reqwest::Client::new().post(url).body(body).send().await.unwrap().status().as_u16()
    };
    let task = engine.observe(None).await.unwrap().remove(0).id;
    let event = update("/launcher-test/shop/v1", &task, "TASK_FAILED");
    assert_eq!(send(&format!("{base}/marathon-events/guessed"), event.clone()).await, 404);
    assert_eq!(send(&url, "nonsense".to_owned()).await, 400);
    // A made-up end: it is looked, and nothing is told.
    assert_eq!(send(&url, event.clone()).await, 200);
    assert_eq!(send(&url, event.clone()).await, 200);
    world.lock().unwrap().replace(&task);
    assert_eq!(send(&url, event).await, 200);
    let first = tokio::time::timeout(PATIENCE, changes.next()).await.unwrap().unwrap();
    assert_eq!(first, Change::Service(shop()));

    drop(changes);
    let over = async {
        while subscriptions().last().unwrap() != &("DELETE".to_owned(), url.clone()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, over).await.expect("the subscription is left behind");
}
