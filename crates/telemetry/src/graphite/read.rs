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
/// seconds is not that of all their requests, and nobody can tell it any more.
fn averages(numbers: &[(i64, f64)], measure: Measure, steps: &Steps) -> Numbers {
    let mut sums: BTreeMap<i64, (f64, u32)> = BTreeMap::new();
    for (at, number) in numbers {
        let sum = sums.entry(at - at.rem_euclid(steps.step)).or_default();
        *sum = (sum.0 + number, sum.1 + 1);
    }
    let average = |at: i64| sums.get(&at).map(|(sum, count)| sum / f64::from(*count));
    steps.starts().map(|at| average(at).or_else(|| measure.of_nothing())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::Level;

    #[test]
    fn numbers_of_a_step_are_averaged_and_none_is_what_nothing_is() {
        let steps = Steps { level: Level::Second, from: 100, until: 130, step: 10 };
        let numbers = [(100, 1.0), (109, 3.0), (125, 7.0)];
        let of = |measure| averages(&numbers, measure, &steps);
        assert_eq!(of(Measure::Requests), [Some(2.0), Some(0.0), Some(7.0)]);
        assert_eq!(of(Measure::Cpu), [Some(2.0), None, Some(7.0)]);
    }
}
