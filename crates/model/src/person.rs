//! People: who signs in with a name of their own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest name of a person, in characters.
pub const PERSON_NAME_MAX: usize = 64;

/// The name by which a person signs in, and which stands as `by` of what they do: 1 to 64 of `a-z`, `0-9`,
/// `.`, `_`, `-`, `+` and `@`, so that an address is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "mika", pattern = "^[a-z0-9][a-z0-9._@+-]{0,63}$")]
pub struct PersonName(String);

/// Why a person's name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a person's name has 1 to {PERSON_NAME_MAX} of a-z, 0-9 and . _ - + @, and begins with a letter or digit, such as mika or mika@example.com"
)]
pub struct InvalidPersonName;

impl PersonName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidPersonName`].
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidPersonName> {
        let name = name.into();
        let first = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let plain = |b: u8| first(&b) || matches!(b, b'.' | b'_' | b'-' | b'+' | b'@');
        let fits = name.len() <= PERSON_NAME_MAX && name.as_bytes().first().is_some_and(first);
        if fits && name.bytes().all(plain) { Ok(Self(name)) } else { Err(InvalidPersonName) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for PersonName {
    type Err = InvalidPersonName;

    fn from_str(text: &str) -> Result<Self, InvalidPersonName> {
        Self::new(text)
    }
}

impl TryFrom<String> for PersonName {
    type Error = InvalidPersonName;

    fn try_from(text: String) -> Result<Self, InvalidPersonName> {
        Self::new(text)
    }
}

impl From<PersonName> for String {
    fn from(name: PersonName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for name in ["mika", "mika.k@example.com", "7", &"a".repeat(64)] {
            assert!(PersonName::new(name).is_ok(), "{name}");
        }
        for name in ["", "Mika", "mika k", "-m", "@m", "m/k", "é", &"a".repeat(65)] {
            assert_eq!(PersonName::new(name), Err(InvalidPersonName), "{name}");
        }
    }
}
