//! The first half of a switch.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use launcher_edge::protocol::{Readiness, ToEdge};
use launcher_edge::table::ServiceTable;
use launcher_model::{DeploymentId, EdgeName};
use tokio::sync::oneshot;

use super::{Awaited, EdgeStep, GRACE, Hub, State};

/// An edge that has prepared.
#[derive(Debug, Clone)]
pub struct PreparedEdge {
    /// Which.
    pub edge: EdgeName,
    pub(super) session: u64,
    /// What it did.
    pub readiness: Readiness,
    /// How long its answer took.
    pub took: Duration,
}

/// Why a switch cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareRefused {
    /// Nobody carries traffic.
    #[error("no edge is connected, so nothing carries traffic; start one with `launcher edge`")]
    NoEdge,
    /// An edge said no, or nothing.
    #[error("the edge {edge} cannot prepare: {why}")]
    Edge {
        /// Which.
        edge: EdgeName,
        /// Its words.
        why: String,
    },
}

/// What edges are asked to prepare.
struct Question<'q> {
    deployment: DeploymentId,
    table: &'q ServiceTable,
    within: Duration,
    asked_at: Instant,
}

/// An edge that was asked, in this session of it.
struct Asked {
    edge: EdgeName,
    session: u64,
    answer: Awaited<Readiness>,
}

impl Question<'_> {
    fn ask(&self, name: &EdgeName, state: &mut State) -> Option<Asked> {
        let edge = state.edges.get_mut(name)?;
        let (answer, receiver) = oneshot::channel();
        edge.preparing.insert(self.deployment, answer);
        let within_ms = u64::try_from(self.within.as_millis()).unwrap_or(u64::MAX);
        let (deployment, service) = (self.deployment, edge.sees(self.table));
        let _ = edge.outbox.send(ToEdge::Prepare { deployment, service, within_ms });
        state.steps.take(deployment, name, EdgeStep::Preparing);
        Some(Asked { edge: name.clone(), session: edge.session, answer: receiver })
    }
}

impl Hub {
    /// The first half of a switch, on every connected edge at once.
    ///
    /// # Errors
    /// When there is no edge, or one refuses, goes away or says nothing in time. What the others
    /// prepared is then forgotten.
    pub async fn prepare(
        &self,
        deployment: DeploymentId,
        table: &ServiceTable,
        within: Duration,
    ) -> Result<Vec<PreparedEdge>, PrepareRefused> {
        let question = Question { deployment, table, within, asked_at: Instant::now() };
        let asked: Vec<_> = {
            let mut state = self.state();
            let names: Vec<EdgeName> = state.edges.keys().cloned().collect();
            names.iter().filter_map(|name| question.ask(name, &mut state)).collect()
        };
        if asked.is_empty() {
            return Err(PrepareRefused::NoEdge);
        }
        let answers = asked.into_iter().map(|asked| self.answer(&question, asked));
        let prepared: Result<Vec<_>, _> = join_all(answers).await.into_iter().collect();
        if prepared.is_err() {
            self.abort(deployment);
        }
        prepared
    }

    /// Forgets what was prepared, everywhere.
    pub fn abort(&self, deployment: DeploymentId) {
        let mut state = self.state();
        state.steps.forget(deployment);
        for edge in state.edges.values_mut() {
            edge.preparing.remove(&deployment);
            let _ = edge.outbox.send(ToEdge::Abort { deployment });
        }
    }

    /// What an edge answers; or whoever took over from it, which may have happened before it heard the
    /// question.
    async fn answer(
        &self,
        question: &Question<'_>,
        mut asked: Asked,
    ) -> Result<PreparedEdge, PrepareRefused> {
        let refused = |edge: &EdgeName, why| PrepareRefused::Edge { edge: edge.clone(), why };
        loop {
            let left = (question.within + GRACE).saturating_sub(question.asked_at.elapsed());
            match tokio::time::timeout(left, &mut asked.answer).await {
                Ok(Ok(Ok(readiness))) => {
                    let Asked { edge, session, .. } = asked;
                    let took = question.asked_at.elapsed();
                    return Ok(PreparedEdge { edge, session, readiness, took });
                }
                Ok(Ok(Err(why))) => return Err(refused(&asked.edge, why)),
                Ok(Err(_closed)) => match self.ask_successor(question, &asked) {
                    Some(successor) => asked = successor,
                    None => return Err(refused(&asked.edge, "it lost its connection".to_owned())),
                },
                Err(_elapsed) => {
                    let ms = (question.within + GRACE).as_millis();
                    return Err(refused(&asked.edge, format!("it did not answer within {ms} ms")));
                }
            }
        }
    }

    fn ask_successor(&self, question: &Question<'_>, before: &Asked) -> Option<Asked> {
        let mut state = self.state();
        let edge = state.edges.get(&before.edge)?;
        if edge.session <= before.session {
            return None;
        }
        question.ask(&before.edge, &mut state)
    }
}
