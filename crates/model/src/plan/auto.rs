//! Which version goes live by itself, and what it waits for.

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shares;
use crate::VersionNumber;
use crate::route::{Deployment, DeploymentState, Route};
use crate::service::{Deploy, Frozen};

/// How long after it failed to go live a version is tried again. After the last one it is a person's turn.
pub const RETRIES: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
];

/// A version of the branch that goes live by itself, whose environment is ready or on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The version.
    pub version: VersionNumber,
    /// Since when it could be live; none while it could not.
    pub ready_since: Option<Timestamp>,
}

/// What the decision is made from.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// In any order.
    pub candidates: &'a [Candidate],
    /// What is live.
    pub route: &'a Route,
    /// The service's deployments, newest first; as many as are looked at.
    pub history: &'a [Deployment],
    /// The time.
    pub now: Timestamp,
}

/// What a version that shall go live by itself waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// Its environment is not ready, or not whole.
    Ready,
    /// The time that people have to look at it.
    After,
    /// The end of a freeze.
    Freeze,
    /// The end of the deployment that is under way.
    Deployment,
    /// The next try: the last one was aborted.
    Retry,
    /// Nothing that comes by itself: a person has switched since it was launched. The next new version of the
    /// branch goes live by itself again.
    NextVersion,
    /// A person: it was tried too often.
    Person,
}

/// The version that goes live by itself next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan<'a> {
    /// Which.
    pub version: VersionNumber,
    /// What it waits for; nothing when it is to go live now.
    pub waits_for: Option<WaitsFor>,
    /// Until when, where that is known.
    pub at: Option<Timestamp>,
    /// The freeze that it waits for.
    pub frozen: Option<Frozen<'a>>,
}

/// The newest version of the branch, when it is newer than all that is live.
#[must_use]
pub fn newest(candidates: &[Candidate], route: &Route) -> Option<Candidate> {
    let newest = candidates.iter().max_by_key(|candidate| candidate.version)?;
    route.live().all(|live| live < newest.version).then_some(*newest)
}

/// Decides about the newest version of the branch. None when there is none that is newer than what is live.
#[must_use]
pub fn decide<'a>(deploy: &'a Deploy, view: View<'_>) -> Option<Plan<'a>> {
    let candidate = newest(view.candidates, view.route)?;
    let version = candidate.version;
    let plan = |waits_for, at| Plan { version, waits_for: Some(waits_for), at, frozen: None };
    if by_a_person_since(view.history, version) {
        return Some(plan(WaitsFor::NextVersion, None));
    }
    let Some(since) = candidate.ready_since else { return Some(plan(WaitsFor::Ready, None)) };
    let tries = aborted(view.history, version);
    if tries.len() > RETRIES.len() {
        return Some(plan(WaitsFor::Person, None));
    }
    let after = deploy.after.map_or(Duration::ZERO, crate::Span::duration);
    let due = saturating(since, after);
    let again = again_at(&tries, view.now);
    let (waits_for, due) = match again.filter(|again| *again > due) {
        Some(again) => (WaitsFor::Retry, again),
        None => (WaitsFor::After, due),
    };
    if let Some(frozen) = deploy.frozen(due.max(view.now)) {
        let at = Some(frozen.until);
        return Some(Plan { frozen: Some(frozen), ..plan(WaitsFor::Freeze, at) });
    }
    if due > view.now {
        return Some(plan(waits_for, Some(due)));
    }
    if view.history.iter().any(|deployment| deployment.state.blocks_others()) {
        return Some(plan(WaitsFor::Deployment, None));
    }
    Some(Plan { version, waits_for: None, at: None, frozen: None })
}

/// Whether a person has decided what is live when there was this version already.
fn by_a_person_since(history: &[Deployment], version: VersionNumber) -> bool {
    let by_person = |one: &&Deployment| !one.automatic && one.state != DeploymentState::Aborted;
    history.iter().find(by_person).is_some_and(|last| last.newest >= Some(version))
}

/// When tries to put a version live by itself were aborted, newest first.
fn aborted(history: &[Deployment], version: VersionNumber) -> Vec<Timestamp> {
    let own = history.iter().filter(|one| {
        one.automatic
            && one.state == DeploymentState::Aborted
            && shares::whole(&one.to) == Some(version)
    });
    own.map(|one| one.finished_at.unwrap_or(one.created_at)).collect()
}

/// When it is tried again. At once when the last time is yet to come: then the clock was set back.
fn again_at(tries: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
    let last = *tries.first().filter(|last| **last <= now)?;
    RETRIES.get(tries.len() - 1).map(|wait| saturating(last, *wait))
}

fn saturating(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

impl Plan<'_> {
    /// The plan in a sentence, for a person who knows what time it is.
    #[must_use]
    pub fn told(&self, deploy: &Deploy, now: Timestamp) -> String {
        let version = self.version;
        let branch = deploy.auto.as_deref().unwrap_or_default();
        let at = self.at.map(|at| deploy.clock(at, now)).unwrap_or_default();
        match self.waits_for {
            None => format!("{version} goes live by itself now"),
            Some(WaitsFor::Ready) => format!("{version} goes live by itself once it is ready"),
            Some(WaitsFor::After) => format!("{version} goes live by itself at {at}"),
            Some(WaitsFor::Freeze) => {
                let until = self.frozen.map(|frozen| frozen.until_told(now)).unwrap_or(at);
                format!(
                    "{version} waits for the freeze to end, {until}, and goes live by itself then"
                )
            }
            Some(WaitsFor::Deployment) => {
                format!("{version} goes live by itself after the deployment that is under way")
            }
            Some(WaitsFor::Retry) => {
                format!("{version} could not go live by itself, and is tried again at {at}")
            }
            Some(WaitsFor::NextVersion) => format!(
                "{version} does not go live by itself: a person has switched since it was launched; \
                 the next new version of {branch} does"
            ),
            Some(WaitsFor::Person) => format!(
                "{version} could not go live by itself in {} tries; it is for a person to deploy it",
                RETRIES.len() + 1
            ),
        }
    }
}
