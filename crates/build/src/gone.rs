//! What is removed with a service: its repository. Records and logs of its builds stay, as history does.

use std::sync::Arc;

use launcher_model::event::EventKind;
use tokio::sync::broadcast::error::RecvError;

use crate::Builds;
use crate::builds::Inner;

impl Builds {
    /// Begins to remove the repositories of services that are deleted.
    pub(crate) fn follow_deletions(&self) {
        let (inner, stop) = (Arc::clone(&self.inner), self.inner.stop.clone());
        tokio::spawn(async move { stop.run_until_cancelled(follow(inner)).await });
    }
}

async fn follow(inner: Arc<Inner>) {
    let mut events = inner.store.watch();
    loop {
        match events.recv().await {
            Ok(event) if event.kind == EventKind::ServiceDeleted => {}
            Ok(_) => continue,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
        sweep(&inner).await;
    }
}

/// Removes the repositories that no service has. A service that is created meanwhile makes its own with the
/// first push, and that waits for the same lock.
pub(crate) async fn sweep(inner: &Inner) {
    let _placing = inner.placing.lock().await;
    for service in inner.repositories.all().await {
        match inner.store.service(&service).await {
            Ok(None) => {}
            Ok(Some(_)) => continue,
            Err(error) => {
                tracing::warn!(%service, %error, "it is not known whether this service is there");
                continue;
            }
        }
        if let Err(error) = inner.repositories.remove(&service).await {
            tracing::warn!(%service, %error, "the repository of a service that is gone is left");
        }
    }
}
