//! What all services stand on: edges and engine.

use jiff::Timestamp;

use super::ago::Ago;
use crate::App;
use crate::words::count;

/// The state of edges and engine.
pub(crate) struct Installation {
    /// The time at which the page is made.
    pub(crate) now: Timestamp,
    /// Edges that are connected.
    pub(crate) edges: usize,
    /// Of those: not yet at the newest table.
    pub(crate) behind: usize,
    /// What is wrong with it, in sentences.
    pub(crate) troubles: Vec<String>,
}

impl Installation {
    pub(crate) fn of(app: &App, now: Timestamp) -> Self {
        let edges = app.control.hub().edges();
        let behind = edges.iter().filter(|edge| edge.behind > 0).count();
        let mut troubles = Vec::new();
        if edges.is_empty() {
            troubles.push("No edge is connected: nothing can be switched, and this server does not know what serves. Start one with `launcher edge`.".to_owned());
        }
        let engine = app.control.engine();
        if let Some((since, why)) = engine.lost {
            let ago = Ago::new(since, now);
            troubles.push(format!(
                "The {} engine does not answer since {ago}: {why}. What runs is still switched; nothing is started or stopped.",
                engine.name
            ));
        }
        Self { now, edges: edges.len(), behind, troubles }
    }

    /// The edges, in words.
    pub(crate) fn edges_told(&self) -> String {
        count(self.edges, "edge", "edges")
    }
}
