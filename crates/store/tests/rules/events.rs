use launcher_model::event::{Event, EventKind, NewEvent};
use launcher_model::{DeploymentId, VersionNumber};
use launcher_store::EventFilter;
use tokio::sync::broadcast::error::TryRecvError;

use crate::support::*;

fn event(name: &str, version: u32, text: &str) -> NewEvent {
    NewEvent::new(EventKind::ContainerLost, text)
        .service(&service(name))
        .version(VersionNumber(version))
        .deployment(DeploymentId(7))
        .by("alice")
}

fn texts(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.text.as_str()).collect()
}

#[tokio::test]
async fn they_are_kept_whole_and_in_order_whatever_the_clock_says() {
    let store = Temporary::open().await;
    for (i, second) in [50, 40, 60, 30].into_iter().enumerate() {
        store.record(&[event("shop", 1, &i.to_string())], at(second)).await.unwrap();
    }
    let all = all_events(&*store).await;
    assert_eq!(texts(&all), ["0", "1", "2", "3"]);
    assert!(all.is_sorted_by_key(|event| event.id));
    let NewEvent { kind, service, version, deployment, by, text } = event("shop", 1, "3");
    let expected =
        Event { id: all[3].id, at: at(30), kind, service, version, deployment, by, text };
    assert_eq!(all[3], expected);
}

#[tokio::test]
async fn they_are_filtered_and_paged_in_both_directions() {
    let store = Temporary::open().await;
    let list = ["shop 1 a", "blog 1 b", "shop 2 c", "shop 1 d", "shop 2 e"].map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        event(word(), word().parse().unwrap(), word())
    });
    store.record(&list, at(0)).await.unwrap();
    let ids: Vec<i64> = all_events(&*store).await.iter().map(|event| event.id).collect();
    let found = async |filter: EventFilter| -> Vec<String> {
        store.events(&filter).await.unwrap().into_iter().map(|event| event.text).collect()
    };
    let shop = EventFilter { service: Some(service("shop")), limit: 2, ..EventFilter::default() };
    assert_eq!(found(shop.clone()).await, ["e", "d"]);
    assert_eq!(found(EventFilter { before: Some(ids[3]), ..shop.clone() }).await, ["c", "a"]);
    assert_eq!(found(EventFilter { after: Some(ids[0]), ..shop.clone() }).await, ["c", "d"]);
    assert_eq!(found(EventFilter { after: Some(ids[4]), ..shop.clone() }).await, [""; 0]);
    let second = EventFilter { version: Some(VersionNumber(2)), ..shop.clone() };
    assert_eq!(found(second).await, ["e", "c"]);

    let of = |kinds: &[EventKind]| EventFilter { kinds: kinds.to_vec(), ..shop.clone() };
    let held = NewEvent::new(EventKind::RequestsHeld, "held").service(&service("shop"));
    store.record(&[held, event("shop", 1, "f")], at(0)).await.unwrap();
    assert_eq!(found(of(&[EventKind::RequestsHeld, EventKind::MaintenanceOn])).await, ["held"]);
    assert_eq!(found(of(&[EventKind::MaintenanceOn])).await, [""; 0]);
}

#[tokio::test]
async fn watchers_hear_of_what_is_durable_and_of_nothing_else() {
    let store = Temporary::open().await;
    let mut watcher = store.watch();
    let shop = put(&*store, "shop").await;
    let heard = watcher.recv().await.unwrap();
    assert_eq!(all_events(&*store).await, [heard]);

    // A refused change tells nothing.
    let (version, _) = launch(&*store, &shop).await;
    watcher.recv().await.unwrap();
    let nonsense = launcher_store::EnvironmentChange {
        state: Some(launcher_model::environment::EnvironmentState::Destroyed),
        ..Default::default()
    };
    let name = service("shop");
    store.change_environment(&name, version.number, nonsense.clone(), &[], at(1)).await.unwrap();
    let events = [event("shop", 1, "never")];
    let back = launcher_store::EnvironmentChange {
        state: Some(launcher_model::environment::EnvironmentState::Ready),
        ..nonsense
    };
    refusal(store.change_environment(&name, version.number, back, &events, at(1)).await);
    assert_eq!(watcher.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(all_events(&*store).await.len(), 2);
}

#[tokio::test]
async fn watchers_hear_in_the_order_of_the_numbers() {
    let store = std::sync::Arc::new(Temporary::open().await);
    let mut watcher = store.watch();
    let tasks: Vec<_> = (0..50)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move {
                store.record(&[event("shop", 1, &i.to_string())], at(i)).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut heard = Vec::new();
    while let Ok(event) = watcher.try_recv() {
        heard.push(event);
    }
    assert_eq!(heard, all_events(&**store).await);
    assert_eq!(heard.len(), 50);
}

#[tokio::test]
async fn events_are_narrowed_to_who_did_it_and_to_a_span_of_time() {
    let store = Temporary::open().await;
    for second in 1..=4 {
        let by = if second % 2 == 0 { "kim" } else { "mika" };
        let event = event("shop", 1, &second.to_string()).by(by);
        store.record(&[event], at(second)).await.unwrap();
    }
    let found = async |filter: EventFilter| {
        let filter = EventFilter { after: Some(0), limit: 10, ..filter };
        let events = store.events(&filter).await.unwrap().into_iter();
        events.map(|event| event.text).collect::<Vec<_>>()
    };
    let by_kim = EventFilter { by: Some("kim".to_owned()), ..EventFilter::default() };
    assert_eq!(found(by_kim.clone()).await, ["2", "4"]);
    let from = EventFilter { from: Some(at(2)), ..EventFilter::default() };
    assert_eq!(found(from).await, ["2", "3", "4"]);
    let span = EventFilter { from: Some(at(2)), to: Some(at(4)), ..EventFilter::default() };
    assert_eq!(found(span).await, ["2", "3"], "its end is left out");
    assert_eq!(found(EventFilter { to: Some(at(3)), ..by_kim }).await, ["2"]);
}
