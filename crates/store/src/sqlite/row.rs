//! Values to columns and back.

use jiff::Timestamp;
use launcher_model::ServiceName;
use serde::de::{DeserializeOwned, IntoDeserializer, value};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::fault::Fault;
use crate::Error;

pub(super) fn corrupt(what: &'static str, why: &impl ToString) -> Fault {
    Fault::Refused(Error::Corrupt { what, why: why.to_string() })
}

/// The time that is kept of a time: whole microseconds.
pub(super) fn kept(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

pub(super) fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, Fault> {
    Timestamp::from_microsecond(row.try_get(column)?).map_err(|error| corrupt("time", &error))
}

pub(super) fn maybe_time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, Fault> {
    let micros: Option<i64> = row.try_get(column)?;
    micros.map(|_| time(row, column)).transpose()
}

pub(super) fn to_json<T: Serialize>(what: &'static str, value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| corrupt(what, &error))
}

pub(super) fn json<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &str,
    what: &'static str,
) -> Result<T, Fault> {
    let text: &str = row.try_get(column)?;
    serde_json::from_str(text).map_err(|error| corrupt(what, &error))
}

pub(super) fn maybe_json<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &str,
    what: &'static str,
) -> Result<Option<T>, Fault> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(text).map_err(|error| corrupt(what, &error))).transpose()
}

/// The word by which the API knows a value of an enumeration.
pub(super) fn to_word<T: Serialize>(what: &'static str, value: &T) -> Result<String, Fault> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(corrupt(what, &other)),
        Err(error) => Err(corrupt(what, &error)),
    }
}

/// A name, or a value of an enumeration, from its word.
pub(super) fn word<T: for<'a> Deserialize<'a>>(
    row: &SqliteRow,
    column: &str,
    what: &'static str,
) -> Result<T, Fault> {
    parse(row.try_get(column)?, what)
}

pub(super) fn maybe_word<T: for<'a> Deserialize<'a>>(
    row: &SqliteRow,
    column: &str,
    what: &'static str,
) -> Result<Option<T>, Fault> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| parse(text, what)).transpose()
}

fn parse<T: for<'a> Deserialize<'a>>(text: &str, what: &'static str) -> Result<T, Fault> {
    T::deserialize(text.into_deserializer())
        .map_err(|error: value::Error| corrupt(what, &format!("{text:?}: {error}")))
}

/// Narrows a list to these services, where it is narrowed.
pub(super) fn among(query: &mut QueryBuilder<Sqlite>, services: Option<&[ServiceName]>) {
    let Some(services) = services else { return };
    query.push(" AND service IN (");
    let mut names = query.separated(", ");
    for service in services {
        names.push_bind(service.as_str().to_owned());
    }
    query.push(")");
}
