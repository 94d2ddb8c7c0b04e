//! Which of an environment's running containers leave: nothing shall fill their place, or another one does.

use std::collections::{BTreeMap, BTreeSet};

use crate::container::Container;
use crate::plan::environment::Checked;

/// The ids of the containers that no edge shall send anything any more, of an environment that shall have
/// `replicas` of them: those whose place is above that number, and of several that run in one place those
/// that are older than the newest that serves.
#[must_use]
pub fn leaving<'c>(
    replicas: u16,
    containers: impl IntoIterator<Item = &'c Checked>,
) -> BTreeSet<String> {
    let mut leaving = BTreeSet::new();
    let mut places: BTreeMap<u16, Vec<&Checked>> = BTreeMap::new();
    for checked in containers.into_iter().filter(|checked| checked.container.is_running()) {
        let slot = checked.container.slot;
        if (1..=replicas).contains(&slot) {
            places.entry(slot).or_default().push(checked);
        } else {
            leaving.insert(checked.container.id.clone());
        }
    }
    for place in places.values() {
        let serving = place.iter().filter(|checked| checked.serves());
        let newest = serving.map(|checked| age(&checked.container)).max();
        let older = place.iter().filter(|checked| Some(age(&checked.container)) < newest);
        leaving.extend(older.map(|checked| checked.container.id.clone()));
    }
    leaving
}

/// How many of the places are filled by a container that serves.
#[must_use]
pub fn served_places<'c>(
    replicas: u16,
    containers: impl IntoIterator<Item = &'c Checked>,
) -> usize {
    let serving = containers.into_iter().filter(|checked| checked.serves());
    let places: BTreeSet<u16> = serving.map(|checked| checked.container.slot).collect();
    places.range(1..=replicas.max(1)).count()
}

/// What orders the containers of a place from the oldest to the newest.
fn age(container: &Container) -> (u32, jiff::Timestamp, &str) {
    (container.attempt, container.created, &container.id)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::container::{ContainerPhase, Health};
    use crate::{ServiceName, VersionNumber};

    fn up(slot: u16, attempt: u32, health: Health) -> Checked {
        let since = Timestamp::UNIX_EPOCH;
        let container = Container {
            id: format!("{slot}-{attempt}"),
            name: String::new(),
            service: ServiceName::new("shop").unwrap(),
            version: VersionNumber(1),
            slot,
            attempt,
            failures: 0,
            created: since,
            host: "a".into(),
            address: None,
            published: None,
            phase: ContainerPhase::Running { since, exec_check: None },
        };
        Checked { container, health }
    }

    fn well(slot: u16, attempt: u32) -> Checked {
        up(slot, attempt, Health::Healthy)
    }

    fn starting(slot: u16, attempt: u32) -> Checked {
        up(slot, attempt, Health::Unknown { last: None })
    }

    fn ids(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn what_is_above_the_number_leaves_at_once() {
        let all = [well(0, 0), well(1, 0), well(2, 0), starting(3, 0)];
        assert_eq!(leaving(1, &all), ids(&["0-0", "2-0", "3-0"]));
        assert_eq!(leaving(3, &all), ids(&["0-0"]));
    }

    #[test]
    fn an_older_one_leaves_when_a_newer_one_serves_in_its_place() {
        assert_eq!(leaving(2, &[well(1, 0), starting(1, 1), well(2, 0)]), ids(&[]));
        assert_eq!(leaving(2, &[well(1, 0), well(1, 1), well(2, 0)]), ids(&["1-0"]));
        let ill = up(1, 1, Health::Unhealthy { why: "no".into() });
        assert_eq!(leaving(1, &[well(1, 0), ill]), ids(&[]));
        let three = [starting(1, 2), well(1, 0), well(1, 1)];
        assert_eq!(leaving(1, &three), ids(&["1-0"]));
    }

    #[test]
    fn what_does_not_run_does_not_leave() {
        let mut waiting = starting(2, 0);
        waiting.container.phase = ContainerPhase::Waiting { why: None };
        assert_eq!(leaving(1, &[well(1, 0), waiting]), ids(&[]));
    }

    #[test]
    fn a_place_counts_once_however_many_serve_in_it() {
        let all = [well(1, 0), well(1, 1), starting(2, 0), well(3, 0)];
        assert_eq!([1, 2, 3].map(|replicas| served_places(replicas, &all)), [1, 1, 2]);
    }
}
