use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::route::DeploymentKind;
use crate::{DeploymentId, ServiceName, Span};

/// A Wednesday.
const NOON: &str = "2026-11-25T12:00:00Z";

fn at(seconds: i64) -> Timestamp {
    NOON.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn settings(after: u64, freeze: &[&str]) -> Deploy {
    Deploy {
        auto: Some("main".to_owned()),
        after: Some(Span::secs(after)),
        hold: None,
        freeze: freeze.iter().map(|text| (*text).into()).collect(),
    }
}

fn route(live: &[u32]) -> Route {
    let weights = live.iter().take(1).flat_map(|live| shares::all_to(VersionNumber(*live)));
    Route {
        service: ServiceName::new("shop").unwrap(),
        generation: crate::Generation(1),
        weights: weights.collect(),
    }
}

fn ready(version: u32, since: i64) -> Candidate {
    Candidate { version: VersionNumber(version), ready_since: Some(at(since)) }
}

fn coming(version: u32) -> Candidate {
    Candidate { version: VersionNumber(version), ready_since: None }
}

fn deployment(to: u32, newest: u32, automatic: bool, state: DeploymentState) -> Deployment {
    Deployment {
        id: DeploymentId(1),
        service: ServiceName::new("shop").unwrap(),
        kind: DeploymentKind::Deploy,
        state,
        from: Default::default(),
        to: shares::all_to(VersionNumber(to)),
        generation: None,
        by: "mika".to_owned(),
        automatic,
        newest: Some(VersionNumber(newest)),
        note: None,
        created_at: at(0),
        finished_at: Some(at(0)),
        abort_reason: None,
        receipt: None,
    }
}

fn by_mika(to: u32, newest: u32) -> Deployment {
    deployment(to, newest, false, DeploymentState::Done)
}

fn failed(to: u32) -> Deployment {
    deployment(to, to, true, DeploymentState::Aborted)
}

/// What is decided, and told.
fn decided(
    deploy: &Deploy,
    candidates: &[Candidate],
    live: &[u32],
    history: &[Deployment],
    now: i64,
) -> Option<(u32, Option<WaitsFor>, String)> {
    let (route, now) = (route(live), at(now));
    let plan = decide(deploy, View { candidates, route: &route, history, now })?;
    Some((plan.version.0, plan.waits_for, plan.told(deploy, now)))
}

fn waits(of: Option<(u32, Option<WaitsFor>, String)>) -> Option<WaitsFor> {
    of.unwrap().1
}

#[test]
fn the_newest_goes_live_when_people_had_their_time() {
    let deploy = settings(600, &[]);
    let one = [ready(1, 0)];
    let (version, why, told) = decided(&deploy, &one, &[], &[], 599).unwrap();
    assert_eq!((version, why), (1, Some(WaitsFor::After)));
    assert_eq!(told, "v1 goes live by itself at Wed 12:10 UTC");
    assert_eq!(decided(&deploy, &one, &[], &[], 600).unwrap().1, None);
    assert_eq!(decided(&deploy, &one, &[1], &[], 600), None, "it is live");
    assert_eq!(decided(&deploy, &one, &[2], &[], 600), None, "a newer one is live");
    assert_eq!(decided(&deploy, &[], &[], &[], 600), None);
}

#[test]
fn one_that_comes_up_is_waited_for() {
    let deploy = settings(0, &[]);
    let both = [coming(3), ready(2, 0)];
    let (version, why, told) = decided(&deploy, &both, &[1], &[], 10).unwrap();
    assert_eq!((version, why), (3, Some(WaitsFor::Ready)));
    assert_eq!(told, "v3 goes live by itself once it is ready");
    assert_eq!(decided(&deploy, &[ready(2, 0)], &[1], &[], 10).unwrap().1, None);
}

#[test]
fn a_freeze_is_waited_for_and_told_ahead() {
    let deploy = settings(600, &["Wed 12:05 – Thu 08:00 Europe/Berlin"]);
    // In Berlin it is 13:00.
    for now in [0, 600, 3600] {
        let (_, why, told) = decided(&deploy, &[ready(2, 0)], &[1], &[], now).unwrap();
        assert_eq!(why, Some(WaitsFor::Freeze));
        let words =
            "v2 waits for the freeze to end, Thu 08:00 Europe/Berlin, and goes live by itself then";
        assert_eq!(told, words);
    }
    assert_eq!(waits(decided(&deploy, &[ready(2, 0)], &[1], &[], 19 * 3600)), None);
    let later = settings(600, &["Wed 13:05 – Thu 08:00 Europe/Berlin"]);
    assert_eq!(waits(decided(&later, &[ready(2, 0)], &[1], &[], 0)), Some(WaitsFor::Freeze));
}

#[test]
fn what_a_person_has_decided_stays_until_the_next_version() {
    let deploy = settings(0, &[]);
    // v2 went live by itself; then somebody went back to v1.
    let history = [by_mika(1, 2), deployment(2, 2, true, DeploymentState::Done)];
    let (_, why, told) = decided(&deploy, &[ready(2, 0)], &[1], &history, 10).unwrap();
    assert_eq!(why, Some(WaitsFor::NextVersion));
    assert!(told.ends_with("the next new version of main does"), "{told}");
    assert_eq!(waits(decided(&deploy, &[ready(2, 0), ready(3, 0)], &[1], &history, 10)), None);
    // What was launched before a person's deployment of another one waits, too.
    let history = [by_mika(2, 3)];
    let both = [ready(2, 0), ready(3, 0)];
    assert_eq!(waits(decided(&deploy, &both, &[2], &history, 10)), Some(WaitsFor::NextVersion));
    // An attempt that changed nothing decides nothing.
    let history = [deployment(1, 3, false, DeploymentState::Aborted)];
    assert_eq!(waits(decided(&deploy, &both, &[2], &history, 10)), None);
}

#[test]
fn another_deployment_is_waited_for() {
    let deploy = settings(0, &[]);
    let history = [deployment(1, 1, true, DeploymentState::Committing)];
    let plan = decided(&deploy, &[ready(2, 0)], &[1], &history, 10);
    assert_eq!(waits(plan), Some(WaitsFor::Deployment));
    let history = [deployment(1, 1, true, DeploymentState::Draining)];
    assert_eq!(waits(decided(&deploy, &[ready(2, 0)], &[1], &history, 10)), None);
}

#[test]
fn what_fails_is_tried_again_ever_later_and_then_left_to_a_person() {
    let deploy = settings(0, &[]);
    let mut history = vec![failed(7)];
    for (i, wait) in RETRIES.iter().enumerate() {
        history.insert(0, failed(2));
        let wait = i64::try_from(wait.as_secs()).unwrap();
        let plan = |now| decided(&deploy, &[ready(2, -100)], &[1], &history, now);
        assert_eq!(waits(plan(wait - 1)), Some(WaitsFor::Retry), "{i}");
        assert_eq!(waits(plan(wait)), None, "{i}");
        assert_eq!(waits(plan(-60)), None, "the clock was set back");
    }
    history.insert(0, failed(2));
    let (_, why, told) = decided(&deploy, &[ready(2, -100)], &[1], &history, 9999).unwrap();
    assert_eq!(why, Some(WaitsFor::Person));
    assert!(told.contains("in 6 tries"), "{told}");
    assert_eq!(waits(decided(&deploy, &[ready(3, -100)], &[1], &history, 9999)), None);
}

fn any_state() -> impl Strategy<Value = DeploymentState> {
    use DeploymentState::{Aborted, Committing, Done, Draining, Preparing, Starting};
    select(vec![Starting, Preparing, Committing, Draining, Done, Done, Aborted, Aborted])
}

proptest! {
    #[test]
    fn nothing_goes_live_against_the_rules(
        after in 0_u64..7200,
        freeze in select(vec![&[][..], &["Wed 12:30 – Thu 08:00 UTC"], &["daily 13:00 – 13:10 UTC"]]),
        candidates in proptest::collection::vec((1_u32..8, proptest::option::of(-7200_i64..7200)), 0..5),
        live in proptest::collection::vec(1_u32..8, 0..2),
        history in proptest::collection::vec((1_u32..8, 1_u32..8, any::<bool>(), any_state()), 0..8),
        now in 0_i64..7200,
    ) {
        let deploy = settings(after, freeze);
        let candidates: Vec<_> = candidates
            .into_iter()
            .map(|(version, since)| Candidate { version: VersionNumber(version), ready_since: since.map(at) })
            .collect();
        let history: Vec<_> = history
            .into_iter()
            .map(|(to, newest, automatic, state)| deployment(to, newest.max(to), automatic, state))
            .collect();
        let (route, now) = (route(&live), at(now));
        let view = View { candidates: &candidates, route: &route, history: &history, now };
        let Some(plan) = decide(&deploy, view) else { return Ok(()) };
        prop_assert!(candidates.iter().all(|one| one.version <= plan.version));
        prop_assert!(route.live().all(|live| live < plan.version));
        prop_assert!(!plan.told(&deploy, now).is_empty());
        if let Some(at) = plan.at {
            prop_assert!(at > now, "{:?}", plan);
            // At that time, it goes on: what it waited for is over.
            let then = decide(&deploy, View { now: at, ..view }).unwrap();
            prop_assert!(then.at.is_none_or(|later| later > at));
            prop_assert!(plan.waits_for != Some(WaitsFor::Freeze) || deploy.frozen(at).is_none());
        }
        if plan.waits_for.is_none() {
            let had_their_time = |one: &Candidate| {
                let due = one.ready_since.map(|since| since + deploy.after.unwrap().duration());
                one.version == plan.version && due.is_some_and(|due| due <= now)
            };
            prop_assert!(candidates.iter().any(had_their_time));
            prop_assert!(deploy.frozen(now).is_none());
            prop_assert!(!history.iter().any(|one| one.state.blocks_others()));
            let person = history.iter().find(|one| !one.automatic && one.state != DeploymentState::Aborted);
            prop_assert!(person.is_none_or(|one| one.newest < Some(plan.version)));
        }
    }
}
