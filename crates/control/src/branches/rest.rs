//! Waits until no edge sends requests to a version any more and nothing of it is under way, beside a
//! service's loop.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use launcher_model::{EdgeName, VersionNumber};
use tokio::task::AbortHandle;

use crate::Inner;
use crate::away::have_all_followed;
use crate::slot::Slot;

/// From one look for edges that have not followed to the next.
const AGAIN: Duration = Duration::from_secs(1);

/// How long an edge is waited for that is not connected: one is, right after a start.
const EDGE_WAIT: Duration = Duration::from_secs(3);

/// The versions of one service that are waited for.
#[derive(Default)]
pub(crate) struct Rests(HashMap<VersionNumber, Waiting>);

struct Waiting {
    task: AbortHandle,
    over: Arc<AtomicBool>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Rests {
    /// Whether a version has come to rest since it was asked for first. From then on the table of this
    /// revision, or a newer one, must lead nobody there. What still is under way after `within` is not
    /// waited for.
    pub(crate) fn is_over(
        &mut self,
        inner: &Arc<Inner>,
        slot: &Arc<Slot>,
        version: VersionNumber,
        revision: u64,
        within: Duration,
    ) -> bool {
        let waiting = self.0.entry(version).or_insert_with(|| {
            let over = Arc::new(AtomicBool::new(false));
            let (inner, slot, told) = (Arc::clone(inner), Arc::clone(slot), Arc::clone(&over));
            let task = tokio::spawn(async move {
                rest(&inner, &slot, version, revision, within).await;
                told.store(true, Ordering::Release);
                slot.wake();
            });
            Waiting { task: task.abort_handle(), over }
        });
        waiting.over.load(Ordering::Acquire)
    }

    /// Waits for no others than these.
    pub(crate) fn retain(&mut self, versions: &BTreeSet<VersionNumber>) {
        self.0.retain(|version, _| versions.contains(version));
    }
}

async fn rest(inner: &Inner, slot: &Slot, version: VersionNumber, revision: u64, within: Duration) {
    inner.hub.wait_for_an_edge(EDGE_WAIT).await;
    loop {
        match have_all_followed(inner, &slot.name, revision).await {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(service = %slot.name, %version, %error, "cannot tell whether edges have followed");
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
    launcher_fault::point("branch.followed");
    let busy = inner.hub.rest(&slot.name, version, None, within).await;
    if !busy.is_empty() {
        let edges: Vec<&str> = busy.iter().map(EdgeName::as_str).collect();
        tracing::info!(service = %slot.name, %version, ?edges, "what still is under way is cut");
    }
}
