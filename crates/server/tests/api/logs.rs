//! The log of an environment: as events and as lines of JSON, and gone on with.

use axum::body::Body;
use axum::http::header;
use launcher_scheduler::fake::Script;
use serde_json::Value;

use crate::world::{Answer, World};

const LOGS: &str = "/api/v1/services/shop/versions/1/logs";

async fn world() -> World {
    let world = World::new().await;
    let shop = world.service("shop").await;
    world.script(&shop, "1", Script::new().prints("one").prints("two").prints("three"));
    world.ready(&shop, "1").await;
    world
}

async fn ask(world: &World, query: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = world.request("GET", &format!("{LOGS}{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

/// What comes as lines of JSON.
async fn lines(world: &World, query: &str, headers: &[(&str, &str)]) -> Vec<Value> {
    let accept = (header::ACCEPT.as_str(), "application/x-ndjson");
    let answer = ask(world, query, &[&[accept], headers].concat()).await.is(200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn texts(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["text"].as_str()).collect()
}

#[tokio::test]
async fn it_comes_as_events_with_where_to_go_on() {
    let world = world().await;
    let answer = ask(&world, "?slot=1", &[]).await.is(200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = answer.text();
    let events: Vec<&str> = text.split("\n\n").filter(|event| !event.is_empty()).collect();
    assert_eq!(events.len(), 4, "{text}");
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().to_owned()
    };
    assert_eq!(field(events[3], "event:"), "end");
    let line: Value = serde_json::from_str(&field(events[1], "data:")).unwrap();
    assert_eq!((&line["text"], &line["stream"]), (&"two".into(), &"stdout".into()));
    let id = line["id"].as_str().unwrap();
    assert!(id.starts_with(line["short"].as_str().unwrap()) && line["slot"] == 1, "{line}");

    let last = field(events[1], "id:");
    let rest = lines(&world, "?slot=1&tail=1", &[("last-event-id", &last)]).await;
    assert_eq!(texts(&rest), ["three"]);
    let last = rest[0]["position"].as_str().unwrap();
    assert_eq!(texts(&lines(&world, "?slot=1", &[("last-event-id", last)]).await), [""; 0]);
}

#[tokio::test]
async fn parts_of_it_can_be_asked_for() {
    let world = world().await;
    assert_eq!(texts(&lines(&world, "", &[]).await).len(), 3);
    assert_eq!(texts(&lines(&world, "?slot=1&tail=2", &[]).await), ["two", "three"]);
    assert_eq!(texts(&lines(&world, "?slot=1&since=1h&tail=all", &[]).await).len(), 3);
    assert_eq!(texts(&lines(&world, "?since=2090-01-01T00:00:00Z", &[]).await).len(), 0);
    let all = lines(&world, "?slot=1", &[]).await;
    let short = all[0]["short"].as_str().unwrap();
    let one = lines(&world, &format!("?container={short}"), &[]).await;
    assert_eq!(texts(&one), ["one", "two", "three"]);
    assert_eq!(one.last().unwrap()["event"], "end");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = world().await;
    for query in ["?since=yesterday", "?tail=-1", "?tail=many", "?tail=10001"] {
        ask(&world, query, &[]).await.tells(422, "invalid");
    }
    ask(&world, "", &[("last-event-id", "7")]).await.tells(422, "invalid");
    ask(&world, "?container=nobody", &[]).await.tells(409, "refused");
    ask(&world, "?slot=9", &[]).await.tells(409, "refused");
}

#[tokio::test]
async fn what_is_sought_is_told_alone_and_counted() {
    let world = world().await;
    let found = |query: &'static str| {
        let world = &world;
        async move {
            let lines = lines(world, query, &[]).await;
            texts(&lines).into_iter().map(str::to_owned).collect::<Vec<_>>()
        }
    };
    assert_eq!(found("?find=T").await, ["two", "three"]);
    assert_eq!(found("?find=t&tail=1").await, ["three"]);
    assert_eq!(found("?find=o&tail=1").await, ["two"], "the last that is sought, not the last");
    assert_eq!(found("?find=").await, ["one", "two", "three"]);
    assert!(found("?find=four").await.is_empty());

    // What comes is sifted as what was, and one goes on behind what was told.
    let all = lines(&world, "?find=one", &[]).await;
    let last = all[0]["position"].as_str().unwrap();
    let rest = lines(&world, "?find=E&tail=all", &[("last-event-id", last)]).await;
    assert_eq!(texts(&rest), ["three"]);
}
