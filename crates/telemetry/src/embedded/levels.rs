//! The steps in which what is measured is kept.

/// How large the file may become when nobody says otherwise, in bytes.
pub const MOST_BYTES: u64 = 512 << 20;

/// How small the file may be kept, in bytes: what comes has to have room.
pub const LEAST_BYTES: u64 = 16 << 20;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// One of the steps. The order is that of their length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One second. Ten of them are in one row.
    Second,
    /// Ten seconds.
    TenSeconds,
    /// A minute.
    Minute,
    /// Ten minutes.
    TenMinutes,
    /// An hour.
    Hour,
}

impl Level {
    /// All, from the finest.
    pub const ALL: [Self; 5] =
        [Self::Second, Self::TenSeconds, Self::Minute, Self::TenMinutes, Self::Hour];

    /// Those that are put together from the one below them.
    pub(super) const ROLLED: [Self; 3] = [Self::Minute, Self::TenMinutes, Self::Hour];

    /// What the file calls it.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Second => 0,
            Self::TenSeconds => 1,
            Self::Minute => 2,
            Self::TenMinutes => 3,
            Self::Hour => 4,
        }
    }

    /// Its length in seconds.
    #[must_use]
    pub fn step(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::TenSeconds => 10,
            Self::Minute => MINUTE,
            Self::TenMinutes => 10 * MINUTE,
            Self::Hour => HOUR,
        }
    }

    /// How many seconds a row of it covers.
    pub(super) fn row(self) -> i64 {
        self.step().max(crate::gathered::CHUNK)
    }

    /// For how many seconds it is kept.
    #[must_use]
    pub fn kept(self) -> i64 {
        match self {
            Self::Second => 30 * MINUTE,
            Self::TenSeconds => 12 * HOUR,
            Self::Minute => 4 * DAY,
            Self::TenMinutes => 15 * DAY,
            Self::Hour => 35 * DAY,
        }
    }

    /// The next finer one that has values of all kinds.
    pub(super) fn below(self) -> Self {
        match self {
            Self::Second | Self::TenSeconds | Self::Minute => Self::TenSeconds,
            Self::TenMinutes => Self::Minute,
            Self::Hour => Self::TenMinutes,
        }
    }

    /// The finest that goes back to `from` and whose step is not longer than `step`; the coarsest when
    /// nothing goes back so far.
    pub(crate) fn for_span(from: i64, now: i64, step: i64) -> Self {
        let reaches = |level: &Self| from >= now - level.kept();
        let coarse = Self::ALL.into_iter().rev().find(|level| level.step() <= step);
        let coarse = coarse.unwrap_or(Self::Second);
        let fitting = Self::ALL.into_iter().filter(|level| *level >= coarse).find(reaches);
        fitting.unwrap_or(Self::Hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarsest_level_that_is_fine_enough_and_goes_back_so_far_is_read() {
        let now = 100 * DAY;
        let level = |ago, step| Level::for_span(now - ago, now, step);
        assert_eq!(level(10 * MINUTE, 1), Level::Second);
        assert_eq!(level(10 * MINUTE, 5), Level::Second);
        assert_eq!(level(10 * MINUTE, 10), Level::TenSeconds);
        assert_eq!(level(HOUR, 1), Level::TenSeconds);
        assert_eq!(level(HOUR, 120), Level::Minute);
        assert_eq!(level(DAY, 10), Level::Minute);
        assert_eq!(level(14 * DAY, 10), Level::TenMinutes);
        assert_eq!(level(30 * DAY, 10), Level::Hour);
        assert_eq!(level(7 * DAY, 3600), Level::Hour);
        assert_eq!(level(300 * DAY, 60), Level::Hour);
        assert_eq!(level(300 * DAY, 3 * HOUR), Level::Hour);
    }
}
