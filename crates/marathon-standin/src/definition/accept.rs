//! Reading what was sent.

use serde_json::{Map, Value};

use super::fields::{FIELDS, Kind, mismatch};
use super::forms;
use crate::refusal::{Refusal, Violation};
use crate::version::Version;

/// What of a value this version reads, in the form of 1.5 and later. Other fields are ignored, and null is
/// the same as missing.
pub(super) fn accept(value: Value, version: Version) -> Result<Map<String, Value>, Refusal> {
    let Value::Object(mut fields) = value else {
        return Err(Refusal::Types(vec![Violation::new("/", "error.expected.jsobject")]));
    };
    fields.retain(|_, value| !value.is_null());
    let mut wrong = mismatches(&fields);
    wrong.extend(forms::mismatches(&fields));
    if !wrong.is_empty() {
        return Err(Refusal::Types(wrong));
    }
    forms::to_new(&mut fields, version).map_err(Refusal::Invalid)?;
    fields.retain(|name, _| {
        FIELDS.iter().any(|field| field.name == name.as_str() && (field.there)(version))
    });
    Ok(fields)
}

fn mismatches(fields: &Map<String, Value>) -> Vec<Violation> {
    let mut wrong: Vec<Violation> = FIELDS
        .iter()
        .filter_map(|field| {
            mismatch(&format!("/{}", field.name), field.kind, fields.get(field.name)?)
        })
        .collect();
    for name in ["labels", "env"] {
        for (key, value) in fields.get(name).and_then(Value::as_object).into_iter().flatten() {
            // A variable may name a secret.
            if !(value.is_string() || name == "env" && value.is_object()) {
                wrong.push(Violation::new(format!("/{name}/{key}"), "error.expected.jsstring"));
            }
        }
    }
    for name in ["constraints", "healthChecks", "portDefinitions", "networks", "fetch"] {
        let kind = if name == "constraints" { Kind::List } else { Kind::Object };
        let items = fields.get(name).and_then(Value::as_array).into_iter().flatten();
        let items = items.enumerate();
        wrong.extend(
            items.filter_map(|(index, item)| mismatch(&format!("/{name}({index})"), kind, item)),
        );
    }
    wrong
}
