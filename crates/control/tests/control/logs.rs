//! An environment's log: over all its containers, followed, and gone on with.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use launcher_control::{Entry, Error, LogQuery, MOST_TAIL, Told};
use launcher_model::environment::EnvironmentState::{Failed, Ready, Stopped};
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::fake::{Script, Verb};

use crate::edge::Edge;
use crate::world::{World, eventually};

/// A ready environment of two containers, each of which has printed `up`.
async fn shop() -> (World, Edge, ServiceName, VersionNumber) {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    world.script(&shop, "1", Script::new().prints("up"));
    let number = world.launch(&shop, "1").await;
    world.reaches(&shop, number, Ready).await;
    (world, edge, shop, number)
}

async fn open(
    world: &World,
    shop: &ServiceName,
    number: VersionNumber,
    query: LogQuery,
) -> launcher_control::Result<BoxStream<'static, Told>> {
    let shop = shop.clone();
    world.ask(move |control| async move { control.logs(&shop, number, query).await }).await
}

fn following() -> LogQuery {
    LogQuery { follow: true, ..LogQuery::default() }
}

/// In a word each.
fn word(told: &Told) -> String {
    match &told.entry {
        Entry::Line(_, line) => line.text.clone(),
        Entry::Began(_) => "+".to_owned(),
        Entry::Ended { end, .. } => {
            format!("-{}", end.code.map_or("?".to_owned(), |code| code.to_string()))
        }
        Entry::Note(_) => "note".to_owned(),
        Entry::Trouble(why) => format!("!{why}"),
        Entry::End { over } => format!("end {over}"),
    }
}

async fn all(told: BoxStream<'static, Told>) -> Vec<String> {
    tokio::time::timeout(Duration::from_secs(30), told.map(|told| word(&told)).collect())
        .await
        .unwrap()
}

async fn next(told: &mut BoxStream<'static, Told>) -> Told {
    tokio::time::timeout(Duration::from_secs(30), told.next()).await.unwrap().unwrap()
}

async fn next_is(told: &mut BoxStream<'static, Told>, expected: &[&str]) {
    for expected in expected {
        assert_eq!(word(&next(told).await), *expected);
    }
}

#[tokio::test]
async fn lines_of_all_containers_come_in_order_of_time() {
    let (world, _edge, shop, number) = shop().await;
    let ids = world.running(&shop, number);
    for round in 1..=3 {
        for id in &ids {
            world.fake.print(id, &round.to_string());
        }
    }
    let told = all(open(&world, &shop, number, LogQuery::default()).await.unwrap()).await;
    assert_eq!(told, ["up", "up", "1", "1", "2", "2", "3", "3", "end false"]);
    let tail = LogQuery { tail: Some(3), ..LogQuery::default() };
    let told = all(open(&world, &shop, number, tail).await.unwrap()).await;
    assert_eq!(told, ["2", "3", "3", "end false"]);
    let one = LogQuery { containers: vec![ids[0].clone()], ..LogQuery::default() };
    let told = all(open(&world, &shop, number, one).await.unwrap()).await;
    assert_eq!(told, ["up", "1", "2", "3", "end false"]);
    let second = LogQuery { slot: Some(2), tail: Some(1), ..LogQuery::default() };
    assert_eq!(all(open(&world, &shop, number, second).await.unwrap()).await, ["3", "end false"]);
}

#[tokio::test]
async fn what_cannot_be_told_is_refused() {
    let (world, _edge, shop, number) = shop().await;
    let nobody = LogQuery { containers: vec!["nobody".to_owned()], ..LogQuery::default() };
    let refused = open(&world, &shop, number, nobody).await.err().unwrap();
    assert!(
        matches!(&refused, Error::Refused(why) if why.contains("no such container")),
        "{refused}"
    );
    let much = LogQuery { tail: Some(MOST_TAIL + 1), ..LogQuery::default() };
    assert!(matches!(open(&world, &shop, number, much).await.err(), Some(Error::Invalid(_))));
    let other = open(&world, &shop, VersionNumber(9), LogQuery::default()).await.err();
    assert!(matches!(other, Some(Error::NoVersion(..))));
    world.fake.go_away("it is away");
    let away = open(&world, &shop, number, LogQuery::default()).await.err().unwrap();
    assert!(
        matches!(away, Error::Scheduler(launcher_scheduler::Error::Unreachable { .. })),
        "{away}"
    );
    world.fake.come_back();
}

#[tokio::test]
async fn containers_that_come_and_go_are_followed() {
    let (world, _edge, shop, number) = shop().await;
    let ids = world.running(&shop, number);
    let mut told = open(&world, &shop, number, following()).await.unwrap();
    next_is(&mut told, &["up", "up"]).await;
    world.fake.print(&ids[1], "one more");
    next_is(&mut told, &["one more"]).await;
    world.fake.print(&ids[0], "help");
    world.fake.kill(&ids[0], 7);
    next_is(&mut told, &["help", "-7"]).await;
    next_is(&mut told, &["+", "up"]).await;
    // Nobody asks the engine while nothing happens.
    let asked = world.fake.calls(Verb::Logs);
    world.passes(&shop, 3).await;
    assert_eq!(world.fake.calls(Verb::Logs), asked);

    let name = shop.clone();
    world
        .ask(move |control| async move { control.stop(&name, number, "test").await })
        .await
        .unwrap();
    let mut rest = all(told).await;
    assert_eq!(rest.pop().as_deref(), Some("end true"));
    assert_eq!(rest, ["-143", "-143"]);
    world.reaches(&shop, number, Stopped).await;
}

#[tokio::test]
async fn a_reader_that_comes_back_misses_nothing_and_is_told_nothing_twice() {
    let (world, _edge, shop, number) = shop().await;
    let ids = world.running(&shop, number);
    let mut expected = Vec::new();
    let mut heard = Vec::new();
    let mut after = None;
    for round in 0..30 {
        for id in &ids {
            let line = format!("{round} of {id}");
            world.fake.print(id, &line);
            expected.push(line);
        }
        let query = LogQuery { after: after.clone(), ..following() };
        let mut told = open(&world, &shop, number, query).await.unwrap();
        // It goes away in the middle, wherever that is.
        for _ in 0..(round % 4) {
            if heard.len() == expected.len() + 2 {
                break;
            }
            let entry = next(&mut told).await;
            // One that came behind the first line that was read is told to have come.
            heard.extend(Some(word(&entry)).filter(|word| word != "+"));
            after = Some(entry.position.unwrap().parse().unwrap());
        }
    }
    let rest = LogQuery { after, ..LogQuery::default() };
    let rest = all(open(&world, &shop, number, rest).await.unwrap()).await;
    heard.extend(rest.into_iter().filter(|word| !word.starts_with("end")));
    expected.extend(["up".to_owned(), "up".to_owned()]);
    heard.sort();
    expected.sort();
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn who_comes_back_is_told_of_containers_that_have_come_meanwhile() {
    let (world, _edge, shop, number) = shop().await;
    let ids = world.running(&shop, number);
    let mut told = open(&world, &shop, number, following()).await.unwrap();
    next_is(&mut told, &["up", "up"]).await;
    world.fake.print(&ids[1], "one more");
    let last = next(&mut told).await;
    assert_eq!(word(&last), "one more");
    drop(told);
    world.fake.kill(&ids[0], 7);
    eventually("another one has come", async || {
        let now = world.running(&shop, number);
        now.len() == 2 && !now.contains(&ids[0])
    })
    .await;
    let after = Some(last.position.unwrap().parse().unwrap());
    let mut told = open(&world, &shop, number, LogQuery { after, ..following() }).await.unwrap();
    let mut heard = Vec::new();
    let mut position = None;
    while heard.iter().all(|word| word != "up") {
        let entry = next(&mut told).await;
        heard.push(word(&entry));
        position = entry.position.or(position);
    }
    heard.retain(|word| word != "-7");
    assert_eq!(heard, ["+", "up"]);
    // Once is enough.
    let after = Some(position.unwrap().parse().unwrap());
    let mut told = open(&world, &shop, number, LogQuery { after, ..following() }).await.unwrap();
    world.fake.print(&ids[1], "the last");
    let mut heard = Vec::new();
    while heard.last().is_none_or(|word| word != "the last") {
        heard.push(word(&next(&mut told).await));
    }
    heard.retain(|word| word != "-7");
    assert_eq!(heard, ["the last"]);
}

#[tokio::test]
async fn a_log_that_was_damaged_on_the_disk_is_told() {
    let (world, _edge, shop, number) = shop().await;
    let id = "0f3cba2e91d7aa0f3cba2e91d7aa";
    let folder = world.logs().join(format!("{shop}/{number}"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{id}.log")), "half of it").unwrap();
    let told = all(open(&world, &shop, number, LogQuery::default()).await.unwrap()).await;
    assert_eq!(told[1..], ["up", "up", "end false"]);
    assert!(told[0].starts_with("!the log of container 0f3cba2e91d7 "), "{told:?}");
    assert!(told[0].contains("is damaged"), "{told:?}");
    // Not to whom asks for another one, and to whom asks for that one.
    let one = |id: &str| LogQuery { containers: vec![id.to_owned()], ..LogQuery::default() };
    let first = &world.running(&shop, number)[0];
    let told = all(open(&world, &shop, number, one(first)).await.unwrap()).await;
    assert_eq!(told, ["up", "end false"]);
    let told = all(open(&world, &shop, number, one("0f3c")).await.unwrap()).await;
    assert_eq!((told.len(), told[0].contains("is damaged")), (2, true));
}

#[tokio::test]
async fn an_engine_that_was_away_is_gone_on_with() {
    let (world, _edge, shop, number) = shop().await;
    let ids = world.running(&shop, number);
    let mut told = open(&world, &shop, number, following()).await.unwrap();
    next_is(&mut told, &["up", "up"]).await;
    world.fake.go_away("it is away");
    world.fake.come_back();
    world.fake.print(&ids[0], "still here");
    next_is(&mut told, &["still here"]).await;
}

#[tokio::test]
async fn one_that_has_failed_tells_why() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    world
        .service("shop", |spec| spec.health.start_period = launcher_model::Span::millis(300))
        .await;
    let script = Script::new().prints("out of luck").exits(Duration::ZERO, 3);
    world.script(&shop, "bad", script);
    let number = world.launch(&shop, "bad").await;
    world.reaches(&shop, number, Failed).await;
    eventually("its containers are stopped", async || world.running(&shop, number).is_empty())
        .await;
    let told = all(open(&world, &shop, number, following()).await.unwrap()).await;
    assert!(
        told.contains(&"out of luck".to_owned()) && told.contains(&"-3".to_owned()),
        "{told:?}"
    );
    assert_eq!(told.last().map(String::as_str), Some("end true"));
}
