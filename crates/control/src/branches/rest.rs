//! Versions that no edge sends requests to any more, and that come to rest.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use launcher_model::{EdgeName, VersionNumber};

use crate::Inner;
use crate::rest::{Waiting, until_followed};
use crate::slot::Slot;

/// The versions of one service that are waited for.
#[derive(Default)]
pub(crate) struct Rests(HashMap<VersionNumber, Waiting>);

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
            let (inner, own) = (Arc::clone(inner), Arc::clone(slot));
            Waiting::begin(Arc::clone(slot), async move {
                rest(&inner, &own, version, revision, within).await;
            })
        });
        waiting.is_over()
    }

    /// Waits for no others than these.
    pub(crate) fn retain(&mut self, versions: &BTreeSet<VersionNumber>) {
        self.0.retain(|version, _| versions.contains(version));
    }
}

async fn rest(inner: &Inner, slot: &Slot, version: VersionNumber, revision: u64, within: Duration) {
    inner.hub.wait_for_an_edge(inner.config.edge_wait).await;
    until_followed(inner, slot, version, revision).await;
    launcher_fault::point("branch.followed");
    let busy = inner.hub.rest(&slot.name, version, None, within).await;
    if !busy.is_empty() {
        let edges: Vec<&str> = busy.iter().map(EdgeName::as_str).collect();
        tracing::info!(service = %slot.name, %version, ?edges, "what still is under way is cut");
    }
}
