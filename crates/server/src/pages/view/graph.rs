//! Graphs as a page shows them.

use launcher_model::Span;

use super::service::ServiceView;
use crate::graphs::{Kind, Picture, Subject};

/// Of how long the graphs of a page are.
const RANGE: Span = Span::secs(15 * 60);

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
        let versions: Vec<_> =
            service.live.iter().chain(&service.beside).map(|card| card.version).collect();
        if versions.is_empty() {
            return Vec::new();
        }
        let range = Some(RANGE);
        let picture =
            Picture { versions, range, width: Some(390), height: Some(150), ..Picture::default() };
        let format = if by_graphite { "graphite.png" } else { "svg" };
        let graph = |kind: Kind| Self {
            title: kind.title(),
            url: picture.path(Subject::Service(&service.name, kind), format),
        };
        Kind::ALL.map(graph).into()
    }
}
