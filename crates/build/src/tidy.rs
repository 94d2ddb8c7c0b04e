//! What is removed as builds get old, and as repositories grow. Records stay.

use launcher_model::ServiceName;
use launcher_model::build::Origin;
use launcher_store::{BuildFilter, Page};

use crate::builds::Inner;
use crate::source::CONTEXT;

/// The logs of so many of a service's builds are kept.
const LOGS: usize = 100;
/// So many builds beyond those are looked at.
const LOOKED_AT: u32 = 120;
/// Of so many of a service's builds, what was sent in is kept, so that they can be retried.
const SOURCES: usize = 5;

/// Removes the files of a service's old builds, and has git tidy up. What cannot be removed now will be after the next build.
pub(crate) async fn tidy(inner: &Inner, service: &ServiceName) {
    let page = Page { before: None, limit: LOOKED_AT };
    let filter = BuildFilter { service: Some(service.clone()), among: None, branch: None, page };
    let Ok(builds) = inner.store.builds(&filter).await else { return };
    for old in builds.iter().skip(LOGS) {
        let _ = tokio::fs::remove_dir_all(inner.logs.folder(old.id)).await;
    }
    let sent_in = builds.iter().filter(|build| build.origin == Origin::Upload);
    for old in sent_in.filter(|build| build.state.is_over()).skip(SOURCES) {
        let _ = tokio::fs::remove_file(inner.logs.folder(old.id).join(CONTEXT)).await;
    }
    let (repository, stop) = (inner.repositories.of(service), inner.stop.clone());
    if !repository.is_there().await {
        return;
    }
    // It takes its time, and is in nobody's way: git lets no second one in.
    tokio::spawn(async move {
        if let Some(Err(error)) = stop.run_until_cancelled(repository.tidy()).await {
            tracing::warn!(service = %repository.service, %error, "a repository was not tidied up");
        }
    });
}
