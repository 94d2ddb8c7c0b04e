//! Names and numbers by which things are known.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {given:?} is not usable: {why}")]
pub struct InvalidName {
    what: &'static str,
    given: String,
    why: &'static str,
}

impl InvalidName {
    fn new(what: &'static str, given: &str, why: &'static str) -> Self {
        let given = given.chars().take(80).collect();
        Self { what, given, why }
    }
}

/// The longest name of a service: with a version number before it, it must still fit into one DNS
/// label (RFC 1035: 63 octets) and leave room for a branch.
pub const SERVICE_NAME_MAX: usize = 40;

/// The name of a service: a DNS label in lower case (RFC 1123), at most [`SERVICE_NAME_MAX`] long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "shop", pattern = "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]
pub struct ServiceName(String);

impl ServiceName {
    /// Checks a name.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidName> {
        let name = name.into();
        match label_fault(&name, SERVICE_NAME_MAX) {
            None => Ok(Self(name)),
            Some(why) => Err(InvalidName::new("service name", &name, why)),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn label_fault(name: &str, longest: usize) -> Option<&'static str> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Some("it is empty");
    }
    if bytes.len() > longest {
        return Some("it is longer than 40 characters");
    }
    if !bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        return Some("use only a-z, 0-9 and '-'");
    }
    if !bytes[0].is_ascii_lowercase() {
        return Some("it must start with a letter a-z");
    }
    if bytes[bytes.len() - 1] == b'-' {
        return Some("it must not end with '-'");
    }
    None
}

/// The name by which an edge is listed, for example the host it runs on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "local")]
pub struct EdgeName(String);

impl EdgeName {
    /// Checks a name: 1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidName> {
        let name = name.into();
        match label_fault(&name, SERVICE_NAME_MAX) {
            None => Ok(Self(name)),
            Some(why) => Err(InvalidName::new("edge name", &name, why)),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_conversions {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

text_conversions!(ServiceName);
text_conversions!(EdgeName);

/// The number of a version: 1, 2, 3 … per service, never reused. Written `v42`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = u32, minimum = 1, example = 42)]
pub struct VersionNumber(pub u32);

impl fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("v{}", self.0))
    }
}

impl FromStr for VersionNumber {
    type Err = InvalidName;

    /// Takes `42` and `v42`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('v').unwrap_or(text);
        let number = digits.parse::<u32>().ok().filter(|n| *n > 0);
        number
            .map(Self)
            .ok_or_else(|| InvalidName::new("version", text, "give its number, such as 42 or v42"))
    }
}

/// How often a service's route has been changed; only grows.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = u64)]
pub struct Generation(pub u64);

impl Generation {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A version's share of the production traffic in whole percent, 0 to 100.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(try_from = "u8", into = "u8")]
#[schema(value_type = u8, minimum = 0, maximum = 100)]
pub struct Weight(u8);

impl Weight {
    /// Everything.
    pub const ALL: Self = Self(100);

    /// Checks a share.
    ///
    /// # Errors
    /// When it is over 100.
    pub fn new(percent: u8) -> Result<Self, InvalidName> {
        if percent > 100 {
            return Err(InvalidName::new("weight", &percent.to_string(), "give 0 to 100"));
        }
        Ok(Self(percent))
    }

    /// The share in percent.
    #[must_use]
    pub fn percent(self) -> u8 {
        self.0
    }
}

impl FromStr for Weight {
    type Err = InvalidName;

    /// Takes `10` and `10%`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_suffix('%').unwrap_or(text);
        let percent = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
        let percent = percent.and_then(|percent| Self::new(percent).ok());
        percent.ok_or_else(|| InvalidName::new("weight", text, "give whole percent, 0 to 100"))
    }
}

impl TryFrom<u8> for Weight {
    type Error = InvalidName;
    fn try_from(percent: u8) -> Result<Self, Self::Error> {
        Self::new(percent)
    }
}

impl From<Weight> for u8 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

/// The number of a deployment: one change of a route. Counted over the whole installation.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = i64, example = 7)]
pub struct DeploymentId(pub i64);

/// The number of a build: one run from source to a version. Counted over the whole installation.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = i64, example = 12)]
pub struct BuildId(pub i64);

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for BuildId {
    type Err = InvalidName;

    /// Takes `12` and `#12`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let number = digits.parse::<i64>().ok().filter(|n| *n > 0);
        number.map(Self).ok_or_else(|| {
            InvalidName::new(
                "build",
                text,
                "give its number, such as 12; `launcher builds` lists them",
            )
        })
    }
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_are_dns_labels() {
        for good in ["a", "shop", "shop-2", "x".repeat(SERVICE_NAME_MAX).as_str()] {
            assert!(ServiceName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Shop", "-a", "a-", "2a", "a.b", "a_b", "ü", "x".repeat(41).as_str()] {
            assert!(ServiceName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn weights_are_whole_percent() {
        assert_eq!("10".parse(), Weight::new(10));
        assert_eq!("100%".parse(), Ok(Weight::ALL));
        for bad in ["", "%", "101", "-1", "+1", "0.5", "10 %", "999"] {
            assert!(bad.parse::<Weight>().is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_are_read_with_and_without_the_letter() {
        assert_eq!("v42".parse(), Ok(VersionNumber(42)));
        assert_eq!("42".parse(), Ok(VersionNumber(42)));
        for bad in ["", "v", "0", "v0", "-1", "vv1", "99999999999", "latest"] {
            assert!(bad.parse::<VersionNumber>().is_err(), "{bad}");
        }
    }
}
