//! Moving from one engine to another.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use launcher_model::VersionNumber;
use launcher_model::container::Container;
use launcher_scheduler::fake::Fake;
use launcher_scheduler::{Change, LogOptions, Moving, Placement, Scheduler};

use crate::FakeGround;
use crate::conformance::{Behaviour, Ground, observed, placement, running, settle, shop, until};

const GRACE: Duration = Duration::from_secs(1);

/// Two engines, of which the old one has two containers of what is placed.
struct Move {
    old: Fake,
    new: Fake,
    moving: Moving,
    placement: Placement,
}

impl Move {
    async fn begin(behaviour: Behaviour) -> Self {
        let (old, new) = (FakeGround::prepare().await, FakeGround::prepare().await);
        new.image(behaviour).await;
        let placement = placement(&old, behaviour, 2).await;
        settle(&old.0, &placement).await;
        let moving = Moving::new(Arc::new(old.0.clone()), Arc::new(new.0.clone()));
        Self { old: old.0, new: new.0, moving, placement }
    }
}

fn ids(containers: &[Container]) -> BTreeSet<String> {
    containers.iter().map(|container| container.id.clone()).collect()
}

#[tokio::test]
async fn what_the_old_engine_has_serves_until_it_is_released() {
    let Move { old, new, moving, mut placement } = Move::begin(Behaviour::Runs).await;
    let left = observed(&moving).await;
    assert_eq!(ids(&left), ids(&old.containers()));
    assert!(left.iter().all(|container| moving.leaves(&container.host)), "{left:?}");
    placement.avoid = Arc::new(left.iter().map(|container| container.host.clone()).collect());

    moving.ensure(&placement).await.unwrap();
    let all = observed(&moving).await;
    let (older, newer): (Vec<_>, Vec<_>) = all.iter().partition(|c| moving.leaves(&c.host));
    assert_eq!((older.len(), newer.len()), (2, 2), "{all:?}");
    for container in newer {
        let before = older.iter().find(|older| older.slot == container.slot).unwrap();
        assert!(before.attempt < container.attempt, "{all:?}");
    }
    // Nobody has said that they may end.
    moving.ensure(&placement).await.unwrap();
    assert_eq!(running(&old.containers()).len(), 2);

    placement.released = [left[0].id.clone()].into();
    moving.ensure(&placement).await.unwrap();
    assert_eq!(running(&old.containers()), [left[1].id.clone()].into());
    placement.released = ids(&left);
    moving.ensure(&placement).await.unwrap();
    assert_eq!(old.containers(), []);
    assert_eq!(observed(&moving).await, new.containers());
}

#[tokio::test]
async fn what_the_new_engine_refuses_serves_on() {
    let Move { old, new, moving, placement } = Move::begin(Behaviour::Runs).await;
    new.go_away("it is not there yet");
    moving.ensure(&placement).await.unwrap_err();
    assert_eq!(running(&old.containers()).len(), 2);
    // Of what cannot be seen whole nothing is told.
    moving.observe(None).await.unwrap_err();
}

#[tokio::test]
async fn what_is_stopped_is_not_started_again_on_the_old_engine() {
    let Move { old, new, moving, placement } = Move::begin(Behaviour::Runs).await;
    moving.stop(&shop(), VersionNumber(1), GRACE).await.unwrap();
    assert_eq!(old.containers(), []);
    moving.ensure(&placement).await.unwrap();
    assert_eq!((old.containers().len(), running(&new.containers()).len()), (0, 2));
    moving.remove(&shop(), VersionNumber(1), GRACE).await.unwrap();
    assert_eq!(observed(&moving).await, []);
}

#[tokio::test]
async fn an_old_engine_that_goes_away_is_remembered_and_costs_the_new_one_nothing() {
    let Move { old, new, moving, placement } = Move::begin(Behaviour::Runs).await;
    let before = moving.observe(None).await.unwrap();
    old.go_away("somebody pulled the plug");
    assert_eq!(moving.observe(None).await.unwrap(), before);
    assert_eq!(observed(&moving).await, before);
    // It is tried again, but not for what the new engine does.
    moving.ensure(&placement).await.unwrap_err();
    assert_eq!(running(&new.containers()).len(), 2);

    let Move { old, moving, .. } = Move::begin(Behaviour::Runs).await;
    old.go_away("somebody pulled the plug");
    let error = moving.observe(None).await.unwrap_err();
    assert!(error.is_passing() && error.to_string().contains("moving_from"), "{error}");
}

#[tokio::test]
async fn what_does_not_run_on_the_old_engine_is_tidied_away() {
    let Move { old, moving, .. } = Move::begin(Behaviour::Runs).await;
    moving.tidy(GRACE).await.unwrap();
    assert_eq!(old.containers().len(), 2);
    old.stop(&shop(), VersionNumber(1), GRACE).await.unwrap();
    assert_eq!(old.containers().len(), 2, "it keeps what is stopped");
    moving.tidy(GRACE).await.unwrap();
    assert_eq!(old.containers(), []);
}

#[tokio::test]
async fn what_is_on_a_lost_host_of_the_old_engine_is_left_alone() {
    let (ground, new) = (FakeGround::prepare().await, FakeGround::prepare().await);
    let old = ground.0.clone();
    old.set_hosts(["a", "b"]);
    settle(&old, &placement(&ground, Behaviour::Runs, 2).await).await;
    old.lose_host("a");
    old.lose_host("b");
    let moving = Moving::new(Arc::new(old.clone()), Arc::new(new.0.clone()));
    let before = old.containers();
    assert!(before.len() == 2 && before.iter().all(|one| !one.is_running()), "{before:?}");
    moving.tidy(GRACE).await.unwrap();
    assert_eq!(old.containers(), before);
}

#[tokio::test]
async fn both_engines_tell_of_changes_and_logs() {
    let Move { old, new, moving, placement } = Move::begin(Behaviour::Talks).await;
    moving.ensure(&placement).await.unwrap();
    for engine in [&old, &new] {
        let mut changes = moving.watch();
        let container = engine.containers()[0].id.clone();
        let mut logs = moving.logs(&container, LogOptions::default()).await.unwrap();
        assert_eq!(logs.next().await.unwrap().unwrap().text, "line 1");
        engine.kill(&container, 137);
        let told = |change: &Change| matches!(change, Change::Ended { container: c, .. } if *c == container);
        until(&mut changes, told).await;
    }
}
