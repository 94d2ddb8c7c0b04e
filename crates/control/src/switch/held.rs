//! Holding new requests around a flip: from before the decision until all edges have flipped.

use std::time::Duration;

use launcher_model::DeploymentId;
use launcher_model::route::HoldReceipt;

use crate::slot::Slot;
use crate::{Error, Inner, Result};

/// Has every edge hold, does what is to be done then, and releases, however that has ended. When an edge
/// cannot hold, nothing is done, and what was prepared is forgotten.
pub(super) async fn around<T>(
    inner: &Inner,
    slot: &Slot,
    id: DeploymentId,
    within: Duration,
    act: impl Future<Output = Result<T>>,
) -> Result<(T, HoldReceipt)> {
    let rested = inner.hub.hold(&slot.name, within).await.map_err(|why| {
        inner.hub.abort(id);
        Error::aborted(id, &why)
    })?;
    launcher_fault::point("switch.held");
    let done = act.await;
    let released = inner.hub.release(&slot.name).await;
    let hold = HoldReceipt {
        requests: released.requests,
        longest_us: released.longest_us,
        rested,
        lapsed: released.lapsed,
    };
    done.map(|done| (done, hold))
}
