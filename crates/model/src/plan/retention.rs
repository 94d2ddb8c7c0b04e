//! Which environments to stop and which to destroy.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::VersionNumber;
use crate::environment::{Environment, EnvironmentState, Wanted};
use crate::service::Keep;

/// What falls out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retired {
    /// To be stopped and kept.
    pub stop: Vec<VersionNumber>,
    /// To be destroyed.
    pub destroy: Vec<VersionNumber>,
}

/// Says what falls out, given the versions that must not be touched: those that are live, that
/// a deployment under way goes to or comes from, or on which something is still in flight.
///
/// Environments of branches are not counted: a branch keeps its own. Environments that are on their way are left alone and count for nothing. The others are ranked by
/// when they were last used; pinned ones stay as they are and take nobody's place. Those that are newer
/// than all that must not be touched have places of their own to run in, one at the least: they wait to
/// be deployed, and neither keep the ones to go back to from staying warm, nor the other way round.
///
/// `before`, the version that going back goes to when none is named, comes first in every rank: it runs
/// while `keep.running` has a place at all, and is never destroyed. One that has failed cannot be gone
/// back to, and is one of the others.
#[must_use]
pub fn retire(
    keep: &Keep,
    environments: &[Environment],
    untouchable: &BTreeSet<VersionNumber>,
    before: Option<VersionNumber>,
) -> Retired {
    let is_before = |environment: &Environment| {
        Some(environment.version) == before && environment.state != EnvironmentState::Failed
    };
    let mut ranked: Vec<&Environment> = environments
        .iter()
        .filter(|environment| !untouchable.contains(&environment.version) && !environment.pinned)
        .filter(|environment| environment.branch.is_none() && is_settled(environment))
        .collect();
    ranked.sort_by_key(|environment| {
        Reverse((is_before(environment), environment.last_used, environment.version))
    });

    let mut retired = Retired::default();
    let (mut to_go_back, mut to_deploy, mut stopped) = (keep.running, keep.running.max(1), 0);
    for environment in ranked {
        let runs = environment.wanted == Wanted::Running;
        let is_newer = untouchable.last().is_none_or(|newest| environment.version > *newest);
        let waits = is_newer && !is_before(environment);
        let places = if waits { &mut to_deploy } else { &mut to_go_back };
        if runs && *places > 0 {
            *places -= 1;
        } else if stopped < keep.stopped || is_before(environment) {
            stopped += 1;
            if runs {
                retired.stop.push(environment.version);
            }
        } else {
            retired.destroy.push(environment.version);
        }
    }
    retired
}

fn is_settled(environment: &Environment) -> bool {
    match environment.state {
        EnvironmentState::Ready | EnvironmentState::Failed => environment.wanted != Wanted::Gone,
        // Stopped and wanted running is starting again.
        EnvironmentState::Stopped => environment.wanted == Wanted::Stopped,
        EnvironmentState::Creating | EnvironmentState::Destroyed => false,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::plan::samples;

    fn environment(version: u32, state: EnvironmentState, used: i64) -> Environment {
        let last_used = Timestamp::from_second(used).unwrap();
        Environment { last_used, ..samples::environment(version, state) }
    }

    fn versions(numbers: &[u32]) -> Vec<VersionNumber> {
        numbers.iter().copied().map(VersionNumber).collect()
    }

    #[test]
    fn the_last_used_stay_warm_then_stopped_then_go() {
        use EnvironmentState::{Creating, Failed, Ready, Stopped};
        let keep = Keep { running: 1, stopped: 2 };
        let environments = [
            environment(7, Creating, 70),
            environment(6, Ready, 60), // live
            environment(5, Failed, 50),
            environment(4, Ready, 55),
            environment(3, Ready, 30),
            environment(2, Stopped, 20),
            environment(1, Stopped, 10),
        ];
        let live = BTreeSet::from([VersionNumber(6)]);
        let retired = retire(&keep, &environments, &live, None);
        assert_eq!(retired.stop, versions(&[3]));
        assert_eq!(retired.destroy, versions(&[2, 1]));
    }

    #[test]
    fn what_waits_to_be_deployed_and_what_was_live_before_keep_each_other_from_nothing() {
        use EnvironmentState::{Failed, Ready};
        let environments = [
            environment(1, Ready, 45),
            environment(2, Ready, 48),
            environment(3, Ready, 50), // live
            environment(4, Ready, 60),
            environment(5, Ready, 70),
            environment(6, Failed, 80),
        ];
        let live = BTreeSet::from([VersionNumber(3)]);
        let stopped = |running| {
            let retired = retire(&Keep { running, stopped: 9 }, &environments, &live, None);
            assert_eq!(retired.destroy, versions(&[]));
            retired.stop
        };
        assert_eq!(stopped(0), versions(&[4, 2, 1]));
        assert_eq!(stopped(1), versions(&[4, 1]));
        assert_eq!(stopped(2), versions(&[]));
        // Before anything is live, the newest waits too.
        let nothing = Keep { running: 0, stopped: 0 };
        let retired = retire(&nothing, &environments[..2], &BTreeSet::new(), None);
        assert_eq!((retired.stop, retired.destroy), (versions(&[]), versions(&[1])));
    }

    #[test]
    fn what_was_live_before_stays_whatever_is_used_later() {
        use EnvironmentState::{Failed, Ready, Stopped};
        let live = BTreeSet::from([VersionNumber(3)]);
        let retired = |running, stopped, environments: &[Environment]| {
            let keep = Keep { running, stopped };
            let retired = retire(&keep, environments, &live, Some(VersionNumber(4)));
            (retired.stop, retired.destroy)
        };
        // Version 4 was live before 3, which somebody went back to. The others were looked at since.
        let environments = [
            environment(1, Ready, 80),
            environment(2, Ready, 90),
            environment(3, Ready, 50), // live
            environment(4, Ready, 50),
            environment(5, Ready, 60),
            environment(6, Ready, 70),
        ];
        assert_eq!(retired(1, 9, &environments), (versions(&[2, 1, 5]), versions(&[])));
        assert_eq!(retired(1, 0, &environments), (versions(&[]), versions(&[2, 1, 5])));
        assert_eq!(retired(2, 0, &environments), (versions(&[]), versions(&[1])));
        // None is kept warm: it stays, stopped, and takes a place of the stopped ones if there is one.
        assert_eq!(retired(0, 0, &environments), (versions(&[4]), versions(&[2, 1, 5])));
        assert_eq!(retired(0, 1, &environments), (versions(&[4]), versions(&[2, 1, 5])));
        let stopped_by_hand = [environment(2, Ready, 90), environment(4, Stopped, 50)];
        assert_eq!(retired(1, 0, &stopped_by_hand), (versions(&[]), versions(&[])));
        // A failed one cannot be gone back to.
        let failed = [environment(4, Failed, 50)];
        assert_eq!(retired(9, 0, &failed), (versions(&[]), versions(&[4])));
    }

    #[test]
    fn pinned_live_and_moving_environments_are_left_alone() {
        let keep = Keep { running: 0, stopped: 0 };
        let mut pinned = environment(1, EnvironmentState::Ready, 1);
        pinned.pinned = true;
        let mut waking = environment(2, EnvironmentState::Stopped, 2);
        waking.wanted = Wanted::Running;
        let live = environment(3, EnvironmentState::Ready, 3);
        let mut leaving = environment(4, EnvironmentState::Ready, 4);
        leaving.wanted = Wanted::Gone;
        let mut of_branch = environment(5, EnvironmentState::Ready, 5);
        of_branch.branch = Some("login".to_owned());
        let untouchable = BTreeSet::from([VersionNumber(3)]);
        let all = [pinned, waking, live, leaving, of_branch];
        let retired = retire(&keep, &all, &untouchable, None);
        assert_eq!(retired, Retired::default());
    }

    proptest::proptest! {
        #[test]
        fn what_falls_out_is_never_untouchable_and_repeating_changes_nothing(
            states in proptest::collection::vec((0..4usize, 0..50i64, proptest::bool::ANY), 0..20),
            running in 0..4u16, stopped in 0..4u16,
            live in proptest::collection::btree_set(1..20u32, 0..4),
            before in proptest::option::of(1..20u32),
        ) {
            use EnvironmentState::{Creating, Failed, Ready, Stopped};
            let mut environments: Vec<_> = states.iter().enumerate().map(|(i, (state, used, pinned))| {
                let number = u32::try_from(i).unwrap() + 1;
                let mut made = environment(number, [Creating, Ready, Failed, Stopped][*state], *used);
                made.pinned = *pinned;
                made
            }).collect();
            let untouchable: BTreeSet<_> = live.into_iter().map(VersionNumber).collect();
            let keep = Keep { running, stopped };
            let before = before.map(VersionNumber);
            let retired = retire(&keep, &environments, &untouchable, before);
            if let Some(one) = environments.iter().find(|one| Some(one.version) == before)
                && one.state != Failed
            {
                proptest::prop_assert!(!retired.destroy.contains(&one.version));
                proptest::prop_assert!(running == 0 || !retired.stop.contains(&one.version));
            }
            for version in retired.stop.iter().chain(&retired.destroy) {
                proptest::prop_assert!(!untouchable.contains(version));
                let one = environments.iter_mut().find(|e| e.version == *version).unwrap();
                proptest::prop_assert!(!one.pinned);
                let gone = retired.destroy.contains(version);
                one.wanted = if gone { Wanted::Gone } else { Wanted::Stopped };
                one.state = if gone { EnvironmentState::Destroyed } else { EnvironmentState::Stopped };
            }
            proptest::prop_assert_eq!(retire(&keep, &environments, &untouchable, before), Retired::default());
        }
    }
}
