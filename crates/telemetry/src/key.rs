//! What is measured, and what a measurement is.

use std::fmt;

use launcher_model::measure::{HostUsage, Merge, Traffic, Usage};
use launcher_model::{ServiceName, VersionNumber};

use crate::measure::{Kind, Measure};

/// Of what something is measured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// What edges carry for a version.
    Traffic(ServiceName, VersionNumber),
    /// What the containers of a version use.
    Usage(ServiceName, VersionNumber),
    /// What a host uses.
    Host(String),
}

/// A measurement of what its [`Key`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of [`Key::Traffic`].
    Traffic(Traffic),
    /// Of [`Key::Usage`].
    Usage(Usage),
    /// Of [`Key::Host`].
    Host(HostUsage),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Traffic(service, version) => write!(f, "traffic/{service}/{}", version.0),
            Self::Usage(service, version) => write!(f, "usage/{service}/{}", version.0),
            Self::Host(host) => write!(f, "host/{host}"),
        }
    }
}

impl Key {
    /// What says a measure of a version.
    pub(crate) fn of_version(
        service: &ServiceName,
        version: VersionNumber,
        measure: Measure,
    ) -> Self {
        match measure.kind() {
            Kind::Traffic => Self::Traffic(service.clone(), version),
            Kind::Usage => Self::Usage(service.clone(), version),
        }
    }

    /// Reads what [`Display`](fmt::Display) has written.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('/')?;
        if kind == "host" {
            return Some(Self::Host(rest.to_owned()));
        }
        let (service, version) = rest.split_once('/')?;
        let (service, version) = (ServiceName::new(service).ok()?, version.parse().ok()?);
        match kind {
            "traffic" => Some(Self::Traffic(service, VersionNumber(version))),
            "usage" => Some(Self::Usage(service, VersionNumber(version))),
            _ => None,
        }
    }
}

impl Value {
    /// Takes in what was measured of the same at another time.
    pub(crate) fn after(&mut self, other: &Self) {
        match (self, other) {
            (Self::Traffic(one), Self::Traffic(other)) => one.after(other),
            (Self::Usage(one), Self::Usage(other)) => one.after(other),
            (Self::Host(one), Self::Host(other)) => one.after(other),
            // One key has values of one kind.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let shop = ServiceName::new("shop").unwrap();
        for key in [
            Key::Traffic(shop.clone(), VersionNumber(7)),
            Key::Usage(shop, VersionNumber(1)),
            Key::Host("a/b.example".to_owned()),
        ] {
            assert_eq!(Key::read(&key.to_string()), Some(key));
        }
        assert_eq!(Key::read("traffic/shop"), None);
        assert_eq!(Key::read("other/shop/1"), None);
    }
}
