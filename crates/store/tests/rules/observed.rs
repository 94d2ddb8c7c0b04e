use std::collections::BTreeMap;

use launcher_model::VersionNumber;
use launcher_model::container::{Container, ContainerPhase, Host, Promised};
use launcher_store::Store;
use sqlx::Executor;

use crate::support::*;

fn container(id: &str, slot: u16) -> Container {
    Container {
        id: id.into(),
        name: format!("shop-v1-{slot}"),
        service: service("shop"),
        version: VersionNumber(1),
        slot,
        attempt: 0,
        created: at(0),
        failures: 0,
        host: "local".into(),
        address: Some("172.17.0.2:8080".parse().unwrap()),
        published: None,
        phase: ContainerPhase::Running { since: at(0), exec_check: None },
    }
}

fn host(name: &str, running: u32) -> Host {
    Host {
        name: name.into(),
        address: "10.0.0.1".into(),
        engine: "Docker 20.10.24".into(),
        cpus: 2,
        memory: 1 << 33,
        running,
        promised: Promised::default(),
        labels: BTreeMap::new(),
        closed: false,
        usable: true,
        trouble: None,
    }
}

async fn see(store: &dyn Store, observed: &[Container], second: i64) {
    store
        .record_containers(&service("shop"), VersionNumber(1), observed, at(second))
        .await
        .unwrap();
}

/// How many pages of the database's log were ever written: more means that something was.
fn log_size(store: &Temporary) -> u64 {
    std::fs::metadata(store.file().with_extension("db-wal")).unwrap().len()
}

#[tokio::test]
async fn containers_are_kept_as_last_seen_and_end_when_missed() {
    let store = Temporary::open().await;
    let (one, mut two) = (container("a", 1), container("b", 2));
    see(&*store, &[one.clone(), two.clone()], 1).await;
    two.phase =
        ContainerPhase::Exited { code: 137, out_of_memory: true, started: at(0), finished: at(2) };
    two.address = None;
    see(&*store, &[one.clone(), two.clone()], 3).await;
    see(&*store, std::slice::from_ref(&two), 4).await;

    let kept = store.recorded_containers(Some(&service("shop"))).await.unwrap();
    assert_eq!(
        (&kept[0].container, kept[0].recorded_at, kept[0].ended_at),
        (&one, at(1), Some(at(4)))
    );
    assert_eq!((&kept[1].container, kept[1].recorded_at, kept[1].ended_at), (&two, at(3), None));
    assert_eq!(store.recorded_containers(None).await.unwrap(), kept);
    assert_eq!(store.recorded_containers(Some(&service("blog"))).await.unwrap(), []);

    see(&*store, &[one, two], 5).await;
    let back = store.recorded_containers(None).await.unwrap();
    assert_eq!((back.len(), back[0].ended_at), (2, None));
}

#[tokio::test]
async fn another_versions_containers_do_not_end() {
    let store = Temporary::open().await;
    let mut other = container("x", 1);
    other.version = VersionNumber(2);
    store.record_containers(&service("shop"), VersionNumber(2), &[other], at(1)).await.unwrap();
    see(&*store, &[], 2).await;
    assert_eq!(store.recorded_containers(None).await.unwrap()[0].ended_at, None);
}

#[tokio::test]
async fn of_many_that_ended_the_newest_are_remembered() {
    let store = Temporary::open().await;
    for i in 0..60 {
        see(&*store, &[container(&format!("c{i}"), 1)], i).await;
    }
    let kept = store.recorded_containers(None).await.unwrap();
    assert_eq!(kept.len(), 51);
    assert_eq!((kept[0].container.id.as_str(), kept[50].container.id.as_str()), ("c9", "c59"));
}

#[tokio::test]
async fn hosts_are_kept_as_last_seen_and_are_gone_when_missed() {
    let store = Temporary::open().await;
    store.record_hosts(&[host("b", 1), host("a", 1)], at(1)).await.unwrap();
    store.record_hosts(&[host("a", 2)], at(2)).await.unwrap();
    let kept = store.recorded_hosts().await.unwrap();
    assert_eq!((&kept[0].host, kept[0].recorded_at, kept[0].gone_at), (&host("a", 2), at(2), None));
    assert_eq!((&kept[1].host, kept[1].gone_at), (&host("b", 1), Some(at(2))));
    store.record_hosts(&[host("a", 2), host("b", 1)], at(3)).await.unwrap();
    assert_eq!(store.recorded_hosts().await.unwrap()[1].gone_at, None);
}

#[tokio::test]
async fn what_did_not_change_is_not_written() {
    let store = Temporary::open().await;
    let (one, two) = (container("a", 1), container("b", 2));
    see(&*store, &[one.clone(), two.clone()], 1).await;
    store.record_hosts(&[host("a", 1), host("b", 1)], at(1)).await.unwrap();
    let before = log_size(&store);
    for second in 2..10 {
        see(&*store, &[two.clone(), one.clone()], second).await;
        store.record_hosts(&[host("b", 1), host("a", 1)], at(second)).await.unwrap();
    }
    assert_eq!(log_size(&store), before);
    see(&*store, &[two], 11).await;
    assert!(log_size(&store) > before);
}

#[tokio::test]
async fn what_did_not_change_waits_for_nobody_who_writes() {
    let store = Temporary::open().await;
    see(&*store, &[container("a", 1)], 1).await;
    store.record_hosts(&[host("a", 1)], at(1)).await.unwrap();
    let mut other = connect(&store.file()).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    see(&*store, &[container("a", 1)], 2).await;
    store.record_hosts(&[host("a", 1)], at(2)).await.unwrap();
}
