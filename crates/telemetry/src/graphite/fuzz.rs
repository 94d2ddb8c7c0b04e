//! Doors to what Graphite answers.

use std::collections::BTreeMap;

use super::{read, web};
use crate::Measure;
use crate::embedded::Level;
use crate::query::Steps;

/// The numbers of an answer, with their times.
///
/// # Errors
/// When it is none.
pub fn graphite_answer(bytes: &[u8]) -> Result<BTreeMap<String, Vec<(i64, f64)>>, String> {
    web::read(bytes)
}

/// The averages of so many steps of ten seconds from 100 on.
#[must_use]
pub fn graphite_averages(numbers: &[(i64, f64)], steps: i64) -> Vec<Option<f64>> {
    let steps = Steps { level: Level::Second, from: 100, until: 100 + 10 * steps, step: 10 };
    read::averages(numbers, Measure::Cpu, &steps)
}
