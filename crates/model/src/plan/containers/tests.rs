use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{ServiceName, VersionNumber};

const BEGIN: Timestamp = Timestamp::UNIX_EPOCH;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn container(slot: u16, attempt: u32, phase: ContainerPhase) -> Container {
    Container {
        id: format!("{slot}-{attempt}"),
        name: format!("shop-v1-{slot}-{attempt}"),
        service: ServiceName::new("shop").unwrap(),
        version: VersionNumber(1),
        slot,
        attempt,
        failures: attempt,
        created: at(1),
        host: "a".into(),
        address: None,
        published: None,
        phase,
    }
}

fn up(slot: u16, attempt: u32) -> Container {
    container(slot, attempt, ContainerPhase::Running { since: at(1), exec_check: None })
}

fn died(slot: u16, attempt: u32, started: i64, finished: i64) -> Container {
    let (started, finished) = (at(started), at(finished));
    let phase = ContainerPhase::Exited { code: 1, out_of_memory: false, started, finished };
    container(slot, attempt, phase)
}

fn create(slot: u16, attempt: u32, failures: u32) -> ContainerStep {
    ContainerStep::Create { slot, attempt, failures }
}

fn start(id: &str) -> ContainerStep {
    ContainerStep::Start { id: id.into() }
}

fn remove(id: &str) -> ContainerStep {
    ContainerStep::Remove { id: id.into() }
}

/// Plans for what may all be ended.
fn plan(replicas: u16, observed: &[Container], since: Timestamp, now: Timestamp) -> ContainerPlan {
    let released = observed.iter().map(|container| container.id.clone()).collect();
    super::plan(replicas, observed, &released, since, now)
}

#[test]
fn empty_places_are_filled_and_full_ones_left_alone() {
    let plan = plan(3, &[up(2, 0)], BEGIN, at(10));
    assert_eq!(plan.steps, [create(1, 0, 0), create(3, 0, 0)]);
    assert_eq!(plan.again_at, None);
}

#[test]
fn places_too_many_are_emptied_whatever_is_in_them() {
    let observed = [up(1, 0), up(2, 1), died(2, 0, 1, 2), died(3, 0, 1, 2), up(0, 0)];
    let plan = plan(1, &observed, BEGIN, at(10));
    assert_eq!(plan.steps, [remove("2-1"), remove("2-0"), remove("3-0"), remove("0-0")]);
}

#[test]
fn delays_double_up_to_a_minute() {
    let delays: Vec<_> = (0..9).map(|failures| delay_after(failures).as_millis()).collect();
    assert_eq!(delays, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    assert_eq!(delay_after(u32::MAX).as_secs(), 60);
}

#[test]
fn what_died_is_replaced_when_its_delay_is_over_and_kept_for_its_log() {
    let early = plan(1, &[died(1, 1, 10, 100)], BEGIN, at(1_099));
    assert_eq!((early.steps.as_slice(), early.again_at), (&[][..], Some(at(1_100))));
    let due = plan(1, &[died(1, 1, 10, 100), died(1, 0, 1, 5)], BEGIN, at(1_100));
    assert_eq!(due.steps, [remove("1-0"), create(1, 2, 2)]);
}

#[test]
fn the_earliest_delay_says_when_to_look_again() {
    let plan = plan(2, &[died(1, 3, 10, 100), died(2, 0, 10, 200)], BEGIN, at(300));
    assert_eq!(plan.again_at, Some(at(700)));
}

#[test]
fn one_that_ran_long_begins_with_the_first_delay_again() {
    let steady = died(1, 9, 1_000, 61_000);
    assert_eq!(
        plan(1, std::slice::from_ref(&steady), BEGIN, at(61_499)).again_at,
        Some(at(61_500))
    );
    assert_eq!(plan(1, &[steady], BEGIN, at(61_500)).steps, [create(1, 10, 1)]);
}

#[test]
fn what_was_stopped_before_the_start_is_started_and_its_failures_forgiven() {
    let stopped = died(1, 5, 1, 50);
    assert_eq!(plan(1, &[stopped], at(60), at(70)).steps, [start("1-5")]);
    let died_again = died(1, 5, 65, 100);
    assert_eq!(plan(1, &[died_again], at(60), at(600)).steps, [create(1, 6, 1)]);
}

#[test]
fn what_was_created_is_started() {
    let created = container(1, 0, ContainerPhase::Created);
    assert_eq!(plan(1, &[created], BEGIN, at(10)).steps, [start("1-0")]);
}

#[test]
fn what_cannot_be_started_is_replaced_with_delay() {
    let broken = container(1, 2, ContainerPhase::Unstartable { why: "no such file".into() });
    let early = plan(1, std::slice::from_ref(&broken), BEGIN, at(2_000));
    assert_eq!((early.steps.as_slice(), early.again_at), (&[][..], Some(at(2_001))));
    assert_eq!(plan(1, &[broken], BEGIN, at(2_001)).steps, [create(1, 3, 3)]);
}

#[test]
fn an_older_one_that_runs_beside_the_latest_is_removed() {
    let plan = plan(1, &[up(1, 1), up(1, 2), died(1, 0, 1, 2)], BEGIN, at(10));
    assert_eq!(plan.steps, [remove("1-0"), remove("1-1")]);
}

#[test]
fn what_runs_and_is_too_much_stays_until_it_is_released() {
    let observed = [up(1, 1), up(1, 0), up(2, 0), up(3, 0), died(2, 1, 1, 2)];
    let steps = |released: &[&str]| {
        let released = released.iter().map(|id| (*id).to_owned()).collect();
        super::plan(1, &observed, &released, BEGIN, at(10)).steps
    };
    assert_eq!(steps(&[]), [remove("2-1")]);
    assert_eq!(steps(&["3-0"]), [remove("3-0"), remove("2-1")]);
    assert_eq!(steps(&["1-0", "1-1"]), [remove("2-1"), remove("1-0")]);
}

#[test]
fn a_clock_that_was_set_back_neither_hurries_nor_holds_a_replacement() {
    let since = at(3_600_000);
    let hour_ago = plan(1, &[died(1, 0, 90, 100)], since, at(200));
    assert_eq!((hour_ago.steps.as_slice(), hour_ago.again_at), (&[][..], Some(at(600))));
    let from_the_future = plan(1, &[died(1, 0, 1, 3_600_000)], BEGIN, at(200));
    assert_eq!(from_the_future.steps, [create(1, 1, 1)]);
    let engine_is_ahead = plan(1, &[died(1, 0, 1, 1_200)], BEGIN, at(200));
    assert_eq!(
        (engine_is_ahead.steps.as_slice(), engine_is_ahead.again_at),
        (&[][..], Some(at(1_700)))
    );
}

/// Does what a plan says, as an engine that never fails would.
fn carry_out(plan: &ContainerPlan, observed: &mut Vec<Container>, now: Timestamp) {
    for step in &plan.steps {
        match step {
            ContainerStep::Create { slot, attempt, failures } => {
                let phase = ContainerPhase::Running { since: now, exec_check: None };
                let new = container(*slot, *attempt, phase);
                observed.push(Container { failures: *failures, created: now, ..new });
            }
            ContainerStep::Start { id } => {
                let started = observed.iter_mut().find(|c| c.id == *id).unwrap();
                started.phase = ContainerPhase::Running { since: now, exec_check: None };
            }
            ContainerStep::Remove { id } => observed.retain(|c| c.id != *id),
        }
    }
}

fn any_phase() -> impl Strategy<Value = ContainerPhase> {
    let time = || (0_i64..200_000).prop_map(at);
    prop_oneof![
        Just(ContainerPhase::Created),
        time().prop_map(|since| ContainerPhase::Running { since, exec_check: None }),
        Just(ContainerPhase::Unstartable { why: "no".into() }),
        (time(), time()).prop_map(|(started, finished)| ContainerPhase::Exited {
            code: 1,
            out_of_memory: false,
            started,
            finished
        }),
    ]
}

fn any_containers() -> impl Strategy<Value = Vec<Container>> {
    let places = proptest::collection::btree_set((1_u16..6, 0_u32..4), 0..10);
    places.prop_flat_map(|places: BTreeSet<_>| {
        let count = places.len();
        (Just(places), proptest::collection::vec((any_phase(), 0_i64..200_000), count)).prop_map(
            |(places, rest)| {
                let build = |((slot, attempt), (phase, created)): ((u16, u32), _)| Container {
                    created: at(created),
                    ..container(slot, attempt, phase)
                };
                places.into_iter().zip(rest).map(build).collect()
            },
        )
    })
}

proptest! {
    #[test]
    fn from_anything_one_running_container_per_place_is_reached(
        mut observed in any_containers(),
        replicas in 0_u16..6,
        since in 0_i64..200_000,
        begin in 0_i64..200_000,
    ) {
        let mut now = at(begin);
        for _ in 0..4 {
            let plan = plan(replicas, &observed, at(since), now);
            let mut touched = BTreeSet::new();
            for step in &plan.steps {
                let of = match step {
                    ContainerStep::Create { slot, attempt, .. } => format!("{slot}-{attempt}"),
                    ContainerStep::Start { id } | ContainerStep::Remove { id } => id.clone(),
                };
                prop_assert!(touched.insert(of), "twice in one plan: {step:?}");
            }
            let due = plan.again_at;
            prop_assert!(due.is_none_or(|due| due > now), "a plan that is never done");
            carry_out(&plan, &mut observed, now);
            now = due.unwrap_or(now);
        }
        let running: Vec<_> = observed.iter().filter(|c| c.is_running()).map(|c| c.slot).collect();
        let places: BTreeSet<_> = running.iter().copied().collect();
        prop_assert_eq!(running.len(), places.len(), "a place is filled twice");
        prop_assert_eq!(places, (1..=replicas).collect::<BTreeSet<_>>());
        prop_assert!(observed.len() <= 2 * usize::from(replicas));
    }
}
