//! Which of an environment's places a task fills.

use std::collections::{BTreeMap, BTreeSet};

/// Gives each of a service's slots the number of a place. A slot up to `replicas` is the place of that
/// number. The Swarm may leave higher ones over when it has removed lower ones: those fill the gaps, in their
/// order. So the numbers are 1…`replicas`, and do not change while the slots do not.
pub(super) fn places(slots: &BTreeSet<i64>, replicas: i64) -> BTreeMap<i64, u16> {
    let mut gaps = (1..=replicas).filter(|place| !slots.contains(place));
    let place = |slot: i64, gaps: &mut dyn Iterator<Item = i64>| {
        if slot <= replicas { slot } else { gaps.next().unwrap_or(slot) }
    };
    slots
        .iter()
        .map(|slot| (*slot, u16::try_from(place(*slot, &mut gaps)).unwrap_or(u16::MAX)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_keep_their_numbers_and_higher_ones_fill_the_gaps() {
        let numbers = |slots: &[i64], replicas| {
            places(&slots.iter().copied().collect(), replicas).into_values().collect::<Vec<_>>()
        };
        assert_eq!(numbers(&[1, 2, 3], 3), [1, 2, 3]);
        assert_eq!(numbers(&[1, 3, 5], 3), [1, 3, 2]);
        assert_eq!(numbers(&[4, 7], 2), [1, 2]);
        assert_eq!(numbers(&[1, 2, 3], 2), [1, 2, 3], "a third is too many");
        assert_eq!(numbers(&[], 3), [0; 0]);
    }
}
