//! Which versions are asked for files that the live ones do not have.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;

use crate::environment::Environment;
use crate::route::{Deployment, DeploymentState, Weights};
use crate::{Span, VersionNumber};

/// So many versions that left are asked at most: each costs a request that nobody has a file for as much
/// again.
pub const MOST: usize = 3;

/// Versions that were live a short while ago.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lately {
    /// The one that left last comes first.
    pub versions: Vec<VersionNumber>,
    /// How long until the first of them is so no longer.
    pub wait: Option<Duration>,
}

impl Lately {
    /// Whether an environment may be one: it was used a short while ago, and is not live.
    #[must_use]
    pub fn may_have(environment: &Environment, live: &Weights, keep: Span, now: Timestamp) -> bool {
        !live.contains_key(&environment.version) && left(environment, keep, now).is_some()
    }
}

/// The versions that left at most `keep` ago what is `live`.
///
/// `history` is the service's deployments; what one of them came from was live.
#[must_use]
pub fn lately(
    history: &[Deployment],
    environments: &[Environment],
    live: &Weights,
    keep: Span,
    now: Timestamp,
) -> Lately {
    use DeploymentState::{Committing, Done, Draining};
    let decided = history.iter().filter(|one| matches!(one.state, Committing | Draining | Done));
    let was_live = |version| decided.clone().any(|one| one.from.contains_key(&version));
    let mut left: Vec<(Timestamp, VersionNumber, Duration)> = environments
        .iter()
        .filter(|one| !live.contains_key(&one.version) && was_live(one.version))
        .filter_map(|one| Some((one.last_used, one.version, left(one, keep, now)?)))
        .collect();
    left.sort_by_key(|(used, version, _)| Reverse((*used, *version)));
    left.truncate(MOST);
    let wait = left.iter().map(|(.., wait)| *wait).min();
    Lately { versions: left.into_iter().map(|(_, version, _)| version).collect(), wait }
}

/// For how long an environment still counts as one that was live lately.
fn left(environment: &Environment, keep: Span, now: Timestamp) -> Option<Duration> {
    let ago = Duration::try_from(now.duration_since(environment.last_used)).unwrap_or_default();
    keep.duration().checked_sub(ago).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::EnvironmentState;
    use crate::plan::samples;
    use crate::route::DeploymentKind;
    use crate::{DeploymentId, ServiceName, Weight};

    fn environment(version: u32, used: i64) -> Environment {
        let last_used = Timestamp::from_second(used).unwrap();
        Environment { last_used, ..samples::environment(version, EnvironmentState::Ready) }
    }

    fn weights(versions: &[u32]) -> Weights {
        let all = Weight::new(100).unwrap();
        versions.iter().map(|version| (VersionNumber(*version), all)).collect()
    }

    fn deployment(state: DeploymentState, from: &[u32], to: &[u32]) -> Deployment {
        Deployment {
            id: DeploymentId(1),
            service: ServiceName::new("shop").unwrap(),
            kind: DeploymentKind::Deploy,
            state,
            from: weights(from),
            to: weights(to),
            generation: None,
            by: "mika".into(),
            automatic: false,
            newest: None,
            note: None,
            created_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
            abort_reason: None,
            receipt: None,
        }
    }

    #[test]
    fn versions_that_left_are_asked_for_a_while() {
        use DeploymentState::{Aborted, Done, Draining, Preparing};
        let history = [
            deployment(Draining, &[41], &[42]),
            deployment(Aborted, &[39], &[41]),
            deployment(Preparing, &[38], &[41]),
            deployment(Done, &[40], &[41]),
            deployment(Done, &[42], &[40]),
        ];
        let environments = [
            environment(37, 1000),
            environment(38, 1000),
            environment(39, 1000),
            environment(40, 960),
            environment(41, 1000),
            environment(42, 1000),
            // It waits to be deployed.
            environment(43, 1000),
        ];
        let at = |second: i64| {
            let now = Timestamp::from_second(second).unwrap();
            let found = lately(&history, &environments, &weights(&[42]), Span::secs(60), now);
            let versions: Vec<u32> = found.versions.iter().map(|version| version.0).collect();
            (versions, found.wait.map(|wait| wait.as_secs()))
        };
        assert_eq!(at(1000), (vec![41, 40], Some(20)));
        assert_eq!(at(1020), (vec![41], Some(40)));
        assert_eq!(at(1059), (vec![41], Some(1)));
        assert_eq!(at(1060), (vec![], None));
        // A clock that was set back makes no time longer than it is.
        assert_eq!(at(900), (vec![41, 40], Some(60)));
    }

    #[test]
    fn a_few_are_enough() {
        let history: Vec<_> =
            (1..9).map(|n| deployment(DeploymentState::Done, &[n], &[n + 1])).collect();
        let environments: Vec<_> = (1..9).map(|n| environment(n, i64::from(n))).collect();
        let now = Timestamp::from_second(10).unwrap();
        let found = lately(&history, &environments, &weights(&[9]), Span::secs(60), now);
        assert_eq!(found.versions, [8, 7, 6].map(VersionNumber));
    }
}
