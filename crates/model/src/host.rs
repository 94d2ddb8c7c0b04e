//! What people say of hosts: which of them take nothing new, and whose they are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a host takes nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// What is on it stays.
    Closed,
    /// What is on it goes elsewhere.
    Draining,
}

/// That a host is closed, by whom and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Closure {
    /// How.
    pub closing: Closing,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Who said so.
    pub by: String,
    /// When the last container had left a host that is being drained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub drained_at: Option<Timestamp>,
}

/// How a host is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// Takes containers.
    Ready,
    /// Takes nothing new; what is on it stays.
    Closed,
    /// Takes nothing new; what is on it goes elsewhere.
    Draining,
    /// Has been drained: no container of ours runs on it.
    Drained,
    /// The engine cannot use it.
    Down,
}

/// What other systems say of a host. It says nothing about where containers are placed: only the labels
/// that an engine knows do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostNotes {
    /// Labels beside those of the engine.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The team that answers for it.
    #[serde(default)]
    pub owner: Option<String>,
}

/// The longest label, the longest value of one, and the longest owner, in bytes.
const LONGEST: usize = 128;
/// So many labels at most.
const MOST: usize = 64;

/// What is wrong with notes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNotes {
    /// There are too many.
    #[error("{0} labels are too many: at most {MOST}")]
    TooMany(usize),
    /// A label is none.
    #[error(
        "{0:?} is no label: 1 to {LONGEST} of a-z, A-Z, 0-9, '-', '_' and '.', beginning with a letter"
    )]
    Label(String),
    /// A value is too long, or has characters that cannot be shown.
    #[error(
        "{0:?} cannot be a value or an owner: at most {LONGEST} bytes, without control characters"
    )]
    Value(String),
}

impl HostNotes {
    /// Whether they can be kept.
    ///
    /// # Errors
    /// What is wrong with the first that cannot.
    pub fn check(&self) -> Result<(), InvalidNotes> {
        if self.labels.len() > MOST {
            return Err(InvalidNotes::TooMany(self.labels.len()));
        }
        if let Some(label) = self.labels.keys().find(|label| !is_label(label)) {
            return Err(InvalidNotes::Label(label.clone()));
        }
        match self.labels.values().chain(&self.owner).find(|value| !is_value(value)) {
            Some(value) => Err(InvalidNotes::Value(value.clone())),
            None => Ok(()),
        }
    }
}

fn is_label(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=LONGEST).contains(&text.len())
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && text.bytes().all(plain)
}

fn is_value(text: &str) -> bool {
    text.len() <= LONGEST && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(label: &str, value: &str, owner: Option<&str>) -> Result<(), InvalidNotes> {
        let labels = [(label.to_owned(), value.to_owned())].into();
        HostNotes { labels, owner: owner.map(str::to_owned) }.check()
    }

    #[test]
    fn notes_that_can_be_kept_are_taken_and_others_are_refused() {
        assert_eq!(check("rack", "a 12", Some("storage team")), Ok(()));
        assert_eq!(check("site.room", "", None), Ok(()));
        for (label, value, owner) in [
            ("", "x", None),
            ("1a", "x", None),
            ("a b", "x", None),
            ("a", "x\ny", None),
            ("a", "x", Some("\0")),
        ] {
            assert!(check(label, value, owner).is_err(), "{label:?} {value:?} {owner:?}");
        }
        let labels = (0..65).map(|n| (format!("a{n}"), String::new())).collect();
        assert_eq!(HostNotes { labels, owner: None }.check(), Err(InvalidNotes::TooMany(65)));
    }
}
