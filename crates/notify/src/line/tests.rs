use std::sync::Arc;

use jiff::Timestamp;
use launcher_model::event::{Event, EventKind};
use launcher_model::route::Deployment;
use launcher_model::{DeploymentId, ServiceName, VersionNumber};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn links() -> Links {
    let preview = |service: &ServiceName, version: VersionNumber| {
        format!("http://{version}.{service}.localhost:8080")
    };
    Links::new("https://launcher.example.com/", Arc::new(preview))
}

fn event(kind: EventKind, text: &str) -> Event {
    Event {
        id: 5,
        at: Timestamp::UNIX_EPOCH,
        kind,
        service: Some(ServiceName::new("shop").unwrap()),
        version: Some(VersionNumber(42)),
        deployment: None,
        by: Some("alice".to_owned()),
        text: text.to_owned(),
    }
}

fn receipt() -> Value {
    let edge = |name| json!({ "edge": name, "prepare_us": 1, "commit_us": 1, "checked": 2 });
    json!({
        "switch_us": 4_120, "start_ms": 0, "skew_us": 3, "in_flight_requests": 12,
        "in_flight_connections": 0, "drained": 12, "failed": 0, "cut": 0, "superseded": false,
        "drain_ms": 800, "edges": [edge("north"), edge("south")],
    })
}

/// A deployment of v42 in the place of v41, with something else than that.
fn deployment(changes: Value) -> Deployment {
    let mut whole = json!({
        "id": 17, "service": "shop", "kind": "deploy", "state": "done", "from": { "41": 100 },
        "to": { "42": 100 }, "generation": 9, "by": "alice", "created_at": "2026-11-24T11:00:00Z",
        "receipt": receipt(),
    });
    let Value::Object(changes) = changes else { panic!() };
    for (name, value) in changes {
        whole[&name] = value;
    }
    serde_json::from_value(whole).unwrap()
}

fn told(kind: EventKind, changes: Value) -> String {
    let mut event = event(kind, "the event's own sentence");
    event.deployment = Some(DeploymentId(17));
    let news = News { event, deployment: Some(deployment(changes)), version: None };
    let line = Line::of(&news, &links());
    assert_eq!(line.link, "https://launcher.example.com/services/shop#d-17");
    line.text
}

#[test]
fn a_deployment_is_told_with_its_receipt() {
    use EventKind::DeploymentLive as Live;
    assert_eq!(
        told(Live, json!({})),
        "alice deployed shop v42 (was v41): live on 2 edges in 4.1 ms, 12 requests in flight: 12 drained, 0 failed"
    );
    let rollback = json!({ "kind": "rollback", "from": { "42": 100 }, "to": { "41": 100 }, "state": "draining" });
    assert_eq!(
        told(Live, rollback),
        "alice rolled shop back to v41 (was v42): live on 2 edges in 4.1 ms, 12 requests still in flight"
    );
    let mut quiet = receipt();
    quiet["in_flight_requests"] = json!(0);
    quiet["edges"][1]["fenced"] = json!("it was away");
    quiet["hold"] = json!({ "requests": 3, "longest_us": 5_200, "rested": true, "lapsed": false });
    assert_eq!(
        told(Live, json!({ "automatic": true, "from": {}, "receipt": quiet, "note": "at last" })),
        "shop v42 went live by itself: live on 1 edge in 4.1 ms, not acknowledged by south, \
         3 requests held for at most 5.2 ms, nothing in flight “at last”"
    );
    let shared = json!({ "to": { "41": 90, "42": 10 } });
    assert!(
        told(Live, shared).starts_with("alice shared shop out: v41 90 %, v42 10 % (was v41): ")
    );
    let offline = json!({ "kind": "offline", "to": {} });
    assert!(told(Live, offline).starts_with("alice took shop offline (was v41): "));
}

#[test]
fn what_was_aborted_is_told_with_why() {
    let aborted = json!({ "state": "aborted", "receipt": null, "abort_reason": "north is away" });
    assert_eq!(
        told(EventKind::DeploymentAborted, aborted),
        "the deployment of shop v42, wanted by alice, was aborted, nothing was changed: north is away"
    );
    let rollback =
        json!({ "kind": "rollback", "state": "aborted", "abort_reason": "north is away" });
    assert!(
        told(EventKind::DeploymentAborted, rollback).starts_with("the rollback of shop to v42")
    );
}

#[test]
fn a_long_drain_is_told_for_itself_and_a_short_one_is_not() {
    let mut news = News {
        event: event(EventKind::DeploymentDrained, ""),
        deployment: Some(deployment(json!({}))),
        version: None,
    };
    assert!(news.said_by().is_some());
    let mut long = receipt();
    (long["drain_ms"], long["cut"], long["drained"]) = (json!(60_000), json!(2), json!(10));
    news.deployment = Some(deployment(json!({ "receipt": long })));
    assert!(news.said_by().is_none());
    assert_eq!(
        Line::of(&news, &links()).text,
        "shop: what deployment 17 found in flight is over: 12 requests in flight: 10 drained, 2 cut, 0 failed"
    );
}

#[test]
fn a_drain_that_was_taken_over_is_not_told_as_over() {
    let mut taken = receipt();
    (taken["drained"], taken["superseded"], taken["superseded_by"]) =
        (json!(9), json!(true), json!(18));
    assert_eq!(
        told(EventKind::DeploymentDrained, json!({ "receipt": taken })),
        "shop: what deployment 17 found in flight is drained no more: 12 requests in flight: 9 drained, 0 failed, \
         and 3 went on as deployment 18 took over"
    );
}

#[test]
fn a_deployment_that_drains_is_awaited_for_a_moment() {
    let draining = deployment(json!({ "state": "draining" }));
    let event = event(EventKind::DeploymentLive, "");
    let news = News { event, deployment: Some(draining), version: None };
    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    assert_eq!(news.settles_at(at(1)), Some(at(5)));
    assert_eq!(news.settles_at(at(5)), None);
    let over = News { deployment: Some(deployment(json!({}))), ..news };
    assert_eq!(over.settles_at(at(1)), None);
}

#[test]
fn other_events_say_whose_they_are_and_who_did_it() {
    let line = |kind, text: &str| {
        let news = News { event: event(kind, text), deployment: None, version: None };
        Line::of(&news, &links()).plain()
    };
    assert_eq!(
        line(EventKind::EnvironmentReady, "v42 is ready: 2 containers healthy after 3.1 s"),
        "shop v42 is ready: 2 containers healthy after 3.1 s, by alice — http://v42.shop.localhost:8080"
    );
    assert_eq!(
        line(EventKind::MaintenanceOn, "alice closed shop"),
        "alice closed shop — https://launcher.example.com/services/shop"
    );
    assert_eq!(
        line(EventKind::BuildFailed, "build 7: test failed"),
        "shop: build 7: test failed, by alice — https://launcher.example.com/services/shop"
    );
}

proptest! {
    #[test]
    fn a_line_is_one_and_not_too_long(text in any::<String>()) {
        let news = News { event: event(EventKind::BuildFailed, &text), deployment: None, version: None };
        let line = Line::of(&news, &links());
        prop_assert!(line.text.chars().count() <= LONGEST);
        prop_assert!(!line.text.contains(char::is_control));
    }
}
