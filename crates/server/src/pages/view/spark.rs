//! What a service has carried in the last minutes, as a row shows it.

use std::fmt::Write;

use launcher_telemetry::graph::in_words;
use launcher_telemetry::{Glance, Unit};

/// The size of a small graph, in its own units.
const WIDE: f64 = 96.0;
const HIGH: f64 = 22.0;

/// Below this share errors are drawn as if it were the largest: two in a million are no mountain.
const LEAST_ERRORS: f64 = 0.01;

/// The figures of one row.
pub(crate) struct Figures {
    /// A path through the requests of each second.
    pub(crate) requests: String,
    pub(crate) rate: String,
    /// The same as a number.
    pub(crate) per_second: f64,
    /// A path through the share of errors, on one scale for all services.
    pub(crate) errors: String,
    pub(crate) error_share: String,
    pub(crate) p99: String,
    /// More errors than anybody wants to have.
    pub(crate) is_bad: bool,
}

/// From this share of errors on somebody should look.
const BAD: f64 = 0.01;

/// The largest share of errors among services: the height of all their graphs.
pub(crate) fn most_errors<'g>(glances: impl Iterator<Item = &'g Glance>) -> f64 {
    glances.flat_map(|glance| &glance.errors).copied().fold(LEAST_ERRORS, f64::max)
}

impl Figures {
    /// Those of a service, where `most_errors` is the height of the errors' graph.
    pub(crate) fn of(glance: &Glance, most_errors: f64) -> Self {
        let most = glance.requests.iter().copied().fold(0.0, f64::max);
        let share = glance.error_share;
        Self {
            requests: path(&glance.requests, most),
            rate: rate(glance.rate),
            per_second: glance.rate,
            errors: path(&glance.errors, most_errors),
            error_share: share.map_or("–".to_owned(), |share| format!("{:.2} %", share * 100.0)),
            p99: glance.p99.map_or("–".to_owned(), |ms| in_words(ms, Unit::Milliseconds)),
            is_bad: share.is_some_and(|share| share >= BAD),
        }
    }
}

/// A line through numbers from 0 to `most`, each as far from the next; as short as it can be written.
#[expect(clippy::cast_precision_loss, reason = "they are some tens")]
fn path(values: &[f64], most: f64) -> String {
    let step = WIDE / (values.len().max(2) - 1) as f64;
    let heights: Vec<f64> = values.iter().map(|value| height(*value, most)).collect();
    let mut path = String::from("M");
    for (at, y) in heights.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| heights.get(before));
        // A straight line needs only its ends.
        if before == Some(y) && heights.get(at + 1) == Some(y) {
            continue;
        }
        let separator = if at == 0 { "" } else { " " };
        // Writing to memory does not fail.
        let _ = write!(path, "{separator}{:.0} {y}", at as f64 * step);
    }
    path
}

/// How far from the top, in whole units.
fn height(value: f64, most: f64) -> f64 {
    let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
    (HIGH - 1.0 - share * (HIGH - 3.0)).round()
}

/// Requests each second, with as many digits as tell something.
fn rate(rate: f64) -> String {
    match rate {
        ..0.05 => "0".to_owned(),
        ..10.0 => format!("{rate:.1}"),
        ..1000.0 => format!("{rate:.0}"),
        _ => {
            let thousands = (rate / 1000.0).floor();
            format!("{thousands:.0},{:03.0}", (rate - thousands * 1000.0).floor())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_short_as_it_can_be() {
        assert_eq!(path(&[0.0; 30], 0.01), "M0 21 96 21");
        assert_eq!(path(&[1.0, 0.0, 0.0, 1.0], 1.0), "M0 2 32 21 64 21 96 2");
        assert_eq!(path(&[5.0, 10.0, 5.0], 10.0), "M0 12 48 2 96 12");
        assert_eq!(path(&[2.0, f64::INFINITY], 1.0), "M0 2 96 2", "nothing leaves the picture");
    }

    #[test]
    fn figures_have_the_digits_that_tell_something() {
        let rates = [0.0, 0.04, 0.4, 11.26, 418.0, 1002.4, 12_034.0];
        let told = ["0", "0", "0.4", "11", "418", "1,002", "12,034"];
        assert_eq!(rates.map(rate), told);
    }

    #[test]
    fn errors_stand_on_one_scale_for_all() {
        let glance = |errors: f64| Glance {
            requests: vec![10.0, 10.0],
            errors: vec![0.0, errors],
            rate: 10.0,
            error_share: Some(errors),
            p99: None,
        };
        let (calm, bad) = (glance(0.001), glance(0.5));
        let most = most_errors([&calm, &bad].into_iter());
        let (calm, bad) = (Figures::of(&calm, most), Figures::of(&bad, most));
        assert_eq!((calm.errors.as_str(), bad.errors.as_str()), ("M0 21 96 21", "M0 21 96 2"));
        assert_eq!((calm.is_bad, bad.is_bad), (false, true));
        assert_eq!((bad.error_share.as_str(), bad.p99.as_str()), ("50.00 %", "–"));
        assert!((most_errors([].into_iter()) - LEAST_ERRORS).abs() < f64::EPSILON);
    }
}
