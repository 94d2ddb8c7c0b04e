//! Containers that end, vanish, or cannot be started.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use launcher_model::container::{Container, ContainerPhase};
use launcher_scheduler::Scheduler;

use super::{Behaviour, Ground, eventually, observed, placement, running, settle};

/// How much later than planned something may happen on a busy machine.
const LATE: SignedDuration = SignedDuration::from_secs(10);

pub(crate) async fn what_dies_is_replaced_with_growing_delay(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Dies, 1).await;
    let mut seen: BTreeMap<u32, Container> = BTreeMap::new();
    eventually("the third replacement has died", async || {
        let again_at = engine.ensure(&placement).await.unwrap().again_at;
        let there = observed(&*engine).await;
        assert!(there.len() <= 2, "only the last that died is kept: {there:?}");
        seen.extend(there.into_iter().map(|container| (container.attempt, container)));
        if let Some(again_at) = again_at {
            let wait = again_at.duration_since(Timestamp::now());
            tokio::time::sleep(wait.try_into().unwrap_or_default()).await;
        }
        let third = seen.get(&3)?;
        matches!(third.phase, ContainerPhase::Exited { .. }).then_some(())
    })
    .await;

    let replaces = engine.capabilities().replaces;
    for (attempt, container) in seen.range(..=3) {
        assert_eq!(container.failures, *attempt);
        let ContainerPhase::Exited { code, finished, .. } = container.phase else {
            panic!("{container:?}")
        };
        assert_eq!(code, 3);
        let Some(next) = seen.get(&(attempt + 1)).filter(|next| next.attempt <= 3) else {
            continue;
        };
        // Where the engine replaces, its delay does not grow.
        let factor = if replaces { 1 } else { 2_i32.pow(*attempt) };
        let delay = SignedDuration::from_millis(500) * factor;
        // It makes the next one at once, and starts it later.
        let begun = match next.phase {
            ContainerPhase::Exited { finished, .. } if replaces => finished,
            _ => next.created,
        };
        let waited = begun.duration_since(finished);
        assert!(waited >= delay && waited < delay + LATE, "attempt {attempt}: {waited:?}");
    }
}

pub(crate) async fn what_was_removed_by_hand_is_created_again(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 2).await;
    let before = settle(&*engine, &placement).await;
    ground.remove_by_hand(&before[0].id).await;
    if engine.capabilities().replaces {
        return replaced_by_the_engine(&*engine, &before).await;
    }
    engine.ensure(&placement).await.unwrap();
    let after = observed(&*engine).await;
    assert_eq!(running(&after).len(), 2);
    assert_eq!(after[1].id, before[1].id);
    assert_eq!((after[0].slot, after[0].attempt), (1, 0));

    // One that runs no more, but is there, counts as one that died.
    ground.kill(&after[0].id).await;
    let last = settle(&*engine, &placement).await;
    let replaced: Vec<_> = last.iter().map(|c| (c.slot, c.attempt, c.is_running())).collect();
    assert_eq!(replaced, [(1, 0, false), (1, 1, true), (2, 0, true)]);
}

/// The engine fills the place again without being asked, and the other one is left alone.
async fn replaced_by_the_engine(engine: &dyn Scheduler, before: &[Container]) {
    let next = eventually("another one fills the place", async || {
        let all = observed(engine).await;
        assert!(all.iter().any(|c| c.id == before[1].id && c.is_running()), "{all:?}");
        all.into_iter().find(|c| c.slot == 1 && c.is_running() && c.id != before[0].id)
    })
    .await;
    assert!(next.created > before[0].created);
}

pub(crate) async fn what_cannot_start_is_told_and_tried_later(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::CannotStart, 1).await;
    let replaces = engine.capabilities().replaces;
    let ensured = engine.ensure(&placement).await.unwrap();
    assert!(replaces || ensured.again_at.is_some(), "nothing else would call for a look at it");
    let broken = eventually("it is told", async || {
        let all = observed(&*engine).await;
        let unstartable = |c: &Container| matches!(c.phase, ContainerPhase::Unstartable { .. });
        assert!(replaces || unstartable(&all[0]), "{all:?}");
        all.into_iter().find(unstartable)
    })
    .await;
    let container = &broken;
    let ContainerPhase::Unstartable { why } = &container.phase else { panic!("{container:?}") };
    // Some engines tell no more than what became of the command that was to start it.
    assert!(why.contains("/no/such/program") || why.contains("command does not exist"), "{why}");

    // Not before the delay is over, however often it is called.
    let second = eventually("another one is tried", async || {
        assert!(engine.ensure(&placement).await.unwrap().again_at.is_some() || replaces);
        observed(&*engine).await.into_iter().find(|c| c.attempt == container.attempt + 1)
    })
    .await;
    assert_eq!(second.failures, container.failures + 1);
    let waited = second.created.duration_since(container.created);
    assert!(waited >= SignedDuration::from_millis(500), "{waited:?}");
}
