//! A branch on a code host is at another commit by the time that its build begins.

use std::sync::Arc;

use launcher_model::build::{Build, BuildState, Origin};
use launcher_store::{BuildFilter, NewBuild, Page};

use crate::builds::Inner;
use crate::{Builds, Result, git};

/// Queues the build of what the branch is at, unless it was told of already. Before the other one ends:
/// a server that is killed in between does this again.
pub(super) async fn queue(
    inner: &Arc<Inner>,
    build: &Build,
    branch: &str,
    commit: &str,
) -> Result<()> {
    let builds = Builds { inner: Arc::clone(inner) };
    if is_known(inner, build, branch, commit).await? {
        return Ok(());
    }
    let told = git::read(&inner.repositories.of(&build.service), commit).await?;
    let new = NewBuild {
        service: build.service.clone(),
        origin: Origin::Hook,
        branch: Some(branch.to_owned()),
        commit: Some(told.id),
        subject: Some(told.subject),
        author: told.author,
        by: build.by.clone(),
    };
    builds.queue(new).await.map(drop)
}

/// So many builds of the branch are looked at.
const LOOKED_AT: u32 = 100;

/// Whether the newest other build of the branch, of those that were not replaced, is of this commit.
async fn is_known(inner: &Inner, build: &Build, branch: &str, commit: &str) -> Result<bool> {
    let filter = BuildFilter {
        service: Some(build.service.clone()),
        among: None,
        branch: Some(branch.to_owned()),
        page: Page { before: None, limit: LOOKED_AT },
    };
    let builds = inner.store.builds(&filter).await?;
    let mut others = builds.iter().filter(|other| other.id != build.id);
    let newest = others.find(|other| other.state != BuildState::Superseded);
    Ok(newest.is_some_and(|newest| newest.commit.as_deref() == Some(commit)))
}
