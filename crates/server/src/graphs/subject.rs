//! Of what a graph is: of a service's environments, or of a host.

use launcher_model::ServiceName;
use launcher_telemetry::Measure;
use launcher_telemetry::graph::Role;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::problem::Problem;

/// What stands for itself in a part of an address (RFC 3986, "Unreserved Characters"); the rest is encoded.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whose graph it is, and what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    Service(&'a ServiceName, Kind),
    Host(&'a str, HostKind),
}

impl Subject<'_> {
    /// What stands on the picture. A service's is on its page, and names versions.
    pub(super) fn title(self) -> String {
        match self {
            Self::Service(_, kind) => kind.title().to_owned(),
            Self::Host(host, kind) => format!("{host}: {}", kind.title()),
        }
    }

    /// Its address, without the server's and without the format.
    pub(super) fn path(self) -> String {
        match self {
            Self::Service(service, kind) => format!("/graphs/{service}/{}", kind.name()),
            Self::Host(host, kind) => {
                let host = utf8_percent_encode(host, PART);
                format!("/graphs/hosts/{host}/{}", kind.name())
            }
        }
    }
}

/// What a graph of a service's environments shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Requests,
    Errors,
    Latency,
    Cpu,
    Memory,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Requests, Self::Errors, Self::Latency, Self::Cpu, Self::Memory];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Errors => "errors",
            Self::Latency => "latency",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::Errors => "Errors (5xx)",
            Self::Latency => "99 of 100 answered within",
            Self::Cpu => "Processors",
            Self::Memory => "Memory",
        }
    }

    /// What is drawn of each version; all but the last are thin.
    pub(super) fn measures(self) -> &'static [Measure] {
        match self {
            Self::Requests => &[Measure::Requests],
            Self::Errors => &[Measure::Requests5xx],
            Self::Latency => &[Measure::LatencyP50, Measure::LatencyP99],
            Self::Cpu => &[Measure::Cpu],
            Self::Memory => &[Measure::Memory],
        }
    }

    pub(super) fn read(name: &str) -> Result<Self, Problem> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| unknown(&Self::ALL.map(Self::name)))
    }
}

/// What a graph of a host shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostKind {
    Cpu,
    Memory,
    Disk,
    Network,
}

/// A curve of a host's graph.
pub(super) struct HostCurve {
    pub(super) measure: Measure,
    pub(super) label: &'static str,
    pub(super) role: Role,
    pub(super) thin: bool,
}

impl HostKind {
    pub(crate) const ALL: [Self; 4] = [Self::Cpu, Self::Memory, Self::Disk, Self::Network];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Network => "network",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Cpu => "Processors",
            Self::Memory => "Memory",
            Self::Disk => "Disks",
            Self::Network => "Network",
        }
    }

    /// What is drawn: what is used of what there is, or what goes in and out.
    pub(super) fn curves(self) -> [HostCurve; 2] {
        let curve = |measure, label, role, thin| HostCurve { measure, label, role, thin };
        let there = |measure| curve(measure, "of", Role::Other, true);
        let used = |measure| curve(measure, "used", Role::Live, false);
        let (one, other) = (Role::Live, Role::Beside);
        match self {
            Self::Cpu => [there(Measure::Cpus), used(Measure::Cpu)],
            Self::Memory => [there(Measure::MemoryTotal), used(Measure::Memory)],
            Self::Disk => [
                curve(Measure::DiskWritten, "written", other, false),
                curve(Measure::DiskRead, "read", one, false),
            ],
            Self::Network => [
                curve(Measure::NetworkSent, "sent", other, false),
                curve(Measure::NetworkReceived, "received", one, false),
            ],
        }
    }

    pub(super) fn read(name: &str) -> Result<Self, Problem> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| unknown(&Self::ALL.map(Self::name)))
    }
}

fn unknown(there_are: &[&str]) -> Problem {
    let all = there_are.join(", ");
    Problem::missing(format!("there is no graph of that name; there are {all}"))
}
