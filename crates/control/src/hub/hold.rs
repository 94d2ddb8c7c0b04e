//! Holding a service's new requests on every edge, and letting them go.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use launcher_edge::protocol::{HoldOutcome, ToEdge};
use launcher_model::{EdgeName, ServiceName};
use tokio::sync::oneshot;

use super::{Awaited, Edge, GRACE, Hub, State, settle};

/// How long an edge may take to say how those waited whom it released.
const RELEASE_WITHIN: Duration = Duration::from_secs(2);

/// Why requests cannot be held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoldRefused {
    /// Nobody carries traffic.
    #[error("no edge is connected, so there is nothing to hold; start one with `launcher edge`")]
    NoEdge,
    /// Somebody holds them.
    #[error("the requests of {0} are held already; release them first: `launcher release {0}`")]
    Held(ServiceName),
    /// An edge said no, or nothing.
    #[error("the edge {edge} cannot hold requests: {why}")]
    Edge {
        /// Which.
        edge: EdgeName,
        /// Its words.
        why: String,
    },
}

impl State {
    /// What an edge is told that connects while services are held.
    pub(super) fn holds(&mut self) -> Vec<ToEdge> {
        let now = Instant::now();
        self.held.retain(|_, until| *until > now);
        let held = self.held.iter();
        held.map(|(service, until)| message(service, until.duration_since(now))).collect()
    }
}

fn message(service: &ServiceName, within: Duration) -> ToEdge {
    let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    ToEdge::Hold { service: service.clone(), within_ms }
}

impl Hub {
    /// Has every connected edge hold the requests of a service that begin from now on, and waits until
    /// what is in flight has come to rest, or half of the time has passed. Returns whether it came to
    /// rest everywhere.
    ///
    /// # Errors
    /// When the service is held already, there is no edge, or one refuses, goes away or says nothing in
    /// time; nothing is held then.
    pub async fn hold(&self, service: &ServiceName, within: Duration) -> Result<bool, HoldRefused> {
        let asked = self.ask_to_hold(service, within)?;
        let answers = asked.into_iter().map(|(edge, answer)| async move {
            let rested = settle(answer, within / 2 + GRACE).await;
            rested.map_err(|why| HoldRefused::Edge { edge, why })
        });
        let rested: Result<Vec<bool>, _> = join_all(answers).await.into_iter().collect();
        match rested {
            Ok(rested) => Ok(rested.into_iter().all(|rested| rested)),
            Err(refused) => {
                self.release(service).await;
                Err(refused)
            }
        }
    }

    fn ask_to_hold(
        &self,
        service: &ServiceName,
        within: Duration,
    ) -> Result<Vec<(EdgeName, Awaited<bool>)>, HoldRefused> {
        let mut state = self.state();
        let now = Instant::now();
        if state.edges.is_empty() {
            return Err(HoldRefused::NoEdge);
        }
        if state.held.get(service).is_some_and(|until| *until > now) {
            return Err(HoldRefused::Held(service.clone()));
        }
        state.held.insert(service.clone(), now + within);
        let ask = |edge: &mut Edge| {
            let (answer, asked) = oneshot::channel();
            edge.holding.insert(service.clone(), answer);
            let _ = edge.outbox.send(message(service, within));
            asked
        };
        Ok(state.edges.iter_mut().map(|(name, edge)| (name.clone(), ask(edge))).collect())
    }

    /// How long new requests of a service may still have to wait; none when they are not held.
    #[must_use]
    pub fn held(&self, service: &ServiceName) -> Option<Duration> {
        let left = self.state().held.get(service)?.checked_duration_since(Instant::now());
        left.filter(|left| !left.is_zero())
    }

    /// Lets those go who wait, on every edge. Returns how they waited: their number over all edges, and
    /// the longest wait on any. An edge that is gone says nothing; its own deadline lets them go.
    pub async fn release(&self, service: &ServiceName) -> HoldOutcome {
        let asked = self.ask_to_release(service);
        let answers = asked.into_iter().map(|answer| settle(answer, RELEASE_WITHIN));
        let outcomes = join_all(answers).await.into_iter().flatten();
        outcomes.fold(HoldOutcome::default(), |sum, one| HoldOutcome {
            requests: sum.requests + one.requests,
            longest_us: sum.longest_us.max(one.longest_us),
            lapsed: sum.lapsed || one.lapsed,
        })
    }

    fn ask_to_release(&self, service: &ServiceName) -> Vec<Awaited<HoldOutcome>> {
        let mut state = self.state();
        state.held.remove(service);
        let ask = |edge: &mut Edge| {
            let (answer, asked) = oneshot::channel();
            edge.releasing.insert(service.clone(), answer);
            let _ = edge.outbox.send(ToEdge::Release { service: service.clone() });
            asked
        };
        state.edges.values_mut().map(ask).collect()
    }
}
