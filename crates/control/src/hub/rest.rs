//! Waiting until nothing of a version, or of some of its containers, is under way on any edge.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use launcher_edge::protocol::ToEdge;
use launcher_model::container::Container;
use launcher_model::{EdgeName, ServiceName, VersionNumber};
use tokio::sync::oneshot;

use super::{Edge, GRACE, Hub, settle};

impl Edge {
    /// Where this edge reached these containers.
    fn reached(&self, containers: &[Container]) -> BTreeMap<String, SocketAddr> {
        let afar = |one: &Container| one.published.filter(|_| self.view.remote);
        let at = |one: &Container| Some((one.id.clone(), afar(one).or(one.address)?));
        containers.iter().filter_map(at).collect()
    }
}

impl Hub {
    /// Waits until nothing of a version, or only of these `containers` of it, is under way on any connected
    /// edge, for at most `within`. Returns the edges of which that is not known.
    pub async fn rest(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        containers: Option<&[Container]>,
        within: Duration,
    ) -> Vec<EdgeName> {
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let ask = |edge: &mut Edge| {
            let (answer, asked) = oneshot::channel();
            let nonce = rand::random();
            edge.ending.insert(nonce, answer);
            let containers = containers.map(|containers| edge.reached(containers));
            let service = service.clone();
            let rest = ToEdge::Rest { nonce, service, version, containers, within_ms };
            let _ = edge.outbox.send(rest);
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
