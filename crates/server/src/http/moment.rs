//! Times and kinds as filters have them, in addresses and in forms.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use launcher_model::event::EventKind;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer};

use super::problem::Problem;
use crate::measured::time;

/// A time: `-7d` and the like, seconds since 1970, a time of RFC 3339, or a day or a time of day in UTC, such
/// as `2026-11-24` and `2026-11-24 12:00`.
///
/// # Errors
/// When it is none of these.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let text = text.trim();
    if text == "now" {
        // What has happened in this second belongs to it.
        return Ok(now);
    }
    if let Ok(civil) = text.parse::<DateTime>()
        && text.parse::<Timestamp>().is_err()
    {
        return TimeZone::UTC.to_timestamp(civil).map_err(|_| no_time(text));
    }
    let second = time(text, now.as_second())?;
    Timestamp::from_second(second).map_err(|_| no_time(text))
}

fn no_time(text: &str) -> Problem {
    let shown: String = text.chars().take(40).collect();
    Problem::invalid(format!("{shown:?} is no time that can be looked for; write one such as -7d"))
}

/// The two ends of a span; what is before the first is left out, and what comes from the second on.
///
/// # Errors
/// When one is no time, or they are the wrong way round.
pub(crate) fn span(
    from: Option<&str>,
    to: Option<&str>,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
    let from = from.map(|from| moment(from, now)).transpose()?;
    let to = to.map(|to| moment(to, now)).transpose()?;
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        let detail = "from is after to; nothing can have happened between";
        return Err(Problem::invalid(detail));
    }
    Ok((from, to))
}

/// Kinds of events: `deployment_live,build`, each a kind or the first word of some.
///
/// # Errors
/// When one is neither.
pub(crate) fn kinds(text: &str) -> Result<Vec<EventKind>, Problem> {
    let mut kinds = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let named = EventKind::named(name);
        if named.is_empty() {
            let shown: String = name.chars().take(40).collect();
            let groups = EventKind::groups().join(", ");
            return Err(Problem::invalid(format!(
                "{shown:?} is no kind of event: write one such as deployment_live, or all of a group: {groups}"
            )));
        }
        kinds.extend(named);
    }
    Ok(kinds)
}

/// A field of a form that may be left empty.
///
/// # Errors
/// When it is not, and cannot be read.
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    D::Error: fmt::Display,
    T: DeserializeOwned,
{
    let text = Option::<String>::deserialize(deserializer)?;
    match text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => T::deserialize(text.to_owned().into_deserializer()).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_people_write_it_and_in_utc() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (text, at) in [
            ("-1h", "2026-11-24T11:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-20 08:30", "2026-11-20T08:30:00Z"),
            ("2026-11-20T08:30", "2026-11-20T08:30:00Z"),
            ("2026-11-20T08:30:00+02:00", "2026-11-20T06:30:00Z"),
            ("60", "1970-01-01T00:01:00Z"),
        ] {
            assert_eq!(moment(text, now).unwrap().to_string(), at, "{text}");
        }
        assert!(moment("yesterday", now).unwrap_err().detail().contains("is no time"));
        assert!(
            span(Some("now"), Some("-1h"), now).unwrap_err().detail().contains("from is after")
        );
    }

    #[test]
    fn kinds_are_named_alone_or_by_their_group() {
        assert_eq!(kinds("deployment_live").unwrap(), [EventKind::DeploymentLive]);
        assert_eq!(kinds("secret, token").unwrap().len(), 4);
        assert!(kinds("").unwrap().is_empty());
        let unknown = kinds("deploy").unwrap_err();
        assert!(unknown.detail().contains("\"deploy\" is no kind of event"), "{unknown:?}");
        assert!(unknown.detail().contains("build, "), "{unknown:?}");
    }
}
