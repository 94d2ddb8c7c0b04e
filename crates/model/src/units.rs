//! Quantities as people write them: `2s`, `256MiB`, half a processor.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// Why a quantity was refused; the message says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuantity {
    /// Not a length of time.
    #[error(
        "{0:?} is not a duration: write a number and a unit, such as \"500ms\", \"2s\", \"5m\", \"1h\" or \"7d\""
    )]
    Span(String),
    /// Not a size.
    #[error("{0:?} is not a size: write a number and a unit, such as \"64MiB\" or \"2GiB\"")]
    Bytes(String),
    /// Not a number of processors.
    #[error("{0} is not a number of processors: give one from 0.01 to 1024, such as 0.5")]
    Cpus(String),
}

/// A length of time, to the millisecond. Written `500ms`, `2s`, `5m`, `1h`, `7d`, `1y`, which
/// is 365 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, example = "2s")]
pub struct Span(Duration);

impl Span {
    /// So many milliseconds.
    #[must_use]
    pub const fn millis(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    /// So many seconds.
    #[must_use]
    pub const fn secs(s: u64) -> Self {
        Self(Duration::from_secs(s))
    }

    /// As the standard library has it.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

const SPAN_UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 24 * 3_600_000),
    ("y", 365 * 24 * 3_600_000),
];

/// The longest span that is taken: two years, in milliseconds.
const SPAN_MAX_MS: u64 = 2 * 366 * 24 * 3_600_000;

impl FromStr for Span {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || InvalidQuantity::Span(text.chars().take(40).collect());
        let (number, unit) = split_unit(text).ok_or_else(fault)?;
        let (_, scale) = SPAN_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(fault)?;
        let number: u64 = number.parse().map_err(|_| fault())?;
        let ms = number.checked_mul(*scale).filter(|ms| *ms <= SPAN_MAX_MS).ok_or_else(fault)?;
        Ok(Self::millis(ms))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        let exact =
            SPAN_UNITS.iter().rev().find(|(_, scale)| ms.is_multiple_of(u128::from(*scale)));
        match exact {
            Some((unit, scale)) if ms > 0 => write!(f, "{}{unit}", ms / u128::from(*scale)),
            _ => write!(f, "{ms}ms"),
        }
    }
}

/// A number of bytes. Written `512B`, `64KiB`, `256MiB`, `2GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, example = "256MiB")]
pub struct Bytes(pub u64);

const BYTE_UNITS: [(&str, u64); 5] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

impl FromStr for Bytes {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || InvalidQuantity::Bytes(text.chars().take(40).collect());
        let (number, unit) = split_unit(text).ok_or_else(fault)?;
        let (_, scale) = BYTE_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(fault)?;
        let number: u64 = number.parse().map_err(|_| fault())?;
        let bytes = number.checked_mul(*scale).filter(|bytes| i64::try_from(*bytes).is_ok());
        Ok(Self(bytes.ok_or_else(fault)?))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = BYTE_UNITS.iter().rev().find(|(_, scale)| self.0.is_multiple_of(*scale));
        match exact {
            Some((unit, scale)) if self.0 > 0 => write!(f, "{}{unit}", self.0 / scale),
            _ => write!(f, "{}B", self.0),
        }
    }
}

fn split_unit(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    (!number.is_empty()).then(|| (number, unit.trim_start()))
}

/// A share of processors, in thousandths. Written as a number: `0.5`, `2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = f64, example = 0.5)]
pub struct Cpus(u32);

impl Cpus {
    /// From a number of processors.
    ///
    /// # Errors
    /// When it is not from 0.01 to 1024.
    pub fn new(cpus: f64) -> Result<Self, InvalidQuantity> {
        if !(0.01..=1024.0).contains(&cpus) {
            return Err(InvalidQuantity::Cpus(cpus.to_string()));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        let milli = (cpus * 1000.0).round() as u32;
        Ok(Self(milli))
    }

    /// In thousandths of a processor.
    #[must_use]
    pub fn milli(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&(f64::from(self.0) / 1000.0), f)
    }
}

impl Serialize for Cpus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Cpus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let cpus = f64::deserialize(deserializer)?;
        Self::new(cpus).map_err(de::Error::custom)
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let reads = AsText(PhantomData);
                // Where a number is not said to be one, only a text can be asked for.
                match deserializer.is_human_readable() {
                    true => deserializer.deserialize_any(reads),
                    false => deserializer.deserialize_str(reads),
                }
            }
        }
    };
}

/// Reads a quantity. A number without a unit is refused as the same text would be: its message says what to write.
struct AsText<T>(PhantomData<T>);

impl<T: FromStr<Err = InvalidQuantity>> Visitor<'_> for AsText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

as_text!(Span);
as_text!(Bytes);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        assert_eq!("500ms".parse(), Ok(Span::millis(500)));
        assert_eq!("2s".parse(), Ok(Span::secs(2)));
        assert_eq!("5m".parse(), Ok(Span::secs(300)));
        assert_eq!("1y".parse(), "365d".parse::<Span>());
        for bad in ["", "2", "s", "-2s", "2 days", "1.5s", "99999999999999999999s", "9000000h"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!("256MiB".parse(), Ok(Bytes(256 << 20)));
        assert_eq!("1 GiB".parse(), Ok(Bytes(1 << 30)));
        for bad in ["", "256", "256MB", "MiB", "-1MiB", "99999999999TiB"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused_with_what_to_write() {
        for number in ["-1", "0", "3", "1.5"] {
            let size = serde_json::from_str::<Bytes>(number).unwrap_err().to_string();
            let span = serde_json::from_str::<Span>(number).unwrap_err().to_string();
            assert!(
                size.starts_with(&format!("{number:?} is not a size: write a number and a unit"))
            );
            assert!(span.starts_with(&format!("{number:?} is not a duration: write")), "{span}");
        }
        assert_eq!(serde_json::from_str::<Bytes>("\"2GiB\"").unwrap(), Bytes(2 << 30));
    }

    #[test]
    fn processors_have_bounds() {
        assert_eq!(Cpus::new(0.5).map(Cpus::milli), Ok(500));
        for bad in [0.0, -1.0, f64::NAN, 5000.0] {
            assert!(Cpus::new(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in 0..=SPAN_MAX_MS, bytes in 0..i64::MAX as u64) {
            prop_assert_eq!(Span::millis(ms).to_string().parse(), Ok(Span::millis(ms)));
            prop_assert_eq!(Bytes(bytes).to_string().parse(), Ok(Bytes(bytes)));
        }
    }
}
