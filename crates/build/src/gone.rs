//! What is removed with a service: its repository, and what was sent in to be built. Records and logs of its
//! builds stay, as history does.

use std::sync::Arc;

use launcher_model::BuildId;
use launcher_model::event::EventKind;
use tokio::sync::broadcast::error::RecvError;

use crate::Builds;
use crate::builds::Inner;
use crate::source::CONTEXT;

impl Builds {
    /// Begins to remove what services leave that are deleted.
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

/// Removes what belongs to no service any more. A service that is created meanwhile makes its own with the
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
    sweep_sources(inner).await;
}

/// Removes what was sent in for builds of services that are gone: nothing of it can be retried.
async fn sweep_sources(inner: &Inner) {
    let Ok(mut found) = tokio::fs::read_dir(inner.logs.root()).await else { return };
    while let Ok(Some(entry)) = found.next_entry().await {
        let id = entry.file_name().to_str().and_then(|name| name.parse().ok()).map(BuildId);
        let Some(id) = id else { continue };
        let context = entry.path().join(CONTEXT);
        if !tokio::fs::try_exists(&context).await.unwrap_or(false) {
            continue;
        }
        let Ok(Some(build)) = inner.store.build(id).await else { continue };
        if let Ok(None) = inner.store.service(&build.service).await
            && let Err(error) = tokio::fs::remove_file(&context).await
        {
            tracing::warn!(build = %id, %error, "what was sent in for a service that is gone is left");
        }
    }
}
