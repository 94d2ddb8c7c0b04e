//! Which containers to create, start and remove, for an engine that does not see to that by itself.

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
/// does not end.
#[must_use]
pub fn plan(
    replicas: u16,
    observed: &[Container],
    since: Timestamp,
    now: Timestamp,
) -> ContainerPlan {
    let mut plan = ContainerPlan::default();
    for surplus in observed.iter().filter(|container| container.slot > replicas) {
        plan.steps.push(ContainerStep::Remove { id: surplus.id.clone() });
    }
    for slot in 1..=replicas {
        let mut filled: Vec<_> = observed.iter().filter(|c| c.slot == slot).collect();
        filled.sort_by_key(|container| std::cmp::Reverse(container.attempt));
        plan_slot(slot, &filled, since, now, &mut plan);
    }
    plan
}

fn plan_slot(
    slot: u16,
    filled: &[&Container],
    since: Timestamp,
    now: Timestamp,
    plan: &mut ContainerPlan,
) {
    let Some(current) = filled.first() else {
        plan.steps.push(ContainerStep::Create { slot, attempt: 0 });
        return;
    };
    for stale in filled.iter().skip(2) {
        plan.steps.push(ContainerStep::Remove { id: stale.id.clone() });
    }
    match &current.phase {
        ContainerPhase::Running { .. } => {
            // A server that was killed between two steps may have left an older one running beside it.
            for doubled in filled.iter().skip(1).filter(|older| older.is_running()) {
                plan.steps.push(ContainerStep::Remove { id: doubled.id.clone() });
            }
        }
        ContainerPhase::Created => {
            plan.steps.push(ContainerStep::Start { id: current.id.clone() });
        }
        ContainerPhase::Unstartable { .. } => {
            replace(slot, filled, now, now + delay_after(current.attempt), plan);
        }
        ContainerPhase::Exited { finished, .. } if *finished < since => {
            plan.steps.push(ContainerStep::Start { id: current.id.clone() });
        }
        ContainerPhase::Exited { started, finished, .. } => {
            let steady = finished.duration_since(*started) >= STEADY;
            let delay = delay_after(if steady { 0 } else { current.attempt });
            // A clock that was set back must not hold a replacement for longer than its delay.
            let due = (*finished + delay).min(now + delay);
            replace(slot, filled, now, due, plan);
        }
    }
}

fn replace(
    slot: u16,
    filled: &[&Container],
    now: Timestamp,
    due: Timestamp,
    plan: &mut ContainerPlan,
) {
    if now < due {
        plan.again_at = Some(plan.again_at.map_or(due, |earlier| earlier.min(due)));
        return;
    }
    if let Some(before) = filled.get(1) {
        plan.steps.push(ContainerStep::Remove { id: before.id.clone() });
    }
    plan.steps.push(ContainerStep::Create { slot, attempt: filled[0].attempt.saturating_add(1) });
}

fn delay_after(attempt: u32) -> SignedDuration {
    let doubled = FIRST_DELAY * 2_i32.saturating_pow(attempt.min(10));
    doubled.min(LONGEST_DELAY)
}
