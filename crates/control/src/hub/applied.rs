//! Waiting until edges have a table in force.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use launcher_model::{EdgeName, ServiceName};
use tokio::sync::oneshot;

use super::{Answer, Awaited, Edge, Hub, settle};

/// Somebody who waits for an edge.
pub(super) struct Waiter {
    service: ServiceName,
    revision: u64,
    answer: Answer<()>,
}

impl Edge {
    fn has(&self, service: &ServiceName, revision: u64) -> bool {
        self.applied.get(service).is_some_and(|applied| *applied >= revision)
    }

    /// Takes in which tables an edge has in force, and tells those who wait for that.
    pub(super) fn applies(&mut self, revisions: Vec<(ServiceName, u64)>) {
        self.applied.extend(revisions);
        let waiters = std::mem::take(&mut self.waiters);
        for waiter in waiters {
            if self.has(&waiter.service, waiter.revision) {
                let _ = waiter.answer.send(Ok(()));
            } else {
                self.waiters.push(waiter);
            }
        }
    }

    fn wait(&mut self, service: &ServiceName, revision: u64) -> Awaited<()> {
        let (answer, awaited) = oneshot::channel();
        if self.has(service, revision) {
            let _ = answer.send(Ok(()));
        } else {
            self.waiters.push(Waiter { service: service.clone(), revision, answer });
        }
        awaited
    }
}

impl Hub {
    /// Waits until every connected edge has told that a revision of a service's
    /// table, or a newer one, is in force. Returns the edges, with the reason where one has not.
    pub async fn applied(
        &self,
        service: &ServiceName,
        revision: u64,
        within: Duration,
    ) -> Vec<(EdgeName, Result<(), String>)> {
        let deadline = Instant::now() + within;
        let asked: Vec<_> = {
            let mut state = self.state();
            let edges = state.edges.iter_mut();
            edges
                .map(|(name, edge)| (name.clone(), edge.session, edge.wait(service, revision)))
                .collect()
        };
        let told = asked.into_iter().map(|(edge, mut session, mut awaited)| async move {
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let told = settle(awaited, left).await;
                // Whoever took over from it, or it itself, is given the table as it connects.
                match told
                    .is_err()
                    .then(|| self.wait_for_successor(&edge, session, service, revision))
                {
                    Some(Some(successor)) => (session, awaited) = successor,
                    _ => return (edge, told),
                }
            }
        });
        join_all(told).await
    }

    fn wait_for_successor(
        &self,
        name: &EdgeName,
        session: u64,
        service: &ServiceName,
        revision: u64,
    ) -> Option<(u64, Awaited<()>)> {
        let mut state = self.state();
        let edge = state.edges.get_mut(name).filter(|edge| edge.session > session)?;
        Some((edge.session, edge.wait(service, revision)))
    }
}
