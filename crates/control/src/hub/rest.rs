//! Waiting until nothing of a version is under way on any edge.

use std::time::Duration;

use futures_util::future::join_all;
use launcher_edge::protocol::ToEdge;
use launcher_model::{EdgeName, ServiceName, VersionNumber};
use tokio::sync::oneshot;

use super::{Edge, GRACE, Hub, settle};

impl Hub {
    /// Waits until nothing of a version is under way on any connected edge, for at most `within`. Returns
    /// the edges of which that is not known.
    pub async fn rest(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        within: Duration,
    ) -> Vec<EdgeName> {
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let ask = |edge: &mut Edge| {
            let (answer, asked) = oneshot::channel();
            edge.ending.insert((service.clone(), version), answer);
            let _ = edge.outbox.send(ToEdge::Rest { service: service.clone(), version, within_ms });
            asked
        };
        let asked: Vec<_> = {
            let mut state = self.state();
            state.edges.iter_mut().map(|(name, edge)| (name.clone(), ask(edge))).collect()
        };
        let answers = asked.into_iter().map(|(edge, answer)| async move {
            let at_rest = settle(answer, within + GRACE).await.unwrap_or(false);
            (!at_rest).then_some(edge)
        });
        join_all(answers).await.into_iter().flatten().collect()
    }
}
