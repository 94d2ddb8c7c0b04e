//! What a record has, by name.

use serde_json::{Map, Value};

/// A value that means something here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    /// Text.
    Text(&'a str),
    /// A number.
    Number(f64),
}

/// A record. What has another type than these counts as not there.
pub trait Fields {
    /// The field of this name.
    fn get(&self, name: &str) -> Option<Field<'_>>;
}

impl Fields for Map<String, Value> {
    fn get(&self, name: &str) -> Option<Field<'_>> {
        match self.get(name)? {
            Value::String(text) => Some(Field::Text(text)),
            Value::Number(number) => number.as_f64().map(Field::Number),
            _ => None,
        }
    }
}

/// The text of a field. nginx writes `-` for what is not there.
pub(super) fn text<'f>(fields: &'f dyn Fields, name: &str) -> Option<&'f str> {
    match fields.get(name)? {
        Field::Text(text) => Some(text.trim()).filter(|text| !matches!(*text, "" | "-")),
        Field::Number(_) => None,
    }
}

/// No request has more bytes or microseconds: a pebibyte, 35 years. What says so is not believed.
const LARGEST: f64 = (1_u64 << 50) as f64;

/// The number of a field, which may be written as text. None below zero.
pub(super) fn number(fields: &dyn Fields, name: &str) -> Option<f64> {
    let number = match fields.get(name)? {
        Field::Number(number) => number,
        Field::Text(text) => text.trim().parse().ok()?,
    };
    Some(number).filter(|number| (0.0..=LARGEST).contains(number))
}

/// The whole number of a field.
pub(super) fn whole(fields: &dyn Fields, name: &str) -> Option<u64> {
    number(fields, name).map(|number| number as u64)
}

/// How long something took, in microseconds: in seconds as a number, or with its unit.
pub(super) fn duration_us(fields: &dyn Fields, name: &str) -> Option<u64> {
    if let Some(seconds) = number(fields, name) {
        return Some(seconds * 1e6).filter(|us| *us <= LARGEST).map(|us| us.round() as u64);
    }
    let text = text(fields, name)?;
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(unit);
    let scale = match unit.trim() {
        "us" | "µs" | "μs" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * scale)
        .filter(|us| *us <= LARGEST)
        .map(|us| us.round() as u64)
}
