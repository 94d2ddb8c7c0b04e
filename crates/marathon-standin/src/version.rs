//! Which Marathon is stood in for: what changed from one release to the next.

use std::fmt;
use std::str::FromStr;

/// A release of Marathon, as `/v2/info` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Counted from 0.
    pub major: u16,
    /// Counted from 0; 0.9 is older than 0.11.
    pub minor: u16,
    /// Counted from 0.
    pub patch: u16,
}

/// What is written is no version that can be stood in for.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no release of Marathon from 0.8.2 on: write it as 1.4.2, or as 1.11")]
pub struct BadVersion(String);

impl Version {
    /// The oldest one that can be stood in for.
    const FIRST: Self = Self::new(0, 8, 2);

    /// That release.
    #[must_use]
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    const fn from(self, major: u16, minor: u16, patch: u16) -> bool {
        let (a, b) = ((self.major, self.minor, self.patch), (major, minor, patch));
        a.0 > b.0 || (a.0 == b.0 && (a.1 > b.1 || (a.1 == b.1 && a.2 >= b.2)))
    }

    /// `/v2/events`, `X-Marathon-Leader`, `X-Marathon-Via`, `acceptedResourceRoles`.
    pub(crate) const fn has_event_stream(self) -> bool {
        self.from(0, 9, 0)
    }

    /// Frames say their type in a line of their own.
    pub(crate) const fn has_event_line(self) -> bool {
        self.from(0, 11, 0)
    }

    /// `DELETE /v2/queue/{id}/delay`.
    pub(crate) const fn can_reset_delay(self) -> bool {
        self.from(0, 10, 0)
    }

    /// `embed` may be given several times; `versionInfo`; a start does not reset the backoff.
    pub(crate) const fn has_version_info(self) -> bool {
        self.from(0, 11, 0)
    }

    /// `fetch` beside `uris`.
    pub(crate) const fn has_fetch(self) -> bool {
        self.from(0, 15, 0)
    }

    /// `portDefinitions` and `readinessChecks`.
    pub(crate) const fn has_port_definitions(self) -> bool {
        self.from(1, 0, 0)
    }

    /// Validation errors with the message and the details of 1.0.
    pub(crate) const fn has_detailed_errors(self) -> bool {
        self.from(1, 0, 0)
    }

    /// Steps of deployments are objects, not arrays.
    pub(crate) const fn has_step_objects(self) -> bool {
        self.from(1, 1, 0)
    }

    /// The action of a step is called `action`, not `type`; tasks have a `state`.
    pub(crate) const fn has_task_state(self) -> bool {
        self.from(1, 3, 0)
    }

    /// `?event_type=`.
    pub(crate) const fn filters_events(self) -> bool {
        self.from(1, 3, 7)
    }

    /// Instances and their events, PATCH, `partialUpdate`, `Marathon-Deployment-Id`, the offers' summary.
    pub(crate) const fn has_instances(self) -> bool {
        self.from(1, 4, 0)
    }

    /// `networks` and `container.portMappings`; no `eventSubscriptions`.
    pub(crate) const fn has_networks(self) -> bool {
        self.from(1, 5, 0)
    }

    /// Unreachable tasks are replaced and forgotten at once by default.
    pub(crate) const fn forgets_unreachable(self) -> bool {
        self.from(1, 5, 1)
    }

    /// Plans in events can be asked for without the whole tree of groups.
    pub(crate) const fn has_light_plans(self) -> bool {
        self.from(1, 6, 322)
    }

    /// Failed deployments say why.
    pub(crate) const fn tells_why_failed(self) -> bool {
        self.from(1, 6, 350)
    }

    /// Stand-bys send event streams to the leader by 302, plans are light, deployments are limited.
    pub(crate) const fn redirects_events(self) -> bool {
        self.from(1, 7, 0)
    }

    /// The shape of 1.8 to 1.11: ids of incarnations, backoff of 5 minutes at most, slow readers cut off.
    pub(crate) const fn is_late(self) -> bool {
        self.from(1, 8, 0)
    }

    /// `role`.
    pub(crate) const fn has_roles(self) -> bool {
        self.from(1, 9, 0)
    }

    /// `resourceLimits`.
    pub(crate) const fn has_resource_limits(self) -> bool {
        self.from(1, 10, 0)
    }
}

impl Default for Version {
    fn default() -> Self {
        Self::new(1, 11, 24)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = BadVersion;

    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let bad = || BadVersion(text.to_owned());
        let mut numbers = text.split('.').map(str::parse::<u16>);
        let mut next = || numbers.next().transpose().map_err(|_| bad());
        let (Some(major), Some(minor)) = (next()?, next()?) else { return Err(bad()) };
        let version = Self::new(major, minor, next()?.unwrap_or_default());
        if next()?.is_some() || version < Self::FIRST {
            return Err(bad());
        }
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_by_number() {
        let version: Version = "0.11".parse().unwrap();
        assert_eq!(version, Version::new(0, 11, 0));
        assert!(version > "0.9.2".parse().unwrap());
        assert!(!version.has_fetch() && version.has_event_line());
        for bad in ["", "1", "1.x", "0.7.0", "1.2.3.4", "v1.4"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
