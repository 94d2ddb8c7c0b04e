//! How each version tells an app.

use serde_json::{Map, Value, json};

use super::fields::FIELDS;
use super::{Definition, forms};
use crate::version::Version;

/// An app without its version and without what runs of it.
pub(super) fn render(definition: &Definition, version: Version) -> Map<String, Value> {
    let mut fields = Map::clone(&definition.0);
    if version.has_networks() {
        // Empty collections are left out.
        fields.retain(|_, value| !is_empty(value));
        fields.entry("executor").or_insert(json!(""));
        if definition.network_mode() == "host" {
            fields.entry("portDefinitions").or_insert(json!([]));
        } else {
            fields.remove("portDefinitions");
        }
    } else {
        forms::to_old(&mut fields, version);
        for name in ["cmd", "args", "user", "container"] {
            fields.entry(name).or_insert(Value::Null);
        }
    }
    fields.retain(|name, _| {
        FIELDS
            .iter()
            .find(|field| field.name == name.as_str())
            .is_none_or(|field| (field.there)(version))
    });
    fields
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}
