//! Containers that leave: they are out of every edge's table first, and may be ended when nothing of them
//! is in flight any more. This is waited for beside a service's loop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use launcher_model::VersionNumber;
use launcher_model::container::Container;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::Inner;
use crate::away::have_all_followed;
use crate::slot::Slot;

/// From one look for edges that have not followed to the next.
const AGAIN: Duration = Duration::from_secs(1);

/// How long an edge is waited for that is not connected: one is, right after a start.
const EDGE_WAIT: Duration = Duration::from_secs(3);

/// The containers of one service that leave, by when they began to.
#[derive(Default)]
pub(crate) struct Leaving(Vec<Group>);

/// Containers of one version that left the table together.
struct Group {
    version: VersionNumber,
    containers: BTreeSet<String>,
    task: AbortHandle,
    over: Arc<AtomicBool>,
}

impl Drop for Group {
    fn drop(&mut self) {
        self.task.abort();
    }
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
    /// away, is not waited for.
    pub(crate) fn follow(
        &mut self,
        (inner, slot): (&Arc<Inner>, &Arc<Slot>),
        version: VersionNumber,
        mut containers: Vec<Container>,
        revision: u64,
        within: Duration,
    ) {
        containers.retain(|one| !self.0.iter().any(|group| group.containers.contains(&one.id)));
        if containers.is_empty() {
            return;
        }
        let ids = containers.iter().map(|container| container.id.clone()).collect();
        let over = Arc::new(AtomicBool::new(false));
        let (inner, slot, told) = (Arc::clone(inner), Arc::clone(slot), Arc::clone(&over));
        let task = tokio::spawn(async move {
            rest(&inner, &slot, version, &containers, revision, within).await;
            told.store(true, Ordering::Release);
            slot.wake();
        });
        let task = task.abort_handle();
        self.0.push(Group { version, containers: ids, task, over });
    }

    /// The containers of a version that may be ended.
    pub(crate) fn released(&self, version: VersionNumber) -> BTreeSet<String> {
        let over = |group: &&Group| group.version == version && group.over.load(Ordering::Acquire);
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
    inner.hub.wait_for_an_edge(EDGE_WAIT.min(within)).await;
    let at_rest = async {
        while !have_come_to_rest(inner, slot, version, containers, revision, until).await {
            tokio::time::sleep(AGAIN).await;
        }
    };
    if tokio::time::timeout_at(until, at_rest).await.is_err() {
        let containers = containers.len();
        tracing::info!(service = %slot.name, %version, containers, "what still is under way is cut, or on an edge that is away");
    }
    launcher_fault::point("container.released");
}

async fn have_come_to_rest(
    inner: &Inner,
    slot: &Slot,
    version: VersionNumber,
    containers: &[Container],
    revision: u64,
    until: Instant,
) -> bool {
    match have_all_followed(inner, &slot.name, revision).await {
        Ok(true) => {
            let within = until.saturating_duration_since(Instant::now());
            inner.hub.rest(&slot.name, version, Some(containers), within).await.is_empty()
        }
        Ok(false) => false,
        Err(error) => {
            tracing::warn!(service = %slot.name, %version, %error, "cannot tell whether edges have followed");
            false
        }
    }
}
