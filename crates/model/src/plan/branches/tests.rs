use super::*;
use crate::plan::samples;
use crate::{ServiceName, Span};

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn environment(version: u32, state: EnvironmentState) -> Environment {
    Environment {
        since: second(i64::from(version)),
        branch: Some("login".to_owned()),
        ..samples::environment(version, state)
    }
}

fn branch(current: Option<u32>) -> Branch {
    Branch {
        service: ServiceName::new("shop").unwrap(),
        name: "login".to_owned(),
        label: "login".to_owned(),
        current: current.map(VersionNumber),
        pushed_at: second(0),
        looked_at: None,
    }
}

/// Sleeps after 100 s and is over after 1000 s.
struct Case {
    branch: Branch,
    environments: Vec<Environment>,
    untouchable: BTreeSet<VersionNumber>,
    looked: BTreeMap<VersionNumber, Timestamp>,
    watched_since: Option<i64>,
}

impl Case {
    fn new(current: Option<u32>, environments: Vec<Environment>) -> Self {
        let (untouchable, looked) = Default::default();
        Self { branch: branch(current), environments, untouchable, looked, watched_since: Some(0) }
    }

    fn at(&self, now: i64) -> Decision {
        let settings = Branches {
            sleep_after: Span::secs(100),
            idle: Span::secs(1000),
            ..Branches::default()
        };
        decide(View {
            settings: &settings,
            branches: std::slice::from_ref(&self.branch),
            environments: &self.environments,
            untouchable: &self.untouchable,
            looked: &self.looked,
            watched_since: self.watched_since.map(second),
            told_within: Duration::ZERO,
            now: second(now),
        })
    }
}

fn versions(numbers: &[u32]) -> Vec<VersionNumber> {
    numbers.iter().copied().map(VersionNumber).collect()
}

use EnvironmentState::{Creating, Failed, Ready, Stopped};

#[test]
fn the_newest_that_is_ready_takes_the_name_and_then_the_place() {
    let all = || vec![environment(3, Creating), environment(2, Ready), environment(1, Ready)];
    let moved = Case::new(Some(1), all()).at(10);
    assert_eq!(moved.moves, [("login".to_owned(), VersionNumber(2))]);
    assert_eq!(moved.replaced, versions(&[]));
    let after = Case::new(Some(2), all()).at(10);
    assert_eq!((after.moves, after.replaced), (vec![], versions(&[1])));
    // One that was put to sleep or stopped meanwhile is replaced too, and one on its way is awaited.
    let others = vec![environment(4, Creating), environment(3, Ready), environment(2, Stopped)];
    assert_eq!(Case::new(Some(3), others).at(10).replaced, versions(&[2]));
}

#[test]
fn one_that_fails_leaves_the_one_before_in_its_place() {
    let failed = || vec![environment(2, Failed), environment(1, Ready)];
    let decision = Case::new(Some(1), failed()).at(10);
    assert_eq!((decision.moves, decision.replaced), (vec![], versions(&[])));
    // What has failed stays to be looked at until there is a newer one.
    let mut all = failed();
    all.insert(0, environment(3, Creating));
    assert_eq!(Case::new(Some(1), all).at(10).replaced, versions(&[2]));
    let never = vec![environment(2, Creating), environment(1, Failed)];
    assert_eq!(Case::new(None, never).at(10).replaced, versions(&[1]));
}

#[test]
fn live_and_pinned_ones_are_left_alone() {
    let mut case = Case::new(Some(3), vec![environment(2, Ready), environment(1, Ready)]);
    case.environments[0].pinned = true;
    case.untouchable = BTreeSet::from([VersionNumber(1)]);
    let decision = case.at(5000);
    assert_eq!((decision.replaced, decision.over), (versions(&[]), Vec::<String>::new()));
    let mut pinned = Case::new(Some(1), vec![environment(1, Ready)]);
    pinned.environments[0].pinned = true;
    assert_eq!(pinned.at(500), Decision::default());
}

#[test]
fn it_sleeps_when_nobody_has_looked_for_long() {
    let mut case = Case::new(Some(1), vec![environment(1, Ready)]);
    assert_eq!(case.at(100).again, Some(Duration::from_secs(1)));
    assert_eq!(case.at(101).asleep, versions(&[1]));
    case.looked.insert(VersionNumber(1), second(50));
    let decision = case.at(101);
    assert_eq!((decision.asleep, decision.again), (versions(&[]), Some(Duration::from_secs(49))));
    assert_eq!(case.at(150).asleep, versions(&[1]));
    // What was not watched was perhaps looked at.
    case.watched_since = Some(149);
    assert_eq!(case.at(150).asleep, versions(&[]));
    case.watched_since = None;
    assert_eq!(case.at(100_000), Decision::default());
    // The clock was set back.
    case.watched_since = Some(0);
    case.looked.insert(VersionNumber(1), second(500));
    assert_eq!(case.at(10).again, Some(Duration::from_secs(100)));
}

#[test]
fn a_branch_is_over_when_nobody_pushes_or_looks() {
    let mut case = Case::new(Some(1), vec![environment(1, Stopped)]);
    assert_eq!(case.at(999).again, Some(Duration::from_secs(1)));
    assert_eq!(case.at(1000).over, ["login"]);
    case.branch.looked_at = Some(second(500));
    assert_eq!(case.at(1000).over, Vec::<String>::new());
    assert_eq!(case.at(1500).over, ["login"]);
    case.looked.insert(VersionNumber(1), second(600));
    assert_eq!(case.at(1500).again, Some(Duration::from_secs(100)));
    // Edges that have only just come back have something to tell first.
    case.watched_since = Some(1590);
    assert_eq!(case.at(1600).again, Some(Duration::from_secs(20)));
    case.watched_since = None;
    assert_eq!(case.at(9999), Decision::default());
}
