//! What a Swarm forgets: it keeps a place's last few tasks alone.

use std::collections::HashMap;

use bollard::models::{Node, Task, TaskState};
use jiff::{SignedDuration, Timestamp};

use super::task::{ended, has_failed, made, stamp, state};

/// A container that ran so long before it died begins a new row of failures.
const STEADY: SignedDuration = SignedDuration::from_secs(60);

/// What is known of tasks beyond what the Swarm says of them now.
#[derive(Debug, Default)]
pub(super) struct Memory {
    tasks: HashMap<String, Known>,
    /// The last of each service's places.
    places: HashMap<(String, i64), Last>,
}

/// What is known of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// How many tasks filled its place before it.
    pub(super) attempt: u32,
    /// How many of those failed one soon after the other.
    pub(super) failures: u32,
    /// When it was first seen to run.
    pub(super) started: Option<Timestamp>,
    /// When its host was first seen to be down.
    pub(super) lost: Option<Timestamp>,
    /// Whether it has failed, soon after it was started.
    failed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    attempt: u32,
    failures: u32,
    failed: bool,
}

impl Memory {
    /// What is known of a task that was there at the last look.
    pub(super) fn of(&self, task: &Task) -> Option<Known> {
        self.tasks.get(task.id.as_deref()?).copied()
    }

    /// Looks at all tasks of this installation. What is gone is forgotten, but not which number its place
    /// had come to while others of that service are there.
    pub(super) fn learn(&mut self, tasks: &[Task], nodes: &[Node]) {
        let down = |task: &Task| is_lost(task, nodes);
        let mut in_order: Vec<&Task> = tasks.iter().collect();
        in_order.sort_by_key(|task| made(task));
        let mut before = std::mem::take(&mut self.tasks);
        for task in in_order {
            let (Some(id), Some(service), Some(slot)) = (&task.id, &task.service_id, task.slot)
            else {
                continue;
            };
            let place = (service.clone(), slot);
            let known = before.remove(id).unwrap_or_else(|| Known::after(self.places.get(&place)));
            let known = known.with(task, down(task));
            self.tasks.insert(id.clone(), known);
            let last = self.places.get(&place).is_none_or(|last| last.attempt <= known.attempt);
            if last {
                self.places.insert(place, Last::from(known));
            }
        }
        let there: std::collections::HashSet<&str> =
            tasks.iter().filter_map(|task| task.service_id.as_deref()).collect();
        self.places.retain(|(service, _), _| there.contains(service.as_str()));
    }
}

impl Known {
    fn after(last: Option<&Last>) -> Self {
        let attempt = last.map_or(0, |last| last.attempt.saturating_add(1));
        let failures = last.filter(|last| last.failed).map_or(0, |last| last.failures + 1);
        Self { attempt, failures, started: None, lost: None, failed: false }
    }

    fn with(mut self, task: &Task, down: bool) -> Self {
        if state(task) == TaskState::RUNNING {
            self.started = self.started.or_else(|| stamp(task));
        }
        self.lost = if down { self.lost.or_else(|| Some(Timestamp::now())) } else { None };
        let lived = stamp(task).zip(self.started).map(|(end, start)| end.duration_since(start));
        let steady = lived.is_some_and(|lived| lived >= STEADY);
        self.failed = ended(task) && has_failed(task) && !steady;
        self
    }
}

impl From<Known> for Last {
    fn from(known: Known) -> Self {
        Self { attempt: known.attempt, failures: known.failures, failed: known.failed }
    }
}

fn is_lost(task: &Task, nodes: &[Node]) -> bool {
    let node = nodes.iter().find(|node| node.id.is_some() && node.id == task.node_id);
    node.is_some_and(super::read::is_down)
}

#[cfg(test)]
mod tests {
    use super::super::task::sample::task;
    use super::*;

    #[test]
    fn a_place_counts_on_when_the_swarm_has_forgotten_its_first_tasks() {
        let mut memory = Memory::default();
        let first = task("a", 1, TaskState::FAILED, "2026-01-01T00:00:01Z");
        let second = task("b", 1, TaskState::FAILED, "2026-01-01T00:00:02Z");
        let third = task("c", 1, TaskState::RUNNING, "2026-01-01T00:00:03Z");
        memory.learn(&[second.clone(), first], &[]);
        memory.learn(&[second.clone(), third.clone()], &[]);
        let known = |task: &Task| memory.of(task).map(|known| (known.attempt, known.failures));
        assert_eq!(known(&second), Some((1, 1)));
        assert_eq!(known(&third), Some((2, 2)));
    }

    #[test]
    fn one_that_was_shut_down_has_not_failed() {
        let mut memory = Memory::default();
        let moved = task("a", 1, TaskState::SHUTDOWN, "2026-01-01T00:00:01Z");
        let next = task("b", 1, TaskState::RUNNING, "2026-01-01T00:00:02Z");
        memory.learn(&[moved, next.clone()], &[]);
        let known = memory.of(&next).unwrap();
        assert_eq!((known.attempt, known.failures), (1, 0));
    }
}
