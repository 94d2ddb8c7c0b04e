//! Graphs as a page shows them.

use launcher_model::{ServiceName, Span, VersionNumber};

use super::service::ServiceView;
use crate::graphs::{HostKind, Kind, Picture, Subject};

/// Of how long the graphs of a page are.
const RANGE: Span = Span::secs(15 * 60);

/// How all graphs of a page are drawn.
fn pictured() -> Picture {
    Picture { range: Some(RANGE), width: Some(390), height: Some(150), ..Picture::default() }
}

/// A picture of what was measured.
pub(crate) struct GraphLine {
    /// What it shows, for who cannot see it.
    pub(crate) title: &'static str,
    /// Where it is.
    pub(crate) url: String,
}

impl GraphLine {
    /// Those of what is live and what waits beside it; none while there is neither. As Graphite draws them
    /// where that is asked for.
    pub(crate) fn of(service: &ServiceView, by_graphite: bool) -> Vec<Self> {
        // What has failed has nothing to be compared with.
        let beside = service.beside.as_ref().filter(|card| card.failure.is_none());
        let versions: Vec<_> = service.live.iter().chain(beside).map(|card| card.version).collect();
        if versions.is_empty() {
            return Vec::new();
        }
        Self::of_versions(&service.name, versions, Some(true), by_graphite)
    }

    /// Those of some versions, side by side.
    pub(crate) fn side_by_side(service: &ServiceName, versions: Vec<VersionNumber>) -> Vec<Self> {
        Self::of_versions(service, versions, Some(false), false)
    }

    /// Those of one version.
    pub(crate) fn of_version(service: &ServiceName, version: VersionNumber) -> Vec<Self> {
        Self::of_versions(service, vec![version], None, false)
    }

    /// Those of a host.
    pub(crate) fn of_host(host: &str) -> Vec<Self> {
        let graph = |kind: HostKind| Self {
            title: kind.title(),
            url: pictured().path(Subject::Host(host, kind), "svg"),
        };
        HostKind::ALL.map(graph).into()
    }

    fn of_versions(
        service: &ServiceName,
        versions: Vec<VersionNumber>,
        past: Option<bool>,
        by_graphite: bool,
    ) -> Vec<Self> {
        let picture = Picture { versions, past, ..pictured() };
        let format = if by_graphite { "graphite.png" } else { "svg" };
        let graph = |kind: Kind| Self {
            title: kind.title(),
            url: picture.path(Subject::Service(service, kind), format),
        };
        Kind::ALL.map(graph).into()
    }
}
