//! How long things took, as a histogram with the steps that people ask for.

use std::sync::{Arc, Mutex, PoisonError};

use launcher_model::measure::Histogram;
use prometheus::core::{Collector, Desc};
use prometheus::proto;

/// The steps, in microseconds.
const STEPS: [u64; 14] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000,
];

/// Histograms of one name. A step counts what took as long or less, as far as our own finer buckets tell:
/// within 1 % of the step.
#[derive(Debug, Clone)]
pub struct Times {
    desc: Desc,
    labels: Arc<[String]>,
    set: Arc<Mutex<Set>>,
}

/// Histograms by the values of their labels.
type Set = Vec<(Vec<String>, Histogram)>;

impl Times {
    pub(crate) fn new(name: &str, help: &str, labels: &[&str]) -> Result<Self, prometheus::Error> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let (name, help) = (name.to_owned(), help.to_owned());
        let desc = Desc::new(name, help, labels.clone(), Default::default())?;
        Ok(Self { desc, labels: labels.into(), set: Arc::default() })
    }

    /// Says what one of them is, by the values of its labels.
    ///
    /// # Errors
    /// When there are not as many values as labels.
    pub fn set(&self, labels: &[&str], histogram: Histogram) -> Result<(), prometheus::Error> {
        if labels.len() != self.labels.len() {
            let (expect, got) = (self.labels.len(), labels.len());
            return Err(prometheus::Error::InconsistentCardinality { expect, got });
        }
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        set.push((labels, histogram));
        Ok(())
    }
}

impl Collector for Times {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = set.iter().map(|(values, histogram)| {
            let mut metric = proto::Metric::default();
            let pairs = self.labels.iter().zip(values);
            metric.set_label(pairs.map(|(name, value)| pair(name, value)).collect());
            metric.set_histogram(steps(histogram));
            metric
        });
        let mut family = proto::MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(proto::MetricType::HISTOGRAM);
        family.set_metric(metrics.collect());
        vec![family]
    }
}

fn pair(name: &str, value: &str) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn steps(histogram: &Histogram) -> proto::Histogram {
    let buckets = STEPS.map(|step| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(seconds(step));
        bucket.set_cumulative_count(histogram.at_most(step));
        bucket
    });
    let mut steps = proto::Histogram::default();
    steps.set_bucket(buckets.to_vec());
    steps.set_sample_count(histogram.count());
    steps.set_sample_sum(seconds(histogram.sum_us()));
    steps
}

#[expect(clippy::cast_precision_loss, reason = "what is counted stays below 2^53")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Page;

    #[test]
    fn steps_count_what_took_as_long_or_less() {
        let mut histogram = Histogram::default();
        [500, 1_000, 3_000, 40_000_000].into_iter().for_each(|us| histogram.record(us));
        let page = Page::default();
        let times = page.times("a_seconds", "Times.", &["service"]).unwrap();
        times.set(&["shop"], histogram).unwrap();
        assert!(times.set(&[], Histogram::default()).is_err());
        let text = page.text().unwrap();
        for line in [
            "# TYPE a_seconds histogram",
            "a_seconds_bucket{service=\"shop\",le=\"0.001\"} 2",
            "a_seconds_bucket{service=\"shop\",le=\"0.005\"} 3",
            "a_seconds_bucket{service=\"shop\",le=\"30\"} 3",
            "a_seconds_bucket{service=\"shop\",le=\"+Inf\"} 4",
            "a_seconds_sum{service=\"shop\"} 40.0045",
            "a_seconds_count{service=\"shop\"} 4",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        }
    }
}
