use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::environment::Environment;
use crate::plan::samples;
use crate::{ServiceName, VersionNumber};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn environment(state: EnvironmentState, wanted: Wanted) -> Environment {
    Environment { wanted, replicas: 2, starting_since: Some(NOW), ..samples::environment(1, state) }
}

fn spec() -> ServiceSpec {
    crate::service::read("launcher.toml", "service = { name = \"shop\", port = 80 }").unwrap()
}

fn container(slot: u16, phase: ContainerPhase, health: Health) -> Checked {
    let container = Container {
        id: format!("c{slot}"),
        name: format!("shop-{slot}"),
        service: ServiceName::new("shop").unwrap(),
        version: VersionNumber(1),
        slot,
        attempt: 0,
        failures: 0,
        created: NOW,
        host: "a".into(),
        address: None,
        published: None,
        phase,
    };
    Checked { container, health }
}

fn up(slot: u16, health: Health) -> Checked {
    container(slot, ContainerPhase::Running { since: NOW, exec_check: None }, health)
}

fn exited(slot: u16, code: i64) -> Checked {
    let phase = ContainerPhase::Exited { code, out_of_memory: false, started: NOW, finished: NOW };
    container(slot, phase, Health::Unknown { last: None })
}

fn decide_at(environment: &Environment, containers: &[Checked], seconds: i64) -> Decision {
    let now = NOW + SignedDuration::from_secs(seconds);
    decide(View { environment, spec: &spec(), containers, avoid: &BTreeSet::new(), now })
}

#[test]
fn release_comes_before_the_image_is_started() {
    let mut creating = environment(EnvironmentState::Creating, Wanted::Running);
    creating.release = Release::Pending;
    creating.starting_since = None;
    assert_eq!(decide_at(&creating, &[], 0).job, Some(Job::Release));
    creating.release = Release::Passed;
    assert_eq!(decide_at(&creating, &[], 0).job, Some(Job::Fetch));
    creating.starting_since = Some(NOW);
    assert_eq!(decide_at(&creating, &[], 0).job, Some(Job::Ensure));
}

#[test]
fn ready_takes_all_containers_healthy_at_once() {
    let creating = environment(EnvironmentState::Creating, Wanted::Running);
    let one = [up(1, Health::Healthy), up(2, Health::Unknown { last: None })];
    let decision = decide_at(&creating, &one, 1);
    assert_eq!((decision.reached, decision.job), (None, None));
    let both = [up(1, Health::Healthy), up(2, Health::Healthy)];
    assert_eq!(decide_at(&creating, &both, 1).reached, Some(EnvironmentState::Ready));
}

#[test]
fn an_overdue_environment_fails_with_what_tells_most() {
    let creating = environment(EnvironmentState::Creating, Wanted::Running);
    let containers =
        [up(1, Health::Unhealthy { why: "GET /healthz answered 500".into() }), exited(2, 3)];
    assert_eq!(decide_at(&creating, &containers, 59).reached, None);
    let decision = decide_at(&creating, &containers, 60);
    assert_eq!(decision.reached, Some(EnvironmentState::Failed));
    insta::assert_snapshot!(
        decision.verdict.unwrap().reason,
        @"0 of 2 containers were healthy within 1m: container 2 exited with status 3"
    );
    let decision = decide_at(&creating, &containers[..1], 60);
    insta::assert_snapshot!(
        decision.verdict.unwrap().reason,
        @"0 of 2 containers were healthy within 1m: container 1 failed its health check: GET /healthz answered 500"
    );
}

#[test]
fn what_cannot_be_started_fails_at_once() {
    let creating = environment(EnvironmentState::Creating, Wanted::Running);
    let phase = ContainerPhase::Unstartable { why: "no such file".into() };
    let decision = decide_at(&creating, &[container(1, phase, Health::Unknown { last: None })], 0);
    assert_eq!(decision.reached, Some(EnvironmentState::Failed));
}

/// One that has ended as the last of so many.
fn ended_after(slot: u16, failures: u32) -> Checked {
    let mut last = exited(slot, 3);
    last.container.failures = failures;
    last
}

#[test]
fn the_third_that_ends_in_a_place_is_the_last() {
    let creating = environment(EnvironmentState::Creating, Wanted::Running);
    let two = [ended_after(1, 1), ended_after(2, 1)];
    assert_eq!(decide_at(&creating, &two, 2).reached, None);
    assert!(!is_given_up(&creating, &two));
    let three = [ended_after(1, 1), ended_after(2, 2)];
    let decision = decide_at(&creating, &three, 2);
    assert_eq!(decision.reached, Some(EnvironmentState::Failed));
    assert!(is_given_up(&creating, &three));
    let verdict = decision.verdict.unwrap();
    assert_eq!(verdict.container.as_deref(), Some("c2"));
    insta::assert_snapshot!(
        verdict.reason,
        @"container 2 exited with status 3: 3 have ended in its place, and no other is healthy"
    );
}

#[test]
fn what_ends_is_given_the_whole_start_period_where_something_else_was_well() {
    let third = || ended_after(2, 2);
    let creating = environment(EnvironmentState::Creating, Wanted::Running);
    let one_is_well = [up(1, Health::Healthy), third()];
    assert_eq!(decide_at(&creating, &one_is_well, 2).reached, None);
    // It was ready before.
    let stopped = environment(EnvironmentState::Stopped, Wanted::Running);
    assert_eq!(decide_at(&stopped, &[third()], 2).reached, None);
    // It ended before it was asked to start again.
    let mut again = environment(EnvironmentState::Creating, Wanted::Running);
    again.starting_since = Some(NOW + SignedDuration::from_secs(1));
    assert_eq!(decide_at(&again, &[third()], 2).reached, None);
}

#[test]
fn a_clock_set_back_does_not_prolong_the_start_period() {
    let mut creating = environment(EnvironmentState::Creating, Wanted::Running);
    creating.starting_since = Some(NOW + SignedDuration::from_hours(5));
    let decision = decide_at(&creating, &[], 0);
    assert_eq!(decision.again_at, Some(NOW + SignedDuration::from_secs(60)));
    assert!(decision.restart_period);
    assert!(
        !decide_at(&environment(EnvironmentState::Creating, Wanted::Running), &[], 0)
            .restart_period
    );
}

#[test]
fn a_ready_environment_is_repaired_and_stays_ready() {
    let ready = environment(EnvironmentState::Ready, Wanted::Running);
    let whole = [up(1, Health::Healthy), up(2, Health::Unhealthy { why: "slow".into() })];
    assert_eq!(decide_at(&ready, &whole, 999), Decision::default());
    for broken in [
        vec![up(1, Health::Healthy)],
        vec![up(1, Health::Healthy), exited(2, 0)],
        vec![up(1, Health::Healthy), up(2, Health::Healthy), up(3, Health::Healthy)],
        vec![up(1, Health::Healthy), up(2, Health::Healthy), up(2, Health::Healthy)],
    ] {
        let decision = decide_at(&ready, &broken, 999);
        assert_eq!((decision.job, decision.reached), (Some(Job::Ensure), None));
    }
}

#[test]
fn stopping_and_destroying_end_when_the_containers_have() {
    let stopping = environment(EnvironmentState::Ready, Wanted::Stopped);
    assert_eq!(decide_at(&stopping, &[up(1, Health::Healthy)], 0).job, Some(Job::Stop));
    let stopped = decide_at(&stopping, &[exited(1, 143)], 0);
    assert_eq!(stopped.reached, Some(EnvironmentState::Stopped));
    let leaving = environment(EnvironmentState::Stopped, Wanted::Gone);
    assert_eq!(decide_at(&leaving, &[exited(1, 143)], 0).job, Some(Job::Remove));
    assert_eq!(decide_at(&leaving, &[], 0).reached, Some(EnvironmentState::Destroyed));
}

#[test]
fn a_container_on_a_host_to_avoid_has_the_engine_asked() {
    let environment = environment(EnvironmentState::Ready, Wanted::Running);
    let containers = [up(1, Health::Healthy), up(2, Health::Healthy)];
    let job = |host: &str| {
        let avoid = BTreeSet::from([host.to_owned()]);
        let view = View {
            environment: &environment,
            spec: &spec(),
            containers: &containers,
            avoid: &avoid,
            now: NOW,
        };
        decide(view).job
    };
    assert_eq!((job("a"), job("b")), (Some(Job::Ensure), None));
}
