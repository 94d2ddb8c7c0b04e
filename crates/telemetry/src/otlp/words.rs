//! Attributes, times, and who speaks: what every message has.

use jiff::Timestamp;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// What the program calls itself.
const NAME: &str = "rocket-launcher";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The service that something is about.
pub(super) const SERVICE: &str = "launcher.service";
/// The version that something is about, such as `v42`.
pub(super) const ABOUT_VERSION: &str = "launcher.version";

/// An attribute that is a text.
pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

/// An attribute that is a number.
pub(super) fn number(key: &str, value: u64) -> KeyValue {
    attribute(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// An attribute that is so or not.
pub(super) fn flag(key: &str, value: bool) -> KeyValue {
    attribute(key, Value::BoolValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// Who tells, in the words of the conventions
/// (<https://opentelemetry.io/docs/specs/semconv/resource/#service>).
pub(super) fn resource(installation: &str) -> Resource {
    let attributes = vec![
        text("service.name", NAME),
        text("service.version", VERSION),
        text("service.instance.id", installation),
    ];
    Resource { attributes, ..Resource::default() }
}

/// What has made the numbers and spans.
pub(super) fn scope() -> InstrumentationScope {
    let (name, version) = (NAME.to_owned(), VERSION.to_owned());
    InstrumentationScope { name, version, ..InstrumentationScope::default() }
}

/// A time as OTLP has it; 0, which means that it is not known, for one before 1970.
pub(super) fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or(0)
}

/// A second as OTLP has it.
pub(super) fn nanos_of_second(at: i64) -> u64 {
    u64::try_from(at).unwrap_or(0).saturating_mul(1_000_000_000)
}
