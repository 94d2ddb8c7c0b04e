//! The few statistics that are needed.

/// The value below which this share of the values lies; 0 for no values.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is an index")]
    let index = (last as f64 * share).ceil() as usize;
    sorted.get(index.min(last)).copied().unwrap_or_default()
}

/// The value in the middle; 0 for no values.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The median of the ratios of what was measured in the same round: what disturbs a whole round, disturbs
/// both.
pub(crate) fn ratio_of_pairs(ours: &[f64], theirs: &[f64]) -> f64 {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    median(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&values, 0.99), 100.0);
        assert_eq!(quantile(&values[..3], 0.5), 99.0);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn pairs_are_compared_before_the_median_is_taken() {
        // One slow round, in which both were slow.
        assert_eq!(ratio_of_pairs(&[100.0, 10.0, 100.0], &[200.0, 20.0, 200.0]), 0.5);
    }
}
