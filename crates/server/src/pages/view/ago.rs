//! Times as people say them.

use std::fmt;

use jiff::Timestamp;

/// A time by its distance from now, with the exact one at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ago {
    at: Timestamp,
    seconds: i64,
}

impl Ago {
    pub(crate) fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { at, seconds: now.duration_since(at).as_secs().max(0) }
    }

    /// Too short ago for a figure to say anything.
    pub(crate) fn is_now(&self) -> bool {
        self.seconds < NOW
    }

    /// For programs.
    pub(crate) fn exact(&self) -> String {
        self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// For those who want to know exactly.
    pub(crate) fn full(&self) -> String {
        self.at.strftime("%a %Y-%m-%d %H:%M:%S UTC").to_string()
    }
}

const NOW: i64 = 5;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seconds {
            s if s < NOW => f.write_str("now"),
            s if s < MINUTE => write!(f, "{s} s"),
            s if s < HOUR => write!(f, "{} min", s / MINUTE),
            s if s < 2 * DAY => write!(f, "{} h", s / HOUR),
            s if s < 30 * DAY => write!(f, "{} d", s / DAY),
            s => write!(f, "{} wk", s / (7 * DAY)),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for (seconds, told) in [
            (-5, "now"),
            (4, "now"),
            (59, "59 s"),
            (61, "1 min"),
            (2 * HOUR, "2 h"),
            (47 * HOUR, "47 h"),
            (49 * HOUR, "2 d"),
            (31 * DAY, "4 wk"),
        ] {
            let ago = Ago::new(now - SignedDuration::from_secs(seconds), now);
            assert_eq!(ago.to_string(), told);
        }
        assert_eq!(Ago::new(now, now).full(), "Sun 2026-03-01 12:00:00 UTC");
        assert_eq!(Ago::new(now, now).exact(), "2026-03-01T12:00:00Z");
    }
}
