//! Lines of numbers from what Graphite has kept.

use std::collections::BTreeMap;

use super::web::{Found, WebError};
use super::{Graphite, Web};
use crate::measure::Measure;
use crate::query::{Line, Query, Steps};

impl Graphite {
    /// What was measured, in these steps.
    pub(crate) async fn lines(
        &self,
        web: &Web,
        query: &Query,
        steps: &Steps,
    ) -> Result<Vec<Line>, WebError> {
        let pairs = query.versions.iter();
        let pairs = pairs.flat_map(|version| query.measures.iter().map(|of| (*version, *of)));
        let pairs: Vec<_> = pairs.collect();
        if pairs.is_empty() || steps.from == steps.until {
            let line = |(version, measure)| line(version, measure, Vec::new());
            return Ok(pairs.into_iter().map(line).collect());
        }
        let name = |(version, measure)| self.names.of(&query.service, version, measure);
        let names: Vec<String> = pairs.iter().copied().map(name).collect();
        let found: Found = web.read(&names, (steps.from, steps.until)).await?;
        let nothing = Vec::new();
        let lines = pairs.into_iter().zip(&names).map(|((version, measure), name)| {
            let numbers = found.get(name).unwrap_or(&nothing);
            line(version, measure, averages(numbers, measure, steps))
        });
        Ok(lines.collect())
    }
}

fn line(
    version: launcher_model::VersionNumber,
    measure: Measure,
    values: Vec<Option<f64>>,
) -> Line {
    Line { version, measure, unit: measure.unit(), values }
}

/// The average of the numbers of each step. Of times that most requests did not exceed, that of several
/// seconds is not that of all their requests, and nobody can tell it any more.
fn averages(numbers: &[(i64, f64)], measure: Measure, steps: &Steps) -> Vec<Option<f64>> {
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
