//! Events as a stream: each once and in order, from where a reader left off.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, header};
use futures_util::StreamExt;
use launcher_model::ServiceName;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::role::Role;
use serde_json::Value;

use crate::world::World;

/// A reader of a stream.
struct Reader {
    body: BodyDataStream,
    rest: String,
}

/// An event as it was read.
#[derive(Debug)]
struct Read {
    id: i64,
    name: String,
    data: Value,
}

impl Reader {
    async fn open(world: &World, query: &str, last: Option<i64>) -> Self {
        let mut request = world
            .request("GET", &format!("/api/v1/events{query}"))
            .header(header::ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = world.response(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), rest: String::new() }
    }

    async fn next(&mut self) -> Read {
        loop {
            if let Some((event, rest)) = self.rest.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_else(|| panic!("no {name} in {event}")).trim().to_owned()
                };
                let read = Read {
                    id: field("id:").parse().unwrap(),
                    name: field("event:"),
                    data: serde_json::from_str(&field("data:")).unwrap(),
                };
                self.rest = rest.to_owned();
                return read;
            }
            let more = tokio::time::timeout(Duration::from_secs(20), self.body.next()).await;
            let more = more.expect("an event in time").expect("no end").unwrap();
            self.rest.push_str(std::str::from_utf8(&more).unwrap());
        }
    }

    async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            texts.push(self.next().await.data["text"].as_str().unwrap().to_owned());
        }
        texts
    }
}

/// Records events with these texts.
async fn record(world: &World, service: Option<&ServiceName>, texts: &[String]) {
    let events = texts.iter().map(|text| {
        let event = NewEvent::new(EventKind::ContainerLost, text);
        match service {
            Some(service) => event.service(service),
            None => event,
        }
    });
    world.app.store.record(&events.collect::<Vec<_>>(), world.app.now()).await.unwrap();
}

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("number {i}")).collect()
}

#[tokio::test]
async fn a_stream_begins_now_and_tells_each_in_order() {
    let world = World::without_edge().await;
    record(&world, None, &numbered(0..5)).await;
    for round in 0..20 {
        let mut reader = Reader::open(&world, "", None).await;
        // From the moment of its answer on nothing is missed.
        record(&world, None, &numbered(round..round + 3)).await;
        let read = reader.next().await;
        assert_eq!(
            (read.name.as_str(), &read.data["text"]),
            ("container_lost", &format!("number {round}").into())
        );
        assert_eq!(read.data["id"], read.id);
        assert_eq!(reader.texts(2).await, numbered(round + 1..round + 3));
    }
}

#[tokio::test]
async fn a_reader_resumes_behind_what_it_saw_last() {
    let world = World::without_edge().await;
    record(&world, None, &numbered(0..1000)).await;
    let mut reader = Reader::open(&world, "?after=0", None).await;
    let mut seen = Vec::new();
    let mut last = 0;
    while !seen.contains(&"number 500".to_owned()) {
        let read = reader.next().await;
        assert!(read.id > last);
        last = read.id;
        seen.push(read.data["text"].as_str().unwrap().to_owned());
    }
    drop(reader);
    record(&world, None, &numbered(1000..1010)).await;
    // The header of a browser that connects anew counts more than the address that it was given.
    let mut reader = Reader::open(&world, "?after=0", Some(last)).await;
    assert_eq!(reader.texts(509).await, numbered(501..1010));
    let mut reader = Reader::open(&world, &format!("?after={last}"), None).await;
    assert_eq!(reader.texts(509).await, numbered(501..1010));
}

#[tokio::test]
async fn a_slow_reader_loses_nothing() {
    let world = World::without_edge().await;
    record(&world, None, &numbered(0..1)).await;
    for query in ["", "?after=0"] {
        let before: i64 =
            world.get("/api/v1/events?limit=1").await.json()["items"][0]["id"].as_i64().unwrap();
        let mut reader = Reader::open(&world, query, None).await;
        // More than a watcher may lag behind.
        for part in 0..30 {
            record(&world, None, &numbered(part * 100..(part + 1) * 100)).await;
        }
        let mut read = reader.next().await;
        while read.id <= before {
            read = reader.next().await;
        }
        assert_eq!(read.data["text"], "number 0");
        assert_eq!(reader.texts(2999).await, numbered(1..3000), "{query:?}");
    }
}

#[tokio::test]
async fn a_stream_may_be_of_one_service() {
    let world = World::without_edge().await;
    let (shop, blog) = (world.service("shop").await, world.service("blog").await);
    let mut live = Reader::open(&world, "?service=shop", None).await;
    for i in 0..50 {
        record(&world, Some(&blog), &[format!("blog {i}")]).await;
        record(&world, Some(&shop), &numbered(i..i + 1)).await;
        record(&world, None, &[format!("nobody {i}")]).await;
    }
    assert_eq!(live.texts(50).await, numbered(0..50));
    let mut again = Reader::open(&world, "?service=shop&after=0", None).await;
    assert!(again.next().await.data["text"].as_str().unwrap().contains("shop"));
    assert_eq!(again.texts(50).await, numbered(0..50));
}

#[tokio::test]
async fn events_are_narrowed_to_kinds_to_who_did_it_and_to_a_span() {
    let world = World::without_edge().await;
    let shop = world.service("shop").await;
    let event = |kind, by: &str| NewEvent::new(kind, "it happened").service(&shop).by(by);
    let both = [event(EventKind::BuildFailed, "kim"), event(EventKind::BuildPassed, "mika")];
    world.app.store.record(&both, world.app.now()).await.unwrap();
    let number = async |query: &str| {
        let page = world.get(&format!("/api/v1/events?{query}")).await.is(200).json();
        page["items"].as_array().unwrap().len()
    };
    for (query, wanted) in [
        ("kind=build", 2),
        ("kind=build_failed", 1),
        ("kind=build_failed,service_created", 2),
        ("kind=build&who=mika", 1),
        ("kind=build&from=-1h&to=now", 2),
        ("kind=build&to=2001-01-01", 0),
        ("kind=build&after=0", 2),
    ] {
        assert_eq!(number(query).await, wanted, "{query}");
    }
    for (query, told) in [
        ("kind=deploy", "no kind of event"),
        ("from=soon", "no time"),
        ("from=now&to=-1h", "from is after to"),
    ] {
        let refused = world.get(&format!("/api/v1/events?{query}")).await.is(422).text();
        assert!(refused.contains(told), "{query}: {refused}");
    }
    let mut reader = Reader::open(&world, "?kind=build_failed&after=0", None).await;
    assert_eq!(reader.next().await.name, "build_failed");
    let again = [event(EventKind::BuildPassed, "kim"), event(EventKind::BuildFailed, "mika")];
    world.app.store.record(&again, world.app.now()).await.unwrap();
    let next = reader.next().await;
    assert_eq!((next.name.as_str(), &next.data["by"]), ("build_failed", &"mika".into()));
}

#[tokio::test]
async fn all_events_are_a_file_in_either_direction() {
    let world = World::without_edge().await;
    // More than are read at once.
    record(&world, None, &numbered(0..1_200)).await;
    let csv = world.get("/api/v1/events?format=csv&kind=container_lost").await.is(200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"events.csv\"");
    let text = csv.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "id,at,kind,service,version,deployment,by,text");
    assert_eq!(lines.len(), 1_201);
    assert!(lines[1].ends_with(",container_lost,,,,,number 1199"), "{}", lines[1]);
    assert!(lines[1_200].ends_with(",number 0"), "{}", lines[1_200]);

    let forwards = "/api/v1/events?format=ndjson&kind=container_lost&after=0";
    let ndjson = world.get(forwards).await.is(200).text();
    let texts: Vec<String> = ndjson
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().into())
        .collect();
    assert_eq!(texts, numbered(0..1_200));

    // Who does not see a service has nothing of it in a file.
    let shop = world.service("shop").await;
    record(&world, Some(&shop), &["of the shop".to_owned()]).await;
    let token = world.token_with("outside", Role::None).await;
    let asked = Request::get("/api/v1/events?format=csv&kind=container_lost")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    let seen = world.send(asked.body(Body::empty()).unwrap()).await.is(200).text();
    assert_eq!(seen.lines().count(), 1, "{seen}");
    world.get("/api/v1/events?format=pdf").await.tells(400, "malformed");
}
