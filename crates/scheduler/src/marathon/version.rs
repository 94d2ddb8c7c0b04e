//! Which version of Marathon it is, and what that means for how it is spoken to.

use std::fmt;

/// The oldest that can be used: with the one before it, creating an app that is there overwrites it.
pub(super) const OLDEST: Version = Version(0, 8, 2);

/// A version of Marathon, without what follows the third number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32, u32);

impl Version {
    /// Reads `1.9.73`, `0.11.0-RC2`, `1.5.0-SNAPSHOT`; none when it is no version.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut numbers = text.trim().splitn(3, '.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part.get(..digits)?.parse().ok()
        });
        let major = numbers.next()??;
        let minor = numbers.next()??;
        Some(Self(major, minor, numbers.next().flatten().unwrap_or(0)))
    }

    /// Networks are said in `networks`, and ports beside them, not within `docker`.
    pub(super) fn has_networks(self) -> bool {
        self >= Self(1, 5, 0)
    }

    /// A stream of events.
    pub(super) fn has_event_stream(self) -> bool {
        self >= Self(0, 9, 0)
    }

    /// The stream can be asked for types of events.
    pub(super) fn has_event_filter(self) -> bool {
        self >= Self(1, 3, 7)
    }

    /// Events can be asked for without the trees of groups before and after.
    pub(super) fn has_light_plans(self) -> bool {
        self >= Self(1, 6, 322)
    }

    /// Callbacks for events can be subscribed.
    pub(super) fn has_callbacks(self) -> bool {
        self < Self(1, 5, 0)
    }

    /// `embed` may be given several times.
    pub(super) fn has_many_embeds(self) -> bool {
        self >= Self(0, 11, 0)
    }

    /// `fetch` stands for `uris`.
    pub(super) fn has_fetch(self) -> bool {
        self >= Self(0, 15, 0)
    }

    /// `taskKillGracePeriodSeconds`.
    pub(super) fn has_grace(self) -> bool {
        self >= Self(1, 3, 0)
    }

    /// `killSelection` and `unreachableStrategy`.
    pub(super) fn has_strategies(self) -> bool {
        self >= Self(1, 4, 0)
    }

    /// What cannot be reached may be given up at once.
    pub(super) fn gives_up_at_once(self) -> bool {
        self >= Self(1, 5, 1)
    }

    /// Agents' Docker Engines are young enough for what hardens a container.
    pub(super) fn hardens(self) -> bool {
        self >= Self(1, 5, 0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_whatever_follows_them() {
        for (text, version) in [
            ("1.9.73", Some(Version(1, 9, 73))),
            ("0.11.0-RC2", Some(Version(0, 11, 0))),
            ("1.5.0-SNAPSHOT", Some(Version(1, 5, 0))),
            ("1.11", Some(Version(1, 11, 0))),
            ("1", None),
            ("", None),
            ("latest", None),
        ] {
            assert_eq!(Version::read(text), version, "{text}");
        }
    }

    #[test]
    fn each_version_is_spoken_to_in_its_dialect() {
        let table = ["0.8.2", "0.9.0", "0.11.0", "1.3.7", "1.4.0", "1.5.0", "1.5.1", "1.6.322"];
        let traits = table.map(|text| {
            let version = Version::read(text).unwrap();
            [
                version.has_event_stream(),
                version.has_many_embeds(),
                version.has_event_filter(),
                version.has_strategies(),
                version.has_networks(),
                version.gives_up_at_once(),
                version.has_light_plans(),
                version.has_callbacks(),
            ]
        });
        let (y, n) = (true, false);
        assert_eq!(
            traits,
            [
                [n, n, n, n, n, n, n, y],
                [y, n, n, n, n, n, n, y],
                [y, y, n, n, n, n, n, y],
                [y, y, y, n, n, n, n, y],
                [y, y, y, y, n, n, n, y],
                [y, y, y, y, y, n, n, n],
                [y, y, y, y, y, y, n, n],
                [y, y, y, y, y, y, y, n],
            ]
        );
    }
}
