//! What can be asked, and what is answered.

use launcher_model::{ServiceName, VersionNumber};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::embedded::Level;
use crate::key::Key;
use crate::measure::{Kind, Measure, Unit};

/// As many numbers a line has at most.
pub(crate) const MOST_STEPS: i64 = 1500;

/// As many numbers a line has when nobody says how long a step shall be.
const STEPS: i64 = 240;

/// Steps that people read easily, in seconds.
const ROUND: [i64; 14] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600];

/// Which numbers of a service's versions, and of when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The service.
    pub service: ServiceName,
    /// The versions.
    pub versions: Vec<VersionNumber>,
    /// What is wanted of each.
    pub measures: Vec<Measure>,
    /// The first second, since 1970.
    pub from: i64,
    /// The first second after the last.
    pub until: i64,
    /// How many seconds a number is of; as many as give some hundred numbers when nothing is said.
    pub step: Option<i64>,
}

/// Which numbers of a host, and of when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostQuery {
    /// The host.
    pub host: String,
    /// What is wanted of it, of [`Measure::OF_HOSTS`].
    pub measures: Vec<Measure>,
    /// The first second, since 1970.
    pub from: i64,
    /// The first second after the last.
    pub until: i64,
    /// How many seconds a number is of; as many as give some hundred numbers when nothing is said.
    pub step: Option<i64>,
}

/// One line of numbers that is wanted: a measure, and of what.
pub(crate) type Wanted = (Key, Measure);

/// A number for each step; none where nothing was measured.
pub(crate) type Numbers = Vec<Option<f64>>;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// The second at which the first step begins, since 1970.
    pub from: i64,
    /// The first second after the last step.
    pub until: i64,
    /// The length of a step, in seconds. Longer than what was asked for, where nothing finer was kept.
    pub step: i64,
    /// One for each version and measure.
    pub lines: Vec<Line>,
}

/// One measure of one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// The version.
    pub version: VersionNumber,
    /// What the numbers say.
    pub measure: Measure,
    /// In what they are counted.
    pub unit: Unit,
    /// One for each step; null where nothing was measured.
    pub values: Vec<Option<f64>>,
}

/// What was measured of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostAnswer {
    /// The second at which the first step begins, since 1970.
    pub from: i64,
    /// The first second after the last step.
    pub until: i64,
    /// The length of a step, in seconds. Longer than what was asked for, where nothing finer was kept.
    pub step: i64,
    /// One for each measure.
    pub lines: Vec<HostLine>,
}

/// One measure of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostLine {
    /// What the numbers say.
    pub measure: Measure,
    /// In what they are counted.
    pub unit: Unit,
    /// One for each step; null where nothing was measured.
    pub values: Vec<Option<f64>>,
}

impl Query {
    /// The version and measure of each line, in their order.
    pub(crate) fn lines(&self) -> Vec<(VersionNumber, Measure)> {
        let of = |version: &VersionNumber| {
            let version = *version;
            self.measures.iter().map(move |measure| (version, *measure))
        };
        self.versions.iter().flat_map(of).collect()
    }
}

/// The span of an answer: whole steps, of a level that has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) level: Level,
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) step: i64,
}

impl Steps {
    /// Those of a span from one second until another, that is asked for now, when everything has been told
    /// up to `told`.
    pub(crate) fn of(
        measures: &[Measure],
        (from, until): (i64, i64),
        step: Option<i64>,
        (now, told): (i64, i64),
    ) -> Self {
        let until = until.min(told);
        let from = from.min(until);
        let least = ((until - from) / MOST_STEPS + 1).max(step.unwrap_or(0));
        let least = step.map_or(((until - from) / STEPS).max(least), |_| least);
        let uses = measures.iter().any(|measure| measure.kind() == Kind::Usage);
        let step = if uses { least.max(Level::TenSeconds.step()) } else { least };
        let step = ROUND.into_iter().find(|round| *round >= step).unwrap_or(step);
        let level = Level::for_span(from, now, step);
        let step = round_up(step.max(level.step()), level.step());
        let from = from - from.rem_euclid(step);
        Self { level, from, until: (until - until.rem_euclid(step)).max(from), step }
    }

    /// When each of them begins.
    pub(crate) fn starts(&self) -> impl Iterator<Item = i64> + use<> {
        let Self { from, until, step, .. } = *self;
        (0..).map(move |n| from + n * step).take_while(move |at| *at < until)
    }
}

fn round_up(step: i64, of: i64) -> i64 {
    (step + of - 1).div_euclid(of) * of
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_007;

    fn steps(ago: i64, step: Option<i64>, measure: Measure) -> Steps {
        Steps::of(&[measure], (NOW - ago, NOW), step, (NOW, NOW - 3))
    }

    #[test]
    fn steps_are_round_and_whole_and_some_hundred() {
        for (ago, step) in [(60, 1), (900, 5), (3600, 20), (86_400, 600), (30 * 86_400, 3 * 3600)] {
            let steps = steps(ago, None, Measure::Requests);
            assert_eq!(steps.step, step, "{ago}");
            assert_eq!((steps.from % step, steps.until % step), (0, 0));
            assert!(steps.until <= NOW - 3 && steps.starts().count() <= 250);
        }
    }

    #[test]
    fn what_is_not_kept_so_finely_comes_in_longer_steps() {
        assert_eq!(steps(3600, Some(1), Measure::Requests).step, 10);
        assert_eq!(steps(60, Some(1), Measure::Cpu).step, 10);
        assert_eq!(steps(10 * 86_400, Some(60), Measure::Requests).step, 600);
        assert_eq!(steps(20 * 86_400, Some(60), Measure::Requests).step, 3600);
        assert_eq!(steps(600, Some(7), Measure::Requests).step, 10);
    }

    #[test]
    fn a_span_in_the_future_or_backwards_is_empty() {
        assert_eq!(steps(-500, None, Measure::Requests).starts().count(), 0);
        assert_eq!(steps(0, Some(86_400), Measure::Requests).starts().count(), 0);
    }
}
