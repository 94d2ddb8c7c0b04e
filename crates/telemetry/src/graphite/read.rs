//! Numbers from what Graphite has kept.

use std::collections::BTreeMap;

use super::web::{Found, WebError};
use super::{Graphite, Web};
use crate::measure::Measure;
use crate::query::{Numbers, Steps, Wanted};

impl Graphite {
    /// What was measured, in these steps.
    pub(crate) async fn numbers(
        &self,
        web: &Web,
        wanted: &[Wanted],
        steps: &Steps,
    ) -> Result<Vec<Numbers>, WebError> {
        if wanted.is_empty() || steps.from == steps.until {
            return Ok(vec![Numbers::new(); wanted.len()]);
        }
        let name = |(key, measure): &Wanted| self.names.of_key(key, *measure);
        let names: Vec<String> = wanted.iter().map(name).collect();
        let found: Found = web.read(&names, (steps.from, steps.until)).await?;
        let nothing = Vec::new();
        let numbers = wanted.iter().zip(&names).map(|((_, measure), name)| {
            averages(found.get(name).unwrap_or(&nothing), *measure, steps)
        });
        Ok(numbers.collect())
    }
}

/// The average of the numbers of each step. Of times that most requests did not exceed, that of several
/// seconds is not that of all their requests, and nobody can tell it any more. Numbers of other times, which nobody has
/// asked for, are left out.
pub(super) fn averages(numbers: &[(i64, f64)], measure: Measure, steps: &Steps) -> Numbers {
    let mut sums: BTreeMap<i64, (f64, u32)> = BTreeMap::new();
    let asked = steps.from..steps.until;
    for (at, number) in numbers.iter().filter(|(at, _)| asked.contains(at)) {
        let sum = sums.entry(at - at.rem_euclid(steps.step)).or_default();
        *sum = (sum.0 + number, sum.1 + 1);
    }
    let average = |at: i64| {
        let average = sums.get(&at).map(|(sum, count)| sum / f64::from(*count));
        average.filter(|average| average.is_finite())
    };
    steps.starts().map(|at| average(at).or_else(|| measure.of_nothing())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::embedded::Level;

    proptest! {
        #[test]
        fn whatever_is_answered_is_as_many_numbers_as_there_are_steps(
            numbers in proptest::collection::vec(
                (prop_oneof![any::<i64>(), 90_i64..140, Just(i64::MIN), Just(i64::MAX)], any::<f64>()),
                0..60,
            ),
            step in 1_i64..40,
        ) {
            let numbers: Vec<_> = numbers.into_iter().filter(|(_, it)| it.is_finite()).collect();
            let from = 100 - 100 % step;
            let steps = Steps { level: Level::Second, from, until: from + 3 * step, step };
            for measure in [Measure::Requests, Measure::Cpu] {
                let averages = averages(&numbers, measure, &steps);
                prop_assert_eq!(averages.len(), 3);
                prop_assert!(averages.into_iter().flatten().all(f64::is_finite));
            }
        }
    }

    #[test]
    fn numbers_of_a_step_are_averaged_and_none_is_what_nothing_is() {
        let steps = Steps { level: Level::Second, from: 100, until: 130, step: 10 };
        let numbers = [(100, 1.0), (109, 3.0), (125, 7.0)];
        let of = |measure| averages(&numbers, measure, &steps);
        assert_eq!(of(Measure::Requests), [Some(2.0), Some(0.0), Some(7.0)]);
        assert_eq!(of(Measure::Cpu), [Some(2.0), None, Some(7.0)]);
    }
}
