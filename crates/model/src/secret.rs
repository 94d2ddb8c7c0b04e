//! Secrets: only their names and version numbers are known here, never a value.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a secret's name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a secret's name: use a-z, 0-9, '-', '_', '.' and '/', such as \"shop/database-url\""
)]
pub struct InvalidSecretName(String);

/// The name of a secret, such as `shop/database-url`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "shop/database-url")]
pub struct SecretName(String);

impl SecretName {
    /// Checks a name.
    ///
    /// # Errors
    /// When it is empty, longer than 120 characters, or has other characters than those named.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidSecretName> {
        let name = name.into();
        let good = !name.is_empty()
            && name.len() <= 120
            && name.split('/').all(|part| {
                part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                    && part
                        .bytes()
                        .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
            });
        if good { Ok(Self(name)) } else { Err(InvalidSecretName(name.chars().take(80).collect())) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SecretName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SecretName {
    type Error = InvalidSecretName;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

/// One value that a secret has had: its name and which of its values, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct SecretVersion {
    /// The secret.
    pub name: SecretName,
    /// Which of its values.
    pub number: u32,
}
