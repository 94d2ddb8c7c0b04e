//! What becomes of the environments of branches: which version a branch's hostname leads to, which are
//! replaced, which are put to sleep, and which branches are over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::VersionNumber;
use crate::branch::Branch;
use crate::environment::{Environment, EnvironmentState, Wanted};
use crate::service::Branches;

/// An edge that has come back tells within this time what was looked at while it was away.
const TELLS_WITHIN: Duration = Duration::from_secs(30);

/// What is known of a service's branches.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The service's settings.
    pub settings: &'a Branches,
    /// Its branches.
    pub branches: &'a [Branch],
    /// Its environments.
    pub environments: &'a [Environment],
    /// Versions that are live, that a deployment under way goes to or comes from, or that an edge may
    /// still send production traffic to.
    pub untouchable: &'a BTreeSet<VersionNumber>,
    /// When somebody looked at a version last, as far as edges have told since the server was started.
    pub looked: &'a BTreeMap<VersionNumber, Timestamp>,
    /// Since when all edges tell what is looked at; none while one of them is away.
    pub watched_since: Option<Timestamp>,
    /// An edge tells that much after somebody has looked.
    pub told_within: Duration,
    /// The time.
    pub now: Timestamp,
}

/// What to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// The hostnames of these branches lead to these versions from now on.
    pub moves: Vec<(String, VersionNumber)>,
    /// To be destroyed, once no edge sends requests to them.
    pub replaced: Vec<VersionNumber>,
    /// To be put to sleep.
    pub asleep: Vec<VersionNumber>,
    /// Nobody has pushed to these branches or looked at them for so long that they are to be forgotten.
    pub over: Vec<String>,
    /// How long later to decide again though nothing changes.
    pub again: Option<Duration>,
}

/// Decides. A branch that the settings do not name any more is kept until it is over: a slip in a file of
/// settings destroys nothing.
#[must_use]
pub fn decide(view: View<'_>) -> Decision {
    let mut decision = Decision::default();
    for branch in view.branches {
        let own: Vec<&Environment> = (view.environments.iter())
            .filter(|environment| environment.branch.as_deref() == Some(&branch.name))
            .filter(|environment| environment.wanted != Wanted::Gone)
            .collect();
        if let Some(newest) = newest_ready(&own).filter(|newest| Some(*newest) > branch.current) {
            decision.moves.push((branch.name.clone(), newest));
            continue;
        }
        let touchable = |one: &Environment| !one.pinned && !view.untouchable.contains(&one.version);
        let replaced = own.iter().filter(|one| is_replaced(one, branch, &own) && touchable(one));
        decision.replaced.extend(replaced.map(|one| one.version));
        let Some(watched_since) = view.watched_since else { continue };
        let current = own.iter().find(|one| Some(one.version) == branch.current);
        if let Some(current) = current.filter(|one| touchable(one) && runs(one)) {
            match sleeps_in(current, &view, watched_since) {
                Some(left) => decision.again_in(left),
                None => decision.asleep.push(current.version),
            }
        }
        if own.iter().all(|one| touchable(one)) {
            match over_in(branch, &view, watched_since) {
                Some(left) => decision.again_in(left),
                None => decision.over.push(branch.name.clone()),
            }
        }
    }
    decision
}

impl Decision {
    fn again_in(&mut self, left: Duration) {
        self.again = Some(self.again.map_or(left, |again| again.min(left)));
    }
}

fn runs(environment: &Environment) -> bool {
    environment.state == EnvironmentState::Ready && environment.wanted == Wanted::Running
}

fn newest_ready(own: &[&Environment]) -> Option<VersionNumber> {
    own.iter().filter(|one| runs(one)).map(|one| one.version).max()
}

/// Whether a newer one is in an environment's place. Of those that are on their way none is given up for
/// the next one: a branch that is pushed to more often than it starts would never be seen. One that has
/// failed stays as long as it is the newest, for what its containers have said.
fn is_replaced(environment: &Environment, branch: &Branch, own: &[&Environment]) -> bool {
    let version = environment.version;
    let newest = own.iter().map(|one| one.version).max();
    let failed = environment.state == EnvironmentState::Failed;
    branch.current.is_some_and(|current| version < current)
        || failed && Some(version) != newest && Some(version) != branch.current
}

/// How long until an environment is put to sleep, if it is not now.
fn sleeps_in(
    environment: &Environment,
    view: &View<'_>,
    watched_since: Timestamp,
) -> Option<Duration> {
    let looked = view.looked.get(&environment.version).copied().unwrap_or(environment.since);
    let since = looked.max(environment.since).max(watched_since);
    left(since, view.settings.sleep_after.duration() + view.told_within, view.now)
}

fn over_in(branch: &Branch, view: &View<'_>, watched_since: Timestamp) -> Option<Duration> {
    let idle = view.settings.idle.duration();
    let told = branch.current.and_then(|current| view.looked.get(&current).copied());
    let used = branch.pushed_at.max(branch.looked_at.unwrap_or(branch.pushed_at));
    let used = used.max(told.unwrap_or(used));
    let settled = left(watched_since, idle.min(TELLS_WITHIN), view.now);
    left(used, idle + view.told_within, view.now).max(settled)
}

/// What is left of a time that began then. What began in what is now the future, because the clock was
/// set back, begins now.
fn left(since: Timestamp, length: Duration, now: Timestamp) -> Option<Duration> {
    let passed = now.duration_since(since).max(SignedDuration::ZERO).unsigned_abs();
    length.checked_sub(passed).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests;
