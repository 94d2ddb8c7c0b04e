//! What is measured, as numbers with names: one point for each number, time and thing.

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::gathered::{New, Told};

use super::histogram::{self, Shape};
use super::words;

mod names;

use names::{Instrument, LATENCY, Number, counts, key_attributes, levels};

/// A number, or a distribution of them, of one thing in a span of time.
#[derive(Debug, Clone)]
pub(super) struct Point {
    of: &'static Instrument,
    /// What says of what it is. All points of one thing and time share it while they wait.
    about: Arc<[KeyValue]>,
    /// Without these attributes.
    data: Data,
}

#[derive(Debug, Clone)]
enum Data {
    Count(NumberDataPoint),
    Level(NumberDataPoint),
    Exponential(ExponentialHistogramDataPoint),
    Explicit(HistogramDataPoint),
}

/// What has come of a time.
pub(super) fn points(told: Told, news: &[New], shape: Shape) -> Vec<Point> {
    let (at, seconds) = told.span();
    let span = (words::nanos_of_second(at), words::nanos_of_second(at + i64::from(seconds)));
    let mut points = Vec::new();
    for New { key, new, whole } in news {
        let about: Arc<[KeyValue]> = key_attributes(key).into();
        let mut add = |of, data| points.push(Point { of, about: Arc::clone(&about), data });
        for (of, extra, number) in counts(new) {
            add(of, Data::Count(number_point(span, extra, number)));
        }
        for (of, number) in whole.as_ref().map(levels).unwrap_or_default() {
            add(of, Data::Level(number_point(span, None, number)));
        }
        if let crate::Value::Traffic(traffic) = new
            && traffic.latency.count() > 0
        {
            add(&LATENCY, times(span, &traffic.latency, shape));
        }
    }
    points
}

fn number_point(
    (start, end): (u64, u64),
    extra: Option<KeyValue>,
    number: Number,
) -> NumberDataPoint {
    let value = match number {
        Number::Whole(number) => {
            number_data_point::Value::AsInt(i64::try_from(number).unwrap_or(i64::MAX))
        }
        Number::Seconds(seconds) => number_data_point::Value::AsDouble(seconds),
    };
    NumberDataPoint {
        attributes: extra.into_iter().collect(),
        start_time_unix_nano: start,
        time_unix_nano: end,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn times((start, end): (u64, u64), of: &launcher_model::measure::Histogram, shape: Shape) -> Data {
    #[expect(clippy::cast_precision_loss, reason = "sums of times stay below 2^53 µs")]
    let sum = Some(of.sum_us() as f64 / 1e6);
    match shape {
        Shape::Exponential => {
            let (scale, buckets) = histogram::exponential(of);
            Data::Exponential(ExponentialHistogramDataPoint {
                start_time_unix_nano: start,
                time_unix_nano: end,
                count: of.count(),
                sum,
                scale,
                positive: Some(buckets),
                ..ExponentialHistogramDataPoint::default()
            })
        }
        Shape::Explicit => Data::Explicit(HistogramDataPoint {
            start_time_unix_nano: start,
            time_unix_nano: end,
            count: of.count(),
            sum,
            bucket_counts: histogram::explicit(of),
            explicit_bounds: histogram::BOUNDS.to_vec(),
            ..HistogramDataPoint::default()
        }),
    }
}

/// All points of a metric under its name, once.
pub(super) fn request(resource: Resource, points: Vec<Point>) -> ExportMetricsServiceRequest {
    let mut metrics: BTreeMap<&str, Metric> = BTreeMap::new();
    for Point { of, about, mut data } in points {
        data.attributes().splice(..0, about.iter().cloned());
        let metric = metrics.entry(of.name).or_insert_with(|| Metric {
            name: of.name.to_owned(),
            description: of.description.to_owned(),
            unit: of.unit.to_owned(),
            data: Some(data.none()),
            ..Metric::default()
        });
        data.put_into(metric);
    }
    let metrics = metrics.into_values().collect();
    let scope = ScopeMetrics { scope: Some(words::scope()), metrics, ..ScopeMetrics::default() };
    let resource = ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![scope],
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }
}

const DELTA: i32 = AggregationTemporality::Delta as i32;

impl Data {
    /// A metric of such points that has none.
    fn none(&self) -> metric::Data {
        match self {
            Self::Count(_) => metric::Data::Sum(Sum {
                aggregation_temporality: DELTA,
                is_monotonic: true,
                ..Sum::default()
            }),
            Self::Level(_) => metric::Data::Gauge(Gauge::default()),
            Self::Exponential(_) => metric::Data::ExponentialHistogram(ExponentialHistogram {
                aggregation_temporality: DELTA,
                ..ExponentialHistogram::default()
            }),
            Self::Explicit(_) => metric::Data::Histogram(Histogram {
                aggregation_temporality: DELTA,
                ..Histogram::default()
            }),
        }
    }

    fn attributes(&mut self) -> &mut Vec<KeyValue> {
        match self {
            Self::Count(point) | Self::Level(point) => &mut point.attributes,
            Self::Exponential(point) => &mut point.attributes,
            Self::Explicit(point) => &mut point.attributes,
        }
    }

    /// An instrument has points of one kind.
    fn put_into(self, metric: &mut Metric) {
        match (self, &mut metric.data) {
            (Self::Count(point), Some(metric::Data::Sum(of))) => of.data_points.push(point),
            (Self::Level(point), Some(metric::Data::Gauge(of))) => of.data_points.push(point),
            (Self::Exponential(point), Some(metric::Data::ExponentialHistogram(of))) => {
                of.data_points.push(point);
            }
            (Self::Explicit(point), Some(metric::Data::Histogram(of))) => {
                of.data_points.push(point);
            }
            _ => {}
        }
    }
}
