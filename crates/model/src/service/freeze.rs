//! Windows of time in which nothing goes live, as a team writes them: `Fri 16:00 – Mon 08:00 Europe/Berlin`.

mod read;
#[cfg(test)]
mod tests;
mod unroll;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Deploy;

/// A window as settings say it. What was kept once stays readable: a text that is not understood is a
/// [fault](super::Fault) of the settings, and freezes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Freeze {
    text: String,
    window: Result<Window, InvalidFreeze>,
}

/// A text that is no window; the message says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?}: {why}; write a window such as \"Fri 16:00 – Mon 08:00 Europe/Berlin\", \
     \"daily 22:00 – 06:00 Europe/Berlin\" or \"2026-12-24 – 2027-01-02 Europe/Berlin\""
)]
pub struct InvalidFreeze {
    text: String,
    why: String,
}

/// A window that was understood: from a time of the clock on the wall to another one, in a time zone.
///
/// It begins when the clock first shows the one, and ends when it last shows the other: where an hour comes
/// twice, it is the longer of the two, and where an hour is left out, it begins or ends with the leap.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    when: When,
    zone: TimeZone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Weekly { from: (Weekday, Clock), to: (Weekday, Clock) },
    Daily { from: Clock, to: Clock },
    Once { from: (Date, Clock), to: (Date, Clock) },
}

/// Minutes since the day began, up to [`Clock::END`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Clock(u16);

impl Clock {
    /// 00:00.
    const START: Self = Self(0);
    /// 24:00, which is 00:00 of the next day.
    const END: Self = Self(24 * 60);
}

/// A time in which nothing goes live. Windows that touch each other are one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frozen<'a> {
    /// The window that it comes from; of several, the one that lasts longest.
    pub window: &'a Window,
    /// When it begins.
    pub from: Timestamp,
    /// When it is over: the first instant that is not in it.
    pub until: Timestamp,
}

impl Freeze {
    /// What was understood.
    #[must_use]
    pub fn window(&self) -> Option<&Window> {
        self.window.as_ref().ok()
    }

    /// Why nothing was.
    #[must_use]
    pub fn fault(&self) -> Option<&InvalidFreeze> {
        self.window.as_ref().err()
    }
}

impl<T: Into<String>> From<T> for Freeze {
    fn from(text: T) -> Self {
        let text = text.into();
        Self { window: text.parse(), text }
    }
}

impl Deploy {
    /// The freeze that an instant is in.
    #[must_use]
    pub fn frozen(&self, now: Timestamp) -> Option<Frozen<'_>> {
        unroll::at(&self.windows(), now)
    }

    /// The first freeze that begins behind an instant.
    #[must_use]
    pub fn next_freeze(&self, now: Timestamp) -> Option<Frozen<'_>> {
        unroll::behind(&self.windows(), now)
    }

    /// An instant on the clock that the team's windows go by, or UTC where there are none.
    #[must_use]
    pub fn clock(&self, at: Timestamp, now: Timestamp) -> String {
        match self.windows().first() {
            Some(window) => window.told(at, now),
            None => told(at, now, &TimeZone::UTC),
        }
    }

    fn windows(&self) -> Vec<&Window> {
        self.freeze.iter().filter_map(Freeze::window).collect()
    }
}

impl Frozen<'_> {
    /// When it begins, for a person who knows what time it is.
    #[must_use]
    pub fn from_told(&self, now: Timestamp) -> String {
        self.window.told(self.from, now)
    }

    /// When it is over, for a person who knows what time it is.
    #[must_use]
    pub fn until_told(&self, now: Timestamp) -> String {
        self.window.told(self.until, now)
    }
}

impl Window {
    /// An instant on the clock of the window's zone: `Mon 08:00 Europe/Berlin`, with the date when that is
    /// not within the next days.
    #[must_use]
    pub fn told(&self, at: Timestamp, now: Timestamp) -> String {
        told(at, now, &self.zone)
    }
}

fn told(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let near = (-1..=6 * 24).contains(&at.duration_since(now).as_hours());
    let format = if near { "%a %H:%M" } else { "%a %Y-%m-%d %H:%M" };
    format!("{} {}", zone.to_datetime(at).strftime(format), name(zone))
}

fn name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::Daily { from, to } => write!(f, "daily {from} – {to}")?,
            When::Weekly { from: (day, from), to: (last, to) } => {
                write_days(f, (&short(day), from), (&short(last), to))?;
            }
            When::Once { from: (day, from), to: (last, to) } => {
                write_days(f, (&day, from), (&last, to))?;
            }
        }
        write!(f, " {}", name(&self.zone))
    }
}

/// Whole days are written without times.
fn write_days(
    f: &mut fmt::Formatter<'_>,
    (day, from): (&dyn fmt::Display, Clock),
    (last, to): (&dyn fmt::Display, Clock),
) -> fmt::Result {
    if (from, to) == (Clock::START, Clock::END) {
        return write!(f, "{day} – {last}");
    }
    write!(f, "{day} {from} – {last} {to}")
}

fn short(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Freeze {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Freeze {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
