//! Deliveries of code hosts, and what they are told.

use launcher_model::build::{BuildState, Origin};
use launcher_store::{BuildChange, NewBuild, Unreported};

use crate::support::{Temporary, at, put, service};

fn told(branch: &str) -> NewBuild {
    NewBuild {
        service: service("shop"),
        origin: Origin::Hook,
        branch: Some(branch.to_owned()),
        commit: Some("c".repeat(40)),
        subject: None,
        author: None,
        by: "anna".to_owned(),
    }
}

#[tokio::test]
async fn a_delivery_is_done_once_and_remembered_over_a_restart() {
    let store = Temporary::open().await;
    put(&*store, "shop").await;
    put(&*store, "cart").await;
    let first = store.queue_delivered_build(told("main"), "one", None, at(0)).await.unwrap();
    assert_eq!(first.unwrap().build.id.0, 1);
    let store = store.reopen().await;
    for again in 1..3 {
        let repeated =
            store.queue_delivered_build(told("main"), "one", None, at(again)).await.unwrap();
        assert_eq!(repeated, None);
    }
    assert_eq!(store.unfinished_builds(None).await.unwrap().len(), 1);
    assert!(!store.remember_delivery(&service("shop"), "one", at(4)).await.unwrap());
    // Another service may be told the same.
    assert!(store.remember_delivery(&service("cart"), "one", at(4)).await.unwrap());
    let day = 24 * 3600;
    assert!(!store.remember_delivery(&service("shop"), "one", at(89 * day)).await.unwrap());
    assert!(store.remember_delivery(&service("shop"), "one", at(91 * day)).await.unwrap());
}

#[tokio::test]
async fn a_delivery_for_a_service_that_is_not_there_is_not_remembered() {
    let store = Temporary::open().await;
    store.queue_delivered_build(told("main"), "one", None, at(0)).await.unwrap_err();
    put(&*store, "shop").await;
    assert!(store.queue_delivered_build(told("main"), "one", None, at(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn what_hosts_asked_for_is_told_until_it_is_over() {
    let store = Temporary::open().await;
    put(&*store, "shop").await;
    let pushed = NewBuild { origin: Origin::Push, ..told("other") };
    store.queue_build(pushed, at(0)).await.unwrap();
    assert_eq!(store.unreported_builds().await.unwrap(), []);
    let queued =
        store.queue_delivered_build(told("main"), "one", None, at(0)).await.unwrap().unwrap();
    let build = queued.build.id;
    let waits = |told| vec![Unreported { build, told }];
    assert_eq!(store.unreported_builds().await.unwrap(), waits(None));
    store.build_reported(build, BuildState::Running).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(store.unreported_builds().await.unwrap(), waits(Some(BuildState::Running)));
    let failed = BuildChange { state: Some(BuildState::Failed), ..BuildChange::default() };
    store.change_build(build, failed, &[], at(1)).await.unwrap();
    assert_eq!(store.unreported_builds().await.unwrap(), waits(Some(BuildState::Running)));
    store.build_reported(build, BuildState::Failed).await.unwrap();
    assert_eq!(store.unreported_builds().await.unwrap(), []);
    // A retry of it is told too, and may be left.
    let again = store.queue_build(told("main"), at(2)).await.unwrap().build.id;
    assert_eq!(store.unreported_builds().await.unwrap().len(), 1);
    store.leave_unreported(again).await.unwrap();
    assert_eq!(store.unreported_builds().await.unwrap(), []);
}

#[tokio::test]
async fn where_a_job_is_outlives_the_process() {
    let store = Temporary::open().await;
    put(&*store, "shop").await;
    let build = store.queue_build(told("main"), at(0)).await.unwrap().build.id;
    assert_eq!(store.build_job(build).await.unwrap(), None);
    for place in ["http://jenkins/queue/item/1/", "http://jenkins/job/shop/7/"] {
        store.set_build_job(build, place).await.unwrap();
    }
    let store = store.reopen().await;
    let kept = store.build_job(build).await.unwrap();
    assert_eq!(kept.as_deref(), Some("http://jenkins/job/shop/7/"));
}
