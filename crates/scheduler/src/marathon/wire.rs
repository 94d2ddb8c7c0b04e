//! What Marathon says and is told, as far as it matters here.
//!
//! Read leniently: what is not known is passed over, `null` is what is missing, and a number may be
//! written `1` or `1.0`. What comes back is normalised by the server, so nothing is compared with what
//! was sent.

pub(super) mod app;
pub(super) mod deployment;
pub(super) mod event;
pub(super) mod info;
pub(super) mod queue;
pub(super) mod refusal;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// A value, or its default where `null` is written.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A number that counts something.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(whole(Option::deserialize(deserializer)?.unwrap_or_default()))
}

/// Port numbers; what is none is left out.
pub(super) fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
    let numbers: Vec<f64> = or_default(deserializer)?;
    let port = |number: f64| u16::try_from(whole(number)).ok().filter(|port| *port > 0);
    Ok(numbers.into_iter().filter_map(port).collect())
}

/// A time; none where it is missing or makes no sense. Some releases write no milliseconds when they are
/// zero.
pub(super) fn time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// A number without what is behind its point; what is negative or too large ends at the border.
pub(super) fn whole(number: f64) -> u32 {
    // A cast of a floating-point number saturates, and makes 0 of what is no number.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = number as u32;
    whole
}
