//! What was measured, a row for each measure and version.

use launcher_server::api::views::MetricsView;
use launcher_telemetry::graph::in_words;
use launcher_telemetry::{HostAnswer, Measure};

use super::{Columns, Look, or_dash, plain};

/// Versions stand under each other, so that their numbers do.
pub(in crate::cli) fn table(view: &MetricsView, look: &Look) -> String {
    let mut columns = Columns::new(look, &["MEASURE", "VERSION", "MEAN", "MOST", "OVER TIME"]);
    let mut measures: Vec<Measure> = view.measured.lines.iter().map(|line| line.measure).collect();
    measures.sort();
    measures.dedup();
    for measure in measures {
        let lines = || view.measured.lines.iter().filter(|line| line.measure == measure);
        let most = lines().filter_map(|line| most(&line.values)).fold(0.0, f64::max);
        for line in lines() {
            columns.row([
                plain(measure),
                plain(line.version),
                or_dash(mean(&line.values).map(|value| in_words(value, line.unit))),
                or_dash(self::most(&line.values).map(|value| in_words(value, line.unit))),
                plain(drawn(&line.values, most)),
            ]);
        }
    }
    columns.text()
}

/// What is used stands above what there is.
pub(in crate::cli) fn of_host(answer: &HostAnswer, look: &Look) -> String {
    let mut columns = Columns::new(look, &["MEASURE", "MEAN", "MOST", "OVER TIME"]);
    for line in &answer.lines {
        let most = most(&line.values);
        columns.row([
            plain(line.measure),
            or_dash(mean(&line.values).map(|value| in_words(value, line.unit))),
            or_dash(most.map(|value| in_words(value, line.unit))),
            plain(drawn(&line.values, most.unwrap_or_default())),
        ]);
    }
    columns.text()
}

fn mean(values: &[Option<f64>]) -> Option<f64> {
    let values: Vec<f64> = values.iter().flatten().copied().collect();
    let count = u32::try_from(values.len()).ok().filter(|count| *count > 0)?;
    Some(values.iter().sum::<f64>() / f64::from(count))
}

fn most(values: &[Option<f64>]) -> Option<f64> {
    values.iter().flatten().copied().reduce(f64::max)
}

/// A character for each step, as high as its number is.
fn drawn(values: &[Option<f64>], most: f64) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let of = |value: &Option<f64>| match value {
        None => ' ',
        Some(value) if *value <= 0.0 || most <= 0.0 => HEIGHTS[0],
        Some(value) => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let height = (value / most * 7.0).ceil().clamp(0.0, 7.0) as usize;
            HEIGHTS[height]
        }
    };
    values.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    #[test]
    fn versions_stand_under_each_other() {
        let view: MetricsView = read(include_str!("fixtures/metrics.json"));
        insta::assert_snapshot!(table(&view, &look()));
    }

    #[test]
    fn what_a_host_uses_stands_above_what_it_has() {
        let answer: HostAnswer = read(include_str!("fixtures/host-metrics.json"));
        insta::assert_snapshot!(of_host(&answer, &look()));
    }
}
