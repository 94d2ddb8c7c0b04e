//! Where a number or a time is in the picture, and which of them stand at its edge.

use crate::measure::Unit;

/// The numbers of the vertical axis, from 0 to the top.
pub(super) struct Scale {
    pub(super) top: f64,
    pub(super) ticks: Vec<f64>,
}

impl Scale {
    /// One on which `highest` has its place.
    pub(super) fn of(highest: f64, unit: Unit) -> Self {
        let highest = if highest.is_finite() && highest > 0.0 { highest } else { least(unit) };
        let rough = highest / 3.0;
        let step = match unit {
            // Steps that are round in the unit in which they are read.
            Unit::Bytes | Unit::BytesPerSecond => {
                let power = rough.max(1.0).log2().floor();
                let base = 1024f64.powf((power / 10.0).floor());
                base * round_of_two(rough / base)
            }
            _ => round(rough),
        };
        let steps = (highest / step).ceil().max(1.0);
        let mut ticks = vec![0.0];
        while let Some(last) = ticks.last().filter(|last| **last < step * (steps - 0.5)) {
            ticks.push(last + step);
        }
        Self { top: step * steps, ticks }
    }
}

/// What the top is when all is 0.
fn least(unit: Unit) -> f64 {
    match unit {
        Unit::Bytes | Unit::BytesPerSecond => 1024.0,
        Unit::Milliseconds => 10.0,
        _ => 1.0,
    }
}

/// The next of 1, 2, 2.5, 5 and their multiples by ten.
fn round(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let of = value / power;
    let next = [1.0, 2.0, 2.5, 5.0].into_iter().find(|step| of <= *step + 1e-9).unwrap_or(10.0);
    next * power
}

/// The next power of two: what is read in steps of 1,024 is round in these alone.
fn round_of_two(value: f64) -> f64 {
    2f64.powf(value.log2().ceil())
}

/// The times that stand under a picture of this span, in seconds.
pub(super) fn times(from: i64, until: i64, most: i64) -> (i64, Vec<i64>) {
    const STEPS: [i64; 13] =
        [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400];
    let least = (until - from) / most.max(1);
    let step = STEPS.into_iter().find(|step| *step >= least);
    let step = step.unwrap_or_else(|| (least + 86_399) / 86_400 * 86_400);
    let first = from + (step - from.rem_euclid(step)) % step;
    let mut times = Vec::new();
    let mut at = first;
    while at <= until {
        times.push(at);
        at += step;
    }
    (step, times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_have_room_for_the_highest() {
        for (highest, unit, ticks) in [
            (0.0, Unit::PerSecond, vec![0.0, 0.5, 1.0]),
            (7.0, Unit::PerSecond, vec![0.0, 2.5, 5.0, 7.5]),
            (100.0, Unit::Milliseconds, vec![0.0, 50.0, 100.0]),
            (f64::NAN, Unit::Count, vec![0.0, 0.5, 1.0]),
            (200.0 * 1024.0 * 1024.0, Unit::Bytes, vec![0.0, 134_217_728.0, 268_435_456.0]),
            (1400.0, Unit::BytesPerSecond, vec![0.0, 512.0, 1024.0, 1536.0]),
            (0.0, Unit::Bytes, vec![0.0, 512.0, 1024.0]),
        ] {
            let scale = Scale::of(highest, unit);
            assert_eq!(scale.ticks, ticks, "{highest}");
            assert_eq!(scale.top, *ticks.last().unwrap());
        }
    }

    #[test]
    fn times_are_round() {
        assert_eq!(times(100, 400, 5), (60, vec![120, 180, 240, 300, 360]));
        assert_eq!(times(0, 30 * 86_400, 6).0, 5 * 86_400);
        assert_eq!(times(5, 5, 5), (10, vec![]));
    }
}
