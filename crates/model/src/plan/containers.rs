//! Which containers to create, start and remove, for an engine that does not see to that by itself.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::container::{Container, ContainerPhase};

/// One thing to do to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerStep {
    /// Create and start one.
    Create {
        /// The place that it fills.
        slot: u16,
        /// How many filled it before.
        attempt: u32,
        /// How many of those died one soon after the other.
        failures: u32,
    },
    /// Start one that was created, or that ended because it was stopped.
    Start {
        /// Which.
        id: String,
    },
    /// Remove one.
    Remove {
        /// Which.
        id: String,
    },
}

/// What to do now, and when to look again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerPlan {
    /// All of it may be done at once.
    pub steps: Vec<ContainerStep>,
    /// The earliest end of a delay.
    pub again_at: Option<Timestamp>,
}

/// The first delay before a container that died is replaced; each further one is twice as long.
const FIRST_DELAY: SignedDuration = SignedDuration::from_millis(500);
/// The longest delay.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_secs(60);
/// One that ran so long before it died begins with the first delay again.
const STEADY: SignedDuration = SignedDuration::from_secs(60);

/// Plans for one environment that shall have `replicas` running containers, and was last asked to start
/// at `since`: a container that ended before that was stopped on purpose, and is started again.
///
/// Of a place's containers the one with the highest attempt counts; the one that died before it is kept
/// for its log until the next one dies. Exit status is no reason to leave a place empty: a service
/// does not end. What runs and is too much goes once it is `released`.
#[must_use]
pub fn plan(
    replicas: u16,
    observed: &[Container],
    released: &BTreeSet<String>,
    since: Timestamp,
    now: Timestamp,
) -> ContainerPlan {
    let clock = Clock::new(since, now);
    let mut planner = Planner { clock, released, plan: ContainerPlan::default() };
    for surplus in observed.iter().filter(|container| !(1..=replicas).contains(&container.slot)) {
        planner.remove(surplus);
    }
    for slot in 1..=replicas {
        let mut filled: Vec<_> = observed.iter().filter(|c| c.slot == slot).collect();
        filled.sort_by_key(|container| Reverse(container.attempt));
        planner.fill(slot, &filled);
    }
    planner.plan
}

/// How long a place stays empty after its container died, when `failures` died soon before that one.
#[must_use]
pub fn delay_after(failures: u32) -> SignedDuration {
    let doubled = FIRST_DELAY * 2_i32.saturating_pow(failures.min(10));
    doubled.min(LONGEST_DELAY)
}

/// The times that a plan is made for, whatever was done to the clock in between.
struct Clock {
    since: Timestamp,
    now: Timestamp,
}

impl Clock {
    fn new(since: Timestamp, now: Timestamp) -> Self {
        // A clock that was set back makes everything that dies now look as if it had been stopped
        // before the start; it would be started again at once, for ever.
        let since = if since > now { Timestamp::MIN } else { since };
        Self { since, now }
    }

    /// When a delay that began at `from` is over.
    fn due(&self, from: Timestamp, delay: SignedDuration) -> Timestamp {
        // An engine's clock may go a little ahead of ours. What lies further in the future was written
        // before the clock was set back, and no one shall wait for that time to come again.
        if from.duration_since(self.now) > LONGEST_DELAY { self.now } else { from + delay }
    }
}

struct Planner<'r> {
    clock: Clock,
    released: &'r BTreeSet<String>,
    plan: ContainerPlan,
}

impl Planner<'_> {
    /// `filled` are a place's containers, the latest first.
    fn fill(&mut self, slot: u16, filled: &[&Container]) {
        let Some(current) = filled.first() else {
            self.plan.steps.push(ContainerStep::Create { slot, attempt: 0, failures: 0 });
            return;
        };
        for stale in filled.iter().skip(2) {
            self.remove(stale);
        }
        match &current.phase {
            ContainerPhase::Running { .. } => self.remove_double(filled),
            // Where it is to be is decided elsewhere, and what cannot be seen may run.
            ContainerPhase::Waiting { .. } | ContainerPhase::Lost { .. } => {}
            ContainerPhase::Created => self.start(current),
            ContainerPhase::Exited { finished, .. } if *finished < self.clock.since => {
                self.start(current);
            }
            ContainerPhase::Exited { started, finished, .. } => {
                let steady = finished.duration_since(*started) >= STEADY;
                self.replace(filled, *finished, if steady { 0 } else { self.failures(current) });
            }
            ContainerPhase::Unstartable { .. } => {
                self.replace(filled, current.created, self.failures(current));
            }
        }
    }

    /// A server that was killed between two steps may have left an older one running beside it.
    fn remove_double(&mut self, filled: &[&Container]) {
        if let Some(double) = filled.get(1).filter(|older| older.is_running()) {
            self.remove(double);
        }
    }

    /// Failures from before the last start are forgiven.
    fn failures(&self, container: &Container) -> u32 {
        if container.created < self.clock.since { 0 } else { container.failures }
    }

    fn replace(&mut self, filled: &[&Container], died: Timestamp, failures: u32) {
        let due = self.clock.due(died, delay_after(failures));
        if self.clock.now < due {
            let earliest = self.plan.again_at.map_or(due, |earlier| earlier.min(due));
            self.plan.again_at = Some(earliest);
            return;
        }
        if let Some(before) = filled.get(1) {
            self.remove(before);
        }
        self.plan.steps.push(ContainerStep::Create {
            slot: filled[0].slot,
            attempt: filled[0].attempt.saturating_add(1),
            failures: failures.saturating_add(1),
        });
    }

    fn start(&mut self, container: &Container) {
        self.plan.steps.push(ContainerStep::Start { id: container.id.clone() });
    }

    /// Removes one, unless it runs and edges may still send something there.
    fn remove(&mut self, container: &Container) {
        if container.is_running() && !self.released.contains(&container.id) {
            return;
        }
        self.plan.steps.push(ContainerStep::Remove { id: container.id.clone() });
    }
}

#[cfg(test)]
mod tests;
