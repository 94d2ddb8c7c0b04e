//! The second half of a switch.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use launcher_edge::protocol::{Flip, ToEdge};
use launcher_edge::table::ServiceTable;
use launcher_model::DeploymentId;
use tokio::sync::oneshot;

use super::{Awaited, EdgeStep, Hub, PreparedEdge, settle};

/// An edge after the commit.
#[derive(Debug, Clone)]
pub struct CommittedEdge {
    /// What it had prepared.
    pub prepared: PreparedEdge,
    /// From the commit to its answer.
    pub took: Duration,
    /// What it said; or why it was fenced.
    pub flip: Result<Flip, String>,
}

impl Hub {
    /// The second half of a switch, after its decision is durable: every edge that prepared flips, all
    /// others are given the new table. An edge that does not acknowledge within `within` is fenced: its
    /// connection is ended, and it is given the new table when it comes back.
    pub async fn commit(
        &self,
        deployment: DeploymentId,
        table: &ServiceTable,
        prepared: Vec<PreparedEdge>,
        within: Duration,
    ) -> Vec<CommittedEdge> {
        let began = Instant::now();
        let asked = self.tell_commit(deployment, table, prepared);
        let answers = asked.into_iter().map(|(prepared, answer)| async move {
            let flip = match answer {
                Some(answer) => settle(answer, within).await,
                None => Err("it lost its connection after it had prepared".to_owned()),
            };
            let took = began.elapsed();
            if flip.is_err() {
                self.end_session(&prepared.edge, prepared.session);
            }
            CommittedEdge { prepared, took, flip }
        });
        join_all(answers).await
    }

    fn tell_commit(
        &self,
        deployment: DeploymentId,
        table: &ServiceTable,
        prepared: Vec<PreparedEdge>,
    ) -> Vec<(PreparedEdge, Option<Awaited<Flip>>)> {
        let mut state = self.state();
        let state = &mut *state;
        state.table.services.insert(table.name.clone(), table.clone());
        let sessions: HashMap<_, _> =
            prepared.iter().map(|prepared| (prepared.edge.clone(), prepared.session)).collect();
        for (name, edge) in &state.edges {
            if sessions.get(name) != Some(&edge.session) {
                let _ = edge.outbox.send(ToEdge::Replace { service: edge.sees(table) });
            }
        }
        let told = prepared.into_iter().map(|prepared| {
            let edge = state.edges.get_mut(&prepared.edge);
            let answer = edge.filter(|edge| edge.session == prepared.session).map(|edge| {
                let (answer, receiver) = oneshot::channel();
                let waiting = (answer, table.name.clone(), table.revision);
                edge.committing.insert(deployment, waiting);
                state.steps.go_on(deployment, &prepared.edge, EdgeStep::Switching);
                let _ = edge.outbox.send(ToEdge::Commit { deployment });
                receiver
            });
            (prepared, answer)
        });
        told.collect()
    }
}
