//! Waiting, beside a service's loop, until edges have followed and nothing of what leaves is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use launcher_model::VersionNumber;
use tokio::task::AbortHandle;

use crate::Inner;
use crate::away::have_all_followed;
use crate::slot::Slot;

/// From one look for edges that have not followed to the next.
pub(crate) const AGAIN: Duration = Duration::from_secs(1);

/// Something that is waited for, until this is dropped.
pub(crate) struct Waiting {
    task: AbortHandle,
    over: Arc<AtomicBool>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Waiting {
    /// Waits for the end of `rest`, and wakes the service's loop then.
    pub(crate) fn begin(slot: Arc<Slot>, rest: impl Future<Output = ()> + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let task = tokio::spawn(async move {
            rest.await;
            told.store(true, Ordering::Release);
            slot.wake();
        });
        Self { task: task.abort_handle(), over }
    }

    /// Whether that has come.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

/// Waits until every edge has the table of this revision, or a newer one.
pub(crate) async fn until_followed(
    inner: &Inner,
    slot: &Slot,
    version: VersionNumber,
    revision: u64,
) {
    loop {
        match have_all_followed(inner, &slot.name, revision).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(service = %slot.name, %version, %error, "cannot tell whether edges have followed");
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
