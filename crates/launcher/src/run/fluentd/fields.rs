//! Records of Fluentd's, as what they tell is read.

use launcher_fluent::Record;
use launcher_telemetry::access::{Field, Fields};
use rmpv::Value;

/// The fields of a record.
pub(super) struct OfRecord<'r>(pub(super) &'r Record);

impl Fields for OfRecord<'_> {
    fn get(&self, name: &str) -> Option<Field<'_>> {
        match self.0.get(name)? {
            Value::String(text) => text.as_str().map(Field::Text),
            // Clients in old languages know no difference.
            Value::Binary(bytes) => std::str::from_utf8(bytes).ok().map(Field::Text),
            number => number.as_f64().map(Field::Number),
        }
    }
}
