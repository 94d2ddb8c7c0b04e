//! How far each edge has come with a switch, for those who watch it.

use std::collections::{BTreeMap, HashMap};

use launcher_model::{DeploymentId, EdgeName};

use super::Hub;

/// How far an edge has come with a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeStep {
    /// It was asked to prepare.
    Preparing,
    /// It is prepared.
    Prepared,
    /// It was told to flip.
    Switching,
    /// It has flipped; what was in flight there runs out.
    Switched,
    /// Nothing is in flight there any more.
    Drained,
}

/// The steps of the edges, by deployment, until it is over.
#[derive(Default)]
pub(super) struct Steps(HashMap<DeploymentId, BTreeMap<EdgeName, EdgeStep>>);

impl Steps {
    /// An edge is there now.
    pub(super) fn take(&mut self, deployment: DeploymentId, edge: &EdgeName, step: EdgeStep) {
        self.0.entry(deployment).or_default().insert(edge.clone(), step);
    }

    /// The same, of a deployment that is watched.
    pub(super) fn go_on(&mut self, deployment: DeploymentId, edge: &EdgeName, step: EdgeStep) {
        if let Some(edges) = self.0.get_mut(&deployment) {
            edges.insert(edge.clone(), step);
        }
    }

    /// The deployment is over.
    pub(super) fn forget(&mut self, deployment: DeploymentId) {
        self.0.remove(&deployment);
    }
}

impl Hub {
    /// How far each edge has come with a switch that is under way, by name; empty when none was asked yet,
    /// when it is over, and when the server was restarted in between.
    #[must_use]
    pub fn steps(&self, deployment: DeploymentId) -> BTreeMap<EdgeName, EdgeStep> {
        self.state().steps.0.get(&deployment).cloned().unwrap_or_default()
    }
}
