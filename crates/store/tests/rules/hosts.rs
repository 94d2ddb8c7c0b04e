//! What people say of hosts.

use launcher_model::event::{EventKind, NewEvent};
use launcher_model::host::{Closing, HostNotes};
use launcher_store::{EventFilter, KeptHost};

use crate::support::{Temporary, at};

fn event(kind: EventKind) -> NewEvent {
    NewEvent::new(kind, "it is so")
}

#[tokio::test]
async fn a_host_is_closed_drained_and_opened_and_each_is_told_once() {
    let store = Temporary::open().await;
    let close = async |closing, second| {
        store
            .close_host("a", closing, "anna", event(EventKind::HostClosed), at(second))
            .await
            .unwrap()
    };
    assert!(close(Closing::Closed, 1).await);
    assert!(!close(Closing::Closed, 2).await);
    let drained = async |second| {
        store.host_drained("a", event(EventKind::HostDrained), at(second)).await.unwrap()
    };
    assert!(!drained(3).await, "it is not being drained");
    assert!(close(Closing::Draining, 4).await);
    assert!(drained(5).await);
    assert!(!drained(6).await);
    let kept = store.kept_hosts().await.unwrap();
    let [KeptHost { name, closure: Some(closure), .. }] = kept.as_slice() else {
        panic!("{kept:?}")
    };
    assert_eq!((name.as_str(), closure.closing, closure.since), ("a", Closing::Draining, at(4)));
    assert_eq!((closure.by.as_str(), closure.drained_at), ("anna", Some(at(5))));

    assert!(close(Closing::Closed, 7).await);
    let again = store.kept_hosts().await.unwrap()[0].closure.clone().unwrap();
    assert_eq!(again.drained_at, None);
    let open = async || store.open_host("a", event(EventKind::HostOpened), at(8)).await.unwrap();
    assert!(open().await);
    assert!(!open().await);
    assert_eq!(store.kept_hosts().await.unwrap(), []);
    let told = store.events(&EventFilter { limit: 100, ..EventFilter::default() }).await.unwrap();
    assert_eq!(told.len(), 5, "{told:?}");
}

#[tokio::test]
async fn notes_are_kept_beside_and_told_when_they_differ() {
    let store = Temporary::open().await;
    let describe = async |host: &str, owner: &str| {
        let labels = [("rack".to_owned(), "a12".to_owned())].into();
        let notes = HostNotes { labels, owner: Some(owner.to_owned()) };
        store.describe_host(host, &notes, event(EventKind::HostDescribed), at(1)).await.unwrap()
    };
    assert!(describe("b", "web").await);
    assert!(!describe("b", "web").await);
    assert!(describe("b", "storage").await);
    store
        .close_host("a", Closing::Closed, "anna", event(EventKind::HostClosed), at(2))
        .await
        .unwrap();
    let kept = store.kept_hosts().await.unwrap();
    let told: Vec<_> = kept
        .iter()
        .map(|kept| (kept.name.as_str(), kept.closure.is_some(), kept.notes.owner.as_deref()))
        .collect();
    assert_eq!(told, [("a", true, None), ("b", false, Some("storage"))]);
}
