//! Containers that leave: they are out of every edge's table first, and may be ended when nothing of them
//! is in flight any more. This is waited for beside a service's loop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use launcher_model::VersionNumber;
use launcher_model::container::Container;
use tokio::time::Instant;

use crate::Inner;
use crate::rest::{AGAIN, Waiting, until_followed};
use crate::slot::Slot;

/// The containers of one service that leave, by when they began to.
#[derive(Default)]
pub(crate) struct Leaving(Vec<Group>);

/// Containers of one version that left the table together.
struct Group {
    version: VersionNumber,
    containers: BTreeSet<String>,
    waiting: Waiting,
}

impl Leaving {
    /// Forgets all but these: one that is to serve again, and leaves later, is waited for anew.
    pub(crate) fn retain(&mut self, leaving: &BTreeSet<String>) {
        for group in &mut self.0 {
            group.containers.retain(|container| leaving.contains(container));
        }
        self.0.retain(|group| !group.containers.is_empty());
    }

    /// Waits for these containers of a version, unless it does already. They are not in the table of this
    /// revision, nor in a newer one. What still is under way after `within`, or may be on an edge that is
    /// away, is not waited for. They are kept for `least`, whatever is under way.
    pub(crate) fn follow(
        &mut self,
        (inner, slot): (&Arc<Inner>, &Arc<Slot>),
        version: VersionNumber,
        mut containers: Vec<Container>,
        revision: u64,
        within: Duration,
        least: Duration,
    ) {
        containers.retain(|one| !self.0.iter().any(|group| group.containers.contains(&one.id)));
        if containers.is_empty() {
            return;
        }
        let ids = containers.iter().map(|container| container.id.clone()).collect();
        let (inner, own) = (Arc::clone(inner), Arc::clone(slot));
        let waiting = Waiting::begin(Arc::clone(slot), async move {
            let kept = tokio::time::sleep(least);
            tokio::join!(rest(&inner, &own, version, &containers, revision, within), kept);
            launcher_fault::point("container.released");
        });
        self.0.push(Group { version, containers: ids, waiting });
    }

    /// The containers of a version that may be ended.
    pub(crate) fn released(&self, version: VersionNumber) -> BTreeSet<String> {
        let over = |group: &&Group| group.version == version && group.waiting.is_over();
        self.0.iter().filter(over).flat_map(|group| group.containers.iter().cloned()).collect()
    }
}

/// Waits until nothing of these containers is under way on any edge, or the time is over.
async fn rest(
    inner: &Inner,
    slot: &Slot,
    version: VersionNumber,
    containers: &[Container],
    revision: u64,
    within: Duration,
) {
    let until = Instant::now() + within;
    inner.hub.wait_for_an_edge(inner.config.edge_wait.min(within)).await;
    let at_rest = async {
        loop {
            until_followed(inner, slot, version, revision).await;
            let left = until.saturating_duration_since(Instant::now());
            if inner.hub.rest(&slot.name, version, Some(containers), left).await.is_empty() {
                return;
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    if tokio::time::timeout_at(until, at_rest).await.is_err() {
        let containers = containers.len();
        tracing::info!(service = %slot.name, %version, containers, "what still is under way is cut, or on an edge that is away");
    }
}
