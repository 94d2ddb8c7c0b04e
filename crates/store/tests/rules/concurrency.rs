use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use launcher_model::VersionNumber;
use launcher_store::{Error, IdempotencyClaim};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_versions_at_once_get_a_hundred_numbers() {
    let store = Arc::new(Temporary::open().await);
    let shop = put(&**store, "shop").await;
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (store, new) = (store.clone(), new_version(&shop));
            tokio::spawn(async move { store.create_version(new, at(1)).await.unwrap().0.number.0 })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
    assert_eq!(store.versions(&service("shop"), None, 1000).await.unwrap().len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_deployments_at_once_one_begins() {
    let store = Arc::new(Temporary::open().await);
    let shop = put(&**store, "shop").await;
    let version = ready(&**store, &shop).await;
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { begin(&**store, &service("shop"), version).await })
        })
        .collect();
    let (mut begun, mut busy) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            Ok(deployment) => begun.push(deployment.id),
            Err(Error::Busy(id)) => busy.push(id),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((begun.len(), busy.len()), (1, 49));
    assert!(busy.iter().all(|id| *id == begun[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_claims_at_once_one_is_granted() {
    let store = Arc::new(Temporary::open().await);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.claim_key("ci/key", &[1; 32], at(0)).await.unwrap() })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += usize::from(task.await.unwrap() == IdempotencyClaim::Claimed);
    }
    assert_eq!(granted, 1);
}

/// A caller may go away at any point: what it began is done whole, with its event, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_leaves_nothing_half_done() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let mut watcher = store.watch();
    for polls in 0..200 {
        go_away_after(polls % 40, store.create_version(new_version(&shop), at(1))).await;
    }
    let (last, _) = launch(&*store, &shop).await;
    let versions = store.versions(&service("shop"), None, 1000).await.unwrap();
    let environments = store.environments(&service("shop"), true).await.unwrap();
    assert_eq!(versions.len(), last.number.0 as usize);
    assert_eq!(environments.len(), versions.len());
    let mut heard = Vec::new();
    while let Ok(event) = watcher.try_recv() {
        heard.push(event.version.unwrap());
    }
    assert_eq!(heard, (1..=last.number.0).map(VersionNumber).collect::<Vec<_>>());
}

/// Drops a call when it has been looked at so often: each time it waits is a point to go away at.
async fn go_away_after(mut polls: usize, call: impl Future) {
    let mut call = pin!(call);
    poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(());
        }
        polls -= 1;
        call.as_mut().poll(context).map(|_| ())
    })
    .await;
}
